/** The site, in site/dist: the reference from the docstrings, the pages from docs, the playground from the built package. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;

/** The tools have a package of their own: installed where that is not done, or is done for another lock. */
function install() {
  const [lock, installed] = ['package-lock.json', 'node_modules/.installed-lock.json'].map((name) => join(here, name));
  if (existsSync(installed) && readFileSync(installed).equals(readFileSync(lock))) return;
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: here, stdio: 'inherit' });
  copyFileSync(lock, installed);
}

install();
mkdirSync(join(here, 'public'), { recursive: true });
copyFileSync(join(here, '../src/visualize/page/assets/icon.svg'), join(here, 'public/icon.svg'));
const [{ writeReference }, { buildPlayground }, vitepress] = await Promise.all([import('./reference.mjs'), import('./playground/build.mjs'), import('vitepress')]);
await writeReference();
if (process.argv[2] === 'dev') {
  const server = await vitepress.createServer(here);
  await server.listen();
  server.printUrls();
} else {
  await vitepress.build(here);
  await buildPlayground(join(here, 'dist', 'playground'));
}
