/**
 * Installs the package `kerberos`, which builds from source, into a folder of its own: nothing else is tested with it. Needs
 * a compiler and libkrb5-dev (scripts/install-servers.sh). Prints the folder.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'test/interop/packages');
const FILES = ['package.json', 'package-lock.json'];
const folder = join(root, '.packages');

const isInstalled = () =>
  existsSync(join(folder, 'node_modules/kerberos/build/Release/kerberos.node')) &&
  FILES.every((file) => existsSync(join(folder, file)) && readFileSync(join(folder, file)).equals(readFileSync(join(source, file))));

if (!isInstalled()) {
  // Made beside it and then moved: one who is interrupted, or is the second, leaves nothing half done.
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  for (const file of FILES) copyFileSync(join(source, file), join(making, file));
  // Where Node's headers came along with Node, they are not downloaded.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include/node/node.h')) ? { npm_config_nodedir: prefix } : {};
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts=false', '--foreground-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: making,
    env: { ...process.env, ...headers },
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    rmSync(making, { recursive: true, force: true });
    console.error('The package kerberos cannot be installed: scripts/install-servers.sh installs what it is built with.');
    process.exit(1);
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
}
console.log(folder);
