/** What the package weighs: as a download, and minified and gzipped in a browser, every dependency inside. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { inBrowsers, root } from './support.ts';

const {
  'minified and gzipped, kB': LIMITS,
  'tarball, kB': TARBALL,
} = JSON.parse(readFileSync(join(root, 'bench/limits.json'), 'utf8')) as {
  readonly 'minified and gzipped, kB': Readonly<Record<string, number>>;
  readonly 'tarball, kB': number;
};

describe('minified and gzipped, in kB', () => {
  test.each(Object.entries(LIMITS))('%s: at most %d', async (names, limit) => {
    const contents = names.split(' + ').map((name) => `export * from ${JSON.stringify(name)};`).join('\n');
    const options = { bundle: true, minify: true, write: false, platform: 'browser', format: 'esm', target: 'es2022' } as const;
    const { outputFiles } = await build({ ...options, stdin: { contents, resolveDir: root }, absWorkingDir: root, tsconfigRaw: '{}' });
    expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).length / 1000).toBeLessThanOrEqual(limit);
  });

  test('every entry point of browsers has its limit', () => {
    const limited = Object.keys(LIMITS).flatMap((names) => names.split(' + '));
    expect(inBrowsers.filter((name) => !limited.includes(name))).toEqual([]);
  });
});

test(`the tarball: at most ${TARBALL} kB, and no sources beside the code`, { timeout: 60_000 }, () => {
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
  const [{ size, files }] = JSON.parse(packed) as [{ size: number; files: { path: string }[] }];
  expect(size / 1000).toBeLessThanOrEqual(TARBALL);
  expect(files.filter(({ path }) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(path) || /\.map$|(?<!\.d)\.ts$/.test(path))).toEqual([]);
});
