/** The site, in site/dist: the reference from the docstrings, the pages from docs, the playground from the built package. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const pages = join(here, 'pages');

/** The tools have a package of their own: installed where that is not done, or is done for another lock. */
function install() {
  const [lock, installed] = ['package-lock.json', 'node_modules/.installed-lock.json'].map((name) => join(pages, name));
  if (existsSync(installed) && readFileSync(installed).equals(readFileSync(lock))) return;
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: pages, stdio: 'inherit' });
  copyFileSync(lock, installed);
}

install();
mkdirSync(join(pages, 'public'), { recursive: true });
copyFileSync(join(here, '../src/visualize/page/assets/icon.svg'), join(pages, 'public/icon.svg'));
const { buildPages, servePages } = await import('./pages/build.mjs');
if (process.argv[2] === 'dev') await servePages();
else {
  await buildPages();
  execFileSync(process.execPath, [join(here, 'playground/build.mjs'), join(here, 'dist/playground')], { stdio: 'inherit' });
}
