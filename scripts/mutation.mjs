// `npm run mutation -- messages crypto …`: mutates one folder of src after the other; all of them by default.
// `npm run mutation -- src/http/exchange/legs.ts`: one file, with the tests of its folder.
// `--sample 0.2 [--seed 7]`: a fifth of the lines only, drawn at random in blocks, file by file.
// `--tests 'http/exchange/legs'`: against these test files alone (of test/, without their ending; several with commas).
// `--again coverage/mutation-http-exchange.json`: what that run left alive or did not try, and nothing else.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** `http` stands for its rooms. */
const HTTP = ['wire', 'authentication', 'exchange', 'routes', 'doors', 'server'].map((room) => `http/${room}`);
const ALL = ['messages', 'crypto', 'legacy', 'machine', 'session', 'spnego', 'snapshot', 'acceptor', 'kerberos', 'http'];
/** Lines of one drawn block: long enough for whole statements, short enough for a sample to meet most functions. */
const BLOCK = 15;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sample: { type: 'string' }, seed: { type: 'string', default: '1' }, tests: { type: 'string' }, again: { type: 'string' } },
});
const share = Number(values.sample ?? 1);
if (!(share > 0 && share <= 1)) throw new RangeError('--sample takes a share between 0 and 1, as 0.2.');

let state = Number(values.seed) >>> 0;
/** A number in [0, 1) that the seed decides (mulberry32). */
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

function drawn(folder) {
  const names = readdirSync(`src/${folder}`, { recursive: true }).sort();
  const files = names.filter((name) => name.endsWith('.ts') && !name.endsWith('index.ts')).map((name) => `src/${folder}/${name}`);
  return [...files, ...(folder === 'spnego' ? ['src/der.ts'] : [])].flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n').length;
    const starts = Array.from({ length: Math.ceil(lines / BLOCK) }, (_, at) => at * BLOCK + 1);
    return starts.filter(() => random() < share).map((start) => `${file}:${start}-${start + BLOCK - 1}`);
  });
}

/** By how many lines a mutant has moved since `then`: to the nearest place where its own lines stand; `undefined` where they do not. */
function movedBy({ start, end }, then, now) {
  const own = then.slice(start.line - 1, end.line);
  const places = now.map((_, at) => at).filter((at) => own.every((line, i) => now[at + i] === line));
  return places.map((at) => at + 1 - start.line).sort((a, b) => Math.abs(a) - Math.abs(b))[0];
}

/** The mutants of an earlier report that no test has noticed, by the folder whose tests they are held against. */
function unnoticed(report) {
  const ranges = new Map();
  const lost = new Set();
  for (const [file, { source, mutants }] of Object.entries(JSON.parse(readFileSync(report, 'utf8')).files)) {
    const [then, now] = [source, readFileSync(file, 'utf8')].map((text) => text.split('\n'));
    for (const { status, location } of mutants) {
      if (!['Survived', 'NoCoverage', 'Pending'].includes(status)) continue;
      const { start, end } = location;
      const moved = movedBy(location, then, now);
      if (moved === undefined) {
        lost.add(`${file}:${start.line}`);
        continue;
      }
      // Columns count from 1 in a report, from 0 in a range.
      const range = `${file}:${start.line + moved}:${start.column - 1}-${end.line + moved}:${end.column - 1}`;
      ranges.set(folderOf(file), (ranges.get(folderOf(file)) ?? new Set()).add(range));
    }
  }
  if (lost.size > 0) console.warn(`Changed since ${report}, and not tried: ${[...lost].join(', ')}`);
  return [...ranges].map(([folder, mutated]) => ({ folder, mutated: [...mutated] }));
}

/** Of a file of src. */
function folderOf(file) {
  const rooms = file.split('/').slice(1, -1);
  return rooms.slice(0, rooms[0] === 'http' ? 2 : 1).join('/') || 'spnego'; // der.ts
}

function whole(folder) {
  return [`src/${folder}/**/*.ts`, ...(folder === 'spnego' ? ['src/der.ts'] : []), '!src/**/index.ts'];
}

function runsOf(name) {
  if (name.endsWith('.ts')) return [{ folder: folderOf(name), mutated: [name] }];
  return (name === 'http' ? HTTP : [name]).map((folder) => ({ folder, mutated: share < 1 ? drawn(folder) : whole(folder) }));
}

const runs = values.again !== undefined ? unnoticed(values.again) : (positionals.length > 0 ? positionals : ALL).flatMap(runsOf);
let failed = false;
mkdirSync('coverage', { recursive: true });
for (const { folder, mutated } of runs) {
  const { status } = spawnSync('npx', ['stryker', 'run', '--mutate', mutated.join(',')], {
    stdio: 'inherit',
    env: { ...process.env, MUTATED: folder, ...(values.tests === undefined ? {} : { MUTATED_TESTS: values.tests }) },
  });
  failed ||= status !== 0;
  try {
    renameSync('coverage/mutation.json', `coverage/mutation-${folder.replace('/', '-')}.json`);
  } catch {
    failed = true;
  }
}
process.exitCode = failed ? 1 : 0;
