/** The playground from the built package, three files that stand alone: `node site/playground/build.mjs FOLDER`. */
import { copyFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
const root = resolve(here, '../..');

const [folder] = process.argv.slice(2);

await build({
  entryPoints: [join(here, 'main.ts')],
  outfile: join(folder, 'main.js'),
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2023',
  minify: true,
  legalComments: 'none',
  tsconfigRaw: {}, // its paths are Node's
});
for (const file of ['index.html', 'style.css']) copyFileSync(join(here, file), join(folder, file));
