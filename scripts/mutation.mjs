// `npm run mutation -- messages crypto …`: mutates one folder of src after the other; all of them by default.
import { spawnSync } from 'node:child_process';
import { renameSync } from 'node:fs';

/** `http` stands for its rooms. */
const HTTP = ['wire', 'authentication', 'exchange', 'routes', 'doors', 'server'].map((room) => `http/${room}`);
const ALL = ['messages', 'crypto', 'legacy', 'machine', 'session', 'spnego', 'snapshot', 'acceptor', 'http'];

const given = process.argv.slice(2);
const folders = (given.length > 0 ? given : ALL).flatMap((folder) => (folder === 'http' ? HTTP : [folder]));
let failed = false;
for (const folder of folders) {
  const files = [`src/${folder}/**/*.ts`, ...(folder === 'spnego' ? ['src/der.ts'] : []), '!src/**/index.ts'].join(',');
  const { status } = spawnSync('npx', ['stryker', 'run', '--mutate', files], {
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
