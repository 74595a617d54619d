/** Bundlers understand every entry point, and what they make of it runs. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build, type BuildOptions } from 'esbuild';
import { rollup, type Plugin } from 'rollup';
import { afterAll, describe, expect, test } from 'vitest';
import { onNode, root, node, temporary } from './support.ts';

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

// undici stays outside of some bundles, and is found beside them.
mkdirSync(join(folder.path, 'node_modules'));
symlinkSync(join(root, 'node_modules/undici'), join(folder.path, 'node_modules/undici'));

const fileOf = (name: string, extension: string): string => join(folder.path, `${name.replaceAll('/', '-')}${extension}`);

/** The names that each module exports, as a process of its own sees them. */
function exportsOf(modules: Readonly<Record<string, string>>): Record<string, string[]> {
  const script = join(folder.path, 'exports.mjs');
  const loads = Object.entries(modules).map(
    ([name, from]) => `seen[${JSON.stringify(name)}] = Object.keys(await import(${JSON.stringify(from)})).filter((key) => key !== 'default' && key !== 'module.exports').sort();`,
  );
  writeFileSync(script, `const seen = {};\n${loads.join('\n')}\nconsole.log(JSON.stringify(seen));`);
  return JSON.parse(node([script])) as Record<string, string[]>;
}

const require = createRequire(import.meta.url);
const genuine = exportsOf(Object.fromEntries(onNode.map((name) => [name, pathToFileURL(resolved(name)).href])));

function resolved(name: string): string {
  const { exports } = require('../../package.json') as { exports: Record<string, never> };
  const target = (value: string | Record<string, never>): string => (typeof value === 'string' ? value : target(value['node'] ?? value['default']!));
  return join(root, target(exports[name.replace('ntlmachine', '.')]!));
}

/** Without `tsconfigRaw` the sources' tsconfig would have its say. */
const options = { bundle: true, platform: 'node', absWorkingDir: root, tsconfigRaw: '{}', logLevel: 'silent' } as const satisfies BuildOptions;
const stdin = (name: string): BuildOptions => ({ stdin: { contents: `export * from ${JSON.stringify(name)};`, resolveDir: root } });

test('there are entry points', () => {
  expect(onNode).toEqual(expect.arrayContaining(['ntlmachine', 'ntlmachine/http', 'ntlmachine/fetch']));
  expect(genuine['ntlmachine/fetch']).toEqual(['NtlmDispatcher', 'createNtlmFetch']);
});

test('the page of a bundle says what it misses', async () => {
  for (const [format, extension] of [['esm', '.page.mjs'], ['cjs', '.page.cjs']] as const) {
    const outfile = fileOf('ntlmachine/visualize', extension);
    await build({ ...options, ...stdin('ntlmachine/visualize'), format, outfile });
    const program = `import(${JSON.stringify(pathToFileURL(outfile).href)}).then((m) => m.visualize()).catch((error) => console.log(error.code))`;
    expect(node(['-e', program])).toBe('unsupported\n');
  }
});

test('a PAC file in a bundle of CommonJS, which has no place to look from, says so', async () => {
  const outfile = join(folder.path, 'pac.cjs');
  const contents = `import { openPac } from './src/gateway/pac.ts';
    openPac('').catch((error) => console.log(error.name, error.code, error.message));`;
  await build({ ...options, stdin: { contents, resolveDir: root }, format: 'cjs', outfile });
  expect(node([outfile])).toMatch(/^NtlmError unsupported a PAC file .* mark ntlmachine as external\n$/);
});

describe('esbuild', () => {
  test('ESM', async () => {
    const made = onNode.map(async (name) => {
      const outfile = fileOf(name, '.mjs');
      // undici is CommonJS and asks for Node's modules by require, which a module of ESM has not: so esbuild's users have it.
      const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
      await build({ ...options, ...stdin(name), format: 'esm', outfile, banner });
      return [name, pathToFileURL(outfile).href] as const;
    });
    expect(exportsOf(Object.fromEntries(await Promise.all(made)))).toEqual(genuine);
  });

  test('CommonJS', async () => {
    const made = onNode.map(async (name) => {
      const outfile = fileOf(name, '.cjs');
      await build({ ...options, ...stdin(name), format: 'cjs', outfile });
      return [name, pathToFileURL(outfile).href] as const;
    });
    expect(exportsOf(Object.fromEntries(await Promise.all(made)))).toEqual(genuine);
  });
});

test('rollup', { timeout: 120_000 }, async () => {
  const warnings: string[] = [];
  const bundle = await rollup({
    input: [...onNode],
    plugins: [
      // The entry points from inside their own package, as a program outside would have them.
      { name: 'ours', resolveId: (id) => (onNode.includes(id) ? resolved(id) : null) },
      nodeResolve({ preferBuiltins: true, exportConditions: ['node'] }),
      // Its types are those of CommonJS.
      (commonjs as unknown as { readonly default: () => Plugin }).default(),
    ],
    external: ['undici', 'kerberos'], // the second is native, and loaded when it is wanted
    onwarn: ({ code, message }) => void (code === 'CIRCULAR_DEPENDENCY' || warnings.push(message)),
  });
  const dir = join(folder.path, 'rollup');
  const { output } = await bundle.write({ dir, format: 'es', entryFileNames: ({ facadeModuleId }) => `${onNode.findIndex((name) => resolved(name) === facadeModuleId)}.mjs` });
  await bundle.close();
  expect(warnings).toEqual([]);
  expect(output.length).toBeGreaterThanOrEqual(onNode.length);
  const made = onNode.map((name, at) => [name, pathToFileURL(join(dir, `${at}.mjs`)).href] as const);
  expect(exportsOf(Object.fromEntries(made))).toEqual(genuine);
});
