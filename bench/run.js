/** Makes ready what the benchmarks need, then runs them: the entry of `npm run bench`. */
import { spawnSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('.', import.meta.url));
const args = process.argv.slice(2);

if (!existsSync(`${bench}node_modules/httpntlm`)) {
  console.error('installing what ntlmachine is measured beside');
  run('npm', ['ci', '--prefix', bench, '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] });
}
// The package by its public name; as a dependency in package.json it would drag its own lock file in.
if (!existsSync(`${bench}node_modules/ntlmachine`)) symlinkSync('../..', `${bench}node_modules/ntlmachine`, 'dir');

for (const project of ['tsconfig.support.json', 'tsconfig.json']) run(process.execPath, ['../node_modules/typescript/bin/tsc', '-p', project]);
run(process.execPath, ['--expose-gc', '--min-semi-space-size=16', 'dist/main.js', ...args]);

function run(file, args, options = {}) {
  const { status } = spawnSync(file, args, { cwd: bench, stdio: 'inherit', ...options });
  if (status !== 0) process.exit(status ?? 1);
}
