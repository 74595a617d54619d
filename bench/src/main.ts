/** The command behind `npm run bench`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { performanceDocument, resultOf, type Result } from './document.ts';
import type { MeasureOptions } from './measure.ts';
import { actorPart } from './parts/actor.ts';
import { handshakePart } from './parts/handshake.ts';
import { carriersPart } from './parts/carriers.ts';
import { gatewayPart } from './parts/gateway.ts';
import { transfersPart } from './parts/transfers.ts';
import { httpPart } from './parts/http.ts';
import { scalePart } from './parts/scale.ts';
import { sealingPart } from './parts/sealing.ts';
import { sizePart } from './parts/size.ts';
import { soakPart } from './parts/soak.ts';
import { startPart } from './parts/start.ts';
import type { Section } from './section.ts';
import { printSection } from './terminal.ts';

const parts: Readonly<Record<string, (options: MeasureOptions) => Section | Promise<Section>>> = {
  handshake: handshakePart,
  actor: actorPart,
  http: httpPart,
  carriers: carriersPart,
  gateway: gatewayPart,
  transfers: transfersPart,
  sealing: sealingPart,
  scale: scalePart,
  start: startPart,
  size: sizePart,
  soak: soakPart,
};

/** Measured where they are named. */
const apart: ReadonlySet<string> = new Set(['soak', 'gateway', 'transfers']);

const resultsFile = new URL('../results.json', import.meta.url);
const findingsFile = new URL('../findings.md', import.meta.url);
const documentFile = new URL('../../docs/performance.md', import.meta.url);

const usage = `Usage: npm run bench -- [PART…] [options]

Measures the parts named, or all but the ten minutes of soak and what needs Squid (gateway, transfers).
Parts: ${Object.keys(parts).join(', ')}

  --json   data instead of tables
  --quick  a few short rounds
  --write  keep the results in bench/results.json, and write docs/performance.md from them
  --help   this text`;

const { values, positionals } = readArguments();
if (values.help) {
  console.log(usage);
  process.exit(0);
}

// Programs under measure are ended at this process's exit, which a signal alone would pass by.
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));

const options: MeasureOptions = values.quick ? { rounds: 5, milliseconds: 20 } : { rounds: 75, milliseconds: 20 };
const results: Result[] = [];
for (const [name, run] of Object.entries(parts)) {
  if (positionals.length > 0 ? !positionals.includes(name) : apart.has(name)) continue;
  const section = await run(options);
  results.push(resultOf(section));
  if (!values.json) printSection(section);
}
if (values.json) console.log(JSON.stringify(results, undefined, 2));
if (values.write) keep(results);

function readArguments() {
  const flag = { type: 'boolean' } as const;
  try {
    const read = parseArgs({ allowPositionals: true, options: { json: flag, quick: flag, write: flag, help: { ...flag, short: 'h' } } });
    const unknown = read.positionals.find((name) => !Object.hasOwn(parts, name));
    if (unknown === undefined) return read;
    console.error(`no part "${unknown}"`);
  } catch (error) {
    console.error((error as Error).message);
  }
  console.error(usage);
  process.exit(2);
}

/** New results take the place of older ones of the same part. */
function keep(fresh: readonly Result[]): void {
  const older = existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as Result[]) : [];
  const all = Object.keys(parts).flatMap((name) => {
    const result = [...fresh, ...older].find(({ section }) => section.id === name);
    return result === undefined ? [] : [result];
  });
  writeFileSync(resultsFile, `${JSON.stringify(all, undefined, 2)}\n`);
  writeFileSync(documentFile, performanceDocument(all, readFileSync(findingsFile, 'utf8')));
}
