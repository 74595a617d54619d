/** Part 6: what a browser downloads, and what npm does. The limits stand in `limits.json`; a test holds them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { progress } from '../measure.ts';
import { kilobytes, table, type Section } from '../section.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const limits = JSON.parse(readFileSync(`${root}bench/limits.json`, 'utf8')) as {
  readonly 'minified and gzipped, kB': Readonly<Record<string, number>>;
  readonly 'tarball, kB': number;
};

/** Bytes of the entry points together. Without `tsconfigRaw` the sources' tsconfig would choose Node's variants. */
async function weigh(names: string): Promise<number> {
  const contents = names.split(' + ').map((name) => `export * from ${JSON.stringify(name)};`).join('\n');
  const options = { bundle: true, minify: true, write: false, platform: 'browser', format: 'esm', target: 'es2022' } as const;
  const { outputFiles } = await build({ ...options, stdin: { contents, resolveDir: root }, absWorkingDir: root, tsconfigRaw: '{}' });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

export async function sizePart(): Promise<Section> {
  progress('weighing');
  const entries = await Promise.all(
    Object.entries(limits['minified and gzipped, kB']).map(async ([name, limit]) => ({ name, limit, size: await weigh(name) })),
  );
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
  const [tarball] = JSON.parse(packed) as [{ readonly size: number }];
  progress('');
  return {
    id: 'size',
    title: 'Size',
    method: 'Bundled by esbuild as for a browser, every dependency inside, minified, gzipped; and the tarball of `npm pack`.',
    tables: [
      table(
        ['entry point', 'min+gzip', 'a test fails beyond'],
        entries.map(({ name, size, limit }) => [name, kilobytes(size), kilobytes(limit * 1000)]),
      ),
    ],
    goals: [
      ...entries.slice(0, 2).map(({ name, size, limit }) => ({ what: name, result: size / 1000, limit, unit: 'kB' as const })),
      { what: 'the tarball', result: tarball.size / 1000, limit: limits['tarball, kB'], unit: 'kB' },
    ],
    remarks: [],
  };
}
