/** The playground from the built package, three files that stand alone: `node site/playground/build.mjs FOLDER`. */
import { copyFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
const root = resolve(here, '../..');

const [folder] = process.argv.slice(2);

await build({
  entryPoints: ['main.ts', 'style.css'].map((file) => join(here, file)),
  outdir: folder,
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2023',
  minify: true,
  legalComments: 'none',
  tsconfigRaw: {}, // its paths are Node's
});
copyFileSync(join(here, 'index.html'), join(folder, 'index.html'));
