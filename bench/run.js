/** Makes ready what the benchmarks need, then runs them: the entry of `npm run bench` and `npm run size`. */
import { spawnSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('.', import.meta.url));
const [command, ...rest] = process.argv.slice(2);

if (!existsSync(`${bench}node_modules/size-limit`)) {
  console.error('installing what ntlmachine is measured beside');
  run('npm', ['ci', '--prefix', bench, '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] });
}
// The package by its public name; as a dependency in package.json it would drag its own lock file in.
if (!existsSync(`${bench}node_modules/ntlmachine`)) symlinkSync('../..', `${bench}node_modules/ntlmachine`, 'dir');

if (command === 'size') {
  run(process.execPath, ['node_modules/size-limit/bin.js', ...rest]);
} else {
  for (const project of ['tsconfig.support.json', 'tsconfig.json']) run(process.execPath, ['../node_modules/typescript/bin/tsc', '-p', project]);
  // The young generation as large as that of a process which has run for a while: it starts at a sixteenth.
  run(process.execPath, ['--expose-gc', '--min-semi-space-size=16', 'dist/main.js', ...rest]);
}

function run(file, args, options = {}) {
  const { status } = spawnSync(file, args, { cwd: bench, stdio: 'inherit', ...options });
  if (status !== 0) process.exit(status ?? 1);
}
