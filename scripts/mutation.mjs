// `npm run mutation -- messages crypto …`: mutates one folder of src after the other; all of them by default.
// `--sample 0.2 [--seed 7]`: a fifth of the lines only, drawn at random in blocks, file by file.
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
  options: { sample: { type: 'string' }, seed: { type: 'string', default: '1' } },
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

const folders = (positionals.length > 0 ? positionals : ALL).flatMap((folder) => (folder === 'http' ? HTTP : [folder]));
let failed = false;
mkdirSync('coverage', { recursive: true });
for (const folder of folders) {
  const whole = [`src/${folder}/**/*.ts`, ...(folder === 'spnego' ? ['src/der.ts'] : []), '!src/**/index.ts'];
  const mutated = share < 1 ? drawn(folder) : whole;
  const { status } = spawnSync('npx', ['stryker', 'run', '--mutate', mutated.join(',')], {
    stdio: 'inherit',
    env: { ...process.env, MUTATED: folder },
  });
  failed ||= status !== 0;
  try {
    renameSync('coverage/mutation.json', `coverage/mutation-${folder.replace('/', '-')}.json`);
  } catch {
    failed = true;
  }
}
process.exitCode = failed ? 1 : 0;
