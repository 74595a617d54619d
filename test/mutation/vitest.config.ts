import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What mutants are held against: the tests of one process, without sockets, sweeps and fuzzed inputs. */
const root = new URL('../../', import.meta.url);

export default defineConfig({
  root: fileURLToPath(root),
  resolve: { alias: { '#hmac-md5': fileURLToPath(new URL('src/crypto/_hmac-md5-noble.ts', root)) } },
  test: {
    include: ['test/{vectors,crypto,messages,machine,client,session,spnego,acceptor,snapshot,property,mutation}/**/*.test.ts'],
  },
});
