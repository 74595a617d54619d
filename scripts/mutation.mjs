// `npm run mutation -- messages crypto …`: mutates one folder of src after the other; all of them by default.
import { spawnSync } from 'node:child_process';
import { renameSync } from 'node:fs';

const folders = process.argv.slice(2);
let failed = false;
for (const folder of folders.length > 0 ? folders : ['messages', 'crypto', 'legacy', 'machine', 'session', 'spnego', 'snapshot']) {
  const files = [`src/${folder}/**/*.ts`, ...(folder === 'spnego' ? ['src/der.ts'] : []), '!src/**/index.ts'].join(',');
  const { status } = spawnSync('npx', ['stryker', 'run', '--mutate', files], {
    stdio: 'inherit',
    env: { ...process.env, MUTATED: folder },
  });
  failed ||= status !== 0;
  try {
    renameSync('coverage/mutation.json', `coverage/mutation-${folder}.json`);
  } catch {
    failed = true;
  }
}
process.exitCode = failed ? 1 : 0;
