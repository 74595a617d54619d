/** A change that keeps a module from loading takes its tests along; this one is left to say so. */
import { expect, test } from 'vitest';

const entries: Readonly<Record<string, () => Promise<object>>> = {
  messages: () => import('../../src/messages/index.ts'),
  crypto: () => import('../../src/crypto/index.ts'),
  machine: () => import('../../src/index.ts'),
  session: () => import('../../src/session/index.ts'),
  spnego: () => import('../../src/spnego/index.ts'),
  snapshot: () => import('../../src/snapshot/index.ts'),
  acceptor: () => import('../../src/acceptor/index.ts'),
  http: () => import('../../src/http/index.ts'),
  fetch: () => import('../../src/http/fetch.ts'),
};

test.each(Object.entries(entries))('%s', async (_folder, load) => {
  expect(Object.keys(await load()).length).toBeGreaterThan(0);
});
