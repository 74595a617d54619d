import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import packageJson from './package.json' with { type: 'json' };

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

/** What the `imports` of package.json stand for, in the sources. */
const onNode = {
  alias: { '#hmac-md5': source('crypto/_hmac-md5-node.ts'), '#spnego': source('spnego/_included.ts'), '#hints': source('hints/hints.ts') },
};
const inBrowsers = {
  alias: { '#hmac-md5': source('crypto/_hmac-md5-noble.ts'), '#spnego': source('spnego/_left-out.ts'), '#hints': source('hints/_left-out.ts') },
};

/** The package under its own name, as examples import it: its sources, or there would be two of each class. */
const byName = Object.entries(packageJson.exports).flatMap(([entry, target]) => {
  if (typeof target === 'string') return [];
  const built = 'node' in target && typeof target.node !== 'string' ? target.node.default : (target as { readonly default: string }).default;
  const file = built.replace('./dist/', '').replace(/js$/, 'ts');
  return { find: new RegExp(`^ntlmachine${entry.slice(1)}$`), replacement: source(file) };
});
const examples = {
  alias: [...byName, ...Object.entries(onNode.alias).map(([find, replacement]) => ({ find, replacement }))],
};

/** vitest would leave one core free, and much of what these tests wait for is sockets and other processes. */
const maxWorkers = 4;

/** What tries everything takes longest, however short its file: first, or the end of a run waits for it alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const tried = (file: TestSpecification): number => Number(file.moduleId.includes('/test/exhaustive/'));
    return (await super.sort(files)).sort((a, b) => tried(b) - tried(a));
  }
}

export default defineConfig({
  test: {
    maxWorkers,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve: onNode,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/interop/**', 'test/browser/**'],
          testTimeout: 30_000,
        },
      },
      {
        // What digests is run again over the variant that browsers get.
        resolve: inBrowsers,
        test: {
          name: 'unit-noble',
          include: ['test/{crypto,vectors,session}/*.test.ts', 'test/property/crypto.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        resolve: examples,
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        // In a real browser, over the built package.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
