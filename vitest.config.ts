import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

/** What the `imports` of package.json stand for, in the sources. */
const onNode = {
  alias: { '#hmac-md5': source('crypto/_hmac-md5-node.ts'), '#spnego': source('spnego/_included.ts') },
};
const inBrowsers = {
  alias: { '#hmac-md5': source('crypto/_hmac-md5-noble.ts'), '#spnego': source('spnego/_left-out.ts') },
};

export default defineConfig({
  test: {
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
        resolve: onNode,
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
