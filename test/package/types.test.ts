/** The declarations stand alone: no undici, no skipLibCheck, and in browsers no types of Node. And what publishers check. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, describe, expect, test } from 'vitest';
import { entries, inBrowsers, manifest, root, temporary } from './support.ts';

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

const NODE = { lib: ['ES2023', 'ESNext.Disposable', 'DOM'], types: ['node'], module: 'NodeNext' };
/** As bundlers resolve for browsers. */
const BROWSER = { lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable'], types: [], module: 'Preserve' };

/** What tsc says of a program of its own that has `beside` it, folders of node_modules by name, what npm would install and no more. */
function complaints(name: string, imports: readonly string[], beside: Readonly<Record<string, string>>, options: object): string {
  const at = join(folder.path, name);
  const needed = ['xstate', '@noble/hashes', '@noble/ciphers', '@oslojs/asn1', '@oslojs/binary'];
  for (const [dependency, from] of Object.entries({ ...Object.fromEntries(needed.map((each) => [each, each])), ...beside })) {
    const link = join(at, 'node_modules', dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', from), link);
  }
  const own = join(at, 'node_modules/ntlmachine');
  mkdirSync(own);
  for (const file of ['package.json', 'dist']) symlinkSync(join(root, file), join(own, file));
  writeFileSync(join(at, 'package.json'), '{"type":"module"}');
  writeFileSync(join(at, 'program.ts'), imports.map((entry, i) => `export * as entry${i} from ${JSON.stringify(entry)};`).join('\n'));
  const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, preserveSymlinks: true, target: 'ES2022', ...options };
  writeFileSync(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  return spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', at, '--pretty', 'false'], { encoding: 'utf8' }).stdout;
}

describe('types', { timeout: 60_000 }, () => {
  const nodes = { '@types/node': '@types/node', 'undici-types': 'undici-types' };

  test('of every entry point but /fetch, with no undici installed', () => {
    expect(complaints('node', entries.filter((name) => name !== 'ntlmachine/fetch'), nodes, NODE)).toBe('');
  });

  test.each(['undici', 'undici-6'])('of /fetch, with %s', (undici) => {
    expect(complaints(undici, ['ntlmachine/fetch'], { ...nodes, undici }, NODE)).toBe('');
  });

  test('of browsers, with no types of Node', () => {
    expect(complaints('browser', inBrowsers, {}, BROWSER)).toBe('');
  });
});

const tarball = (): Uint8Array => {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder.path], { cwd: root, encoding: 'utf8' }),
  ) as [{ filename: string }];
  return readFileSync(join(folder.path, filename));
};

test('attw finds nothing wrong with the types of an ESM package', { timeout: 120_000 }, async () => {
  const analysis = await checkPackage(createPackageFromTarballData(tarball()));
  if (analysis.types === false) throw new Error('no types');
  // Resolution of before Node 12.17 knows no exports; and a CommonJS file gets at ESM by import() or by Node 20.19's require.
  const known = ({ kind, resolutionKind }: { readonly kind: string; readonly resolutionKind?: string }): boolean =>
    resolutionKind === 'node10' || (kind === 'CJSResolvesToESM' && resolutionKind === 'node16-cjs');
  expect(analysis.problems.filter((problem) => !known(problem))).toEqual([]);
});

test('publint has nothing to say', { timeout: 60_000 }, async () => {
  const { messages } = await publint({ pkgDir: root, pack: false, strict: true });
  expect(messages).toEqual([]);
});

test('who publishes fills in one name', () => {
  const { homepage, bugs, author, repository } = manifest;
  const owner = /github\.com\/([^/]+)\//.exec(repository.url)?.[1] ?? '';
  expect(owner).not.toBe('');
  expect([homepage, bugs, author, repository.url].map((each) => each.split(owner).length > 1)).toEqual([true, true, true, true]);
});
