/**
 * `npm run bench [-- PART…] [--json] [--quick] [--write]`
 *
 * Measures the parts named, or all but the ten minutes of `soak`. `--json` prints data instead of tables, `--quick`
 * takes a few short rounds, `--write` keeps the results in bench/results.json and writes docs/performance.md from them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { performanceDocument, resultOf, type Result } from './document.ts';
import type { MeasureOptions } from './measure.ts';
import { actorPart } from './parts/actor.ts';
import { handshakePart } from './parts/handshake.ts';
import { httpPart } from './parts/http.ts';
import { scalePart } from './parts/scale.ts';
import { sealingPart } from './parts/sealing.ts';
import { sizePart } from './parts/size.ts';
import { soakPart } from './parts/soak.ts';
import type { Section } from './section.ts';
import { printSection } from './terminal.ts';

const parts: Readonly<Record<string, (options: MeasureOptions) => Section | Promise<Section>>> = {
  handshake: handshakePart,
  actor: actorPart,
  http: httpPart,
  sealing: sealingPart,
  scale: scalePart,
  size: sizePart,
  soak: soakPart,
};

const resultsFile = new URL('../results.json', import.meta.url);
const findingsFile = new URL('../findings.md', import.meta.url);
const documentFile = new URL('../../docs/performance.md', import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, write: { type: 'boolean' } },
});
const unknown = positionals.find((name) => !(name in parts));
if (unknown !== undefined) {
  console.error(`no part "${unknown}"; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

const options: MeasureOptions = values.quick ? { rounds: 5, milliseconds: 20 } : { rounds: 75, milliseconds: 20 };
const results: Result[] = [];
for (const [name, run] of Object.entries(parts)) {
  if (positionals.length > 0 ? !positionals.includes(name) : name === 'soak') continue;
  const section = await run(options);
  results.push(resultOf(section));
  if (!values.json) printSection(section);
}
if (values.json) console.log(JSON.stringify(results, undefined, 2));
if (values.write) keep(results);

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
