/** What a bundler makes of the built entry points: DES is in no bundle that does not import ntlmachine/legacy. */
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { default: string } | string>;
};
const entries = Object.keys(exports).filter((name) => name !== './package.json');

/** The first row of S1, as the sources write it, and the numbers of its table as a minifier might. */
const S_BOX = /e4d12fb83a6c5907|14,\s*4,\s*13,\s*1,\s*2,\s*15,\s*11,\s*8/;

/** The code of an app, bundled for browsers where the entry allows it, minified. */
async function bundled(app: string, platform: 'node' | 'browser' = 'node') {
  const { outputFiles, metafile } = await build({
    stdin: { contents: app, resolveDir: root, sourcefile: 'app.js' },
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: 'esm',
    platform,
    external: ['undici', ...builtinModules, 'node:*'],
    logLevel: 'silent',
  });
  return { text: outputFiles[0]!.text, inputs: Object.keys(metafile.inputs) };
}

const fileOf = (name: string): string => (exports[name] as { default: string }).default;

describe.each(entries)('a bundle of %s', (name) => {
  test.each(['node', 'browser'] as const)('for %s has DES if and only if it is ./legacy', async (platform) => {
    const { text, inputs } = await bundled(`import * as all from '${fileOf(name)}'; console.log(all);`, platform);
    expect(inputs.some((input) => input.startsWith('dist/'))).toBe(true);
    expect(S_BOX.test(text)).toBe(name === './legacy');
  });
});

const APP = `
  import { Credentials, NtlmClient } from '${fileOf('.')}';
  const credentials = Credentials.fromPassword({ username: 'alice', password: 'Draw1' });
  export const start = (policy) => new NtlmClient({ credentials, policy });
`;

/** What the bundle exports, run. */
const run = async <T>(text: string): Promise<T> =>
  (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(text)}`)) as T;

test('an app of the main entry alone has no weak policy to give', async () => {
  const { text } = await bundled(APP, 'browser');
  const { start } = await run<{ start: (policy: unknown) => unknown }>(text);
  expect(start('ntlmv2')).toBeDefined();
  for (const policy of ['ntlm2-session', 'ntlmv1', 'lm-and-ntlmv1', 'lm']) {
    expect(() => start(policy)).toThrow(/import \{ \w+ \} from 'ntlmachine\/legacy'/);
  }
});

test('an app that imports one policy has its code, and it is taken', async () => {
  const { text } = await bundled(`${APP} import { ntlmv1 } from '${fileOf('./legacy')}'; export const weak = () => start(ntlmv1);`, 'browser');
  expect(S_BOX.test(text)).toBe(true);
  expect((await run<{ weak: () => { state: string } }>(text)).weak().state).toBe('idle');
});

test('an import that is not used leaves nothing behind', async () => {
  const { text } = await bundled(`${APP} import { ntlmv1 } from '${fileOf('./legacy')}';`, 'browser');
  expect(S_BOX.test(text)).toBe(false);
});
