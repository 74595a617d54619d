import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What `#hmac-md5` of package.json stands for, in the sources. */
const hmacMd5 = (variant: 'node' | 'noble') => ({
  alias: { '#hmac-md5': fileURLToPath(new URL(`src/crypto/_hmac-md5-${variant}.ts`, import.meta.url)) },
});

export default defineConfig({
  test: {
    projects: [
      {
        resolve: hmacMd5('node'),
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/interop/**', 'test/browser/**'],
          testTimeout: 30_000,
        },
      },
      {
        // What digests is run again over the variant that browsers get.
        resolve: hmacMd5('noble'),
        test: {
          name: 'unit-noble',
          include: ['test/{crypto,vectors,session}/*.test.ts', 'test/property/crypto.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        resolve: hmacMd5('node'),
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
