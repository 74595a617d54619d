import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = new URL('../../', import.meta.url);
const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, root));

/** What the mutants of a folder are held against: its own tests, not the long sweeps nor anything with a socket. */
const TESTS: Readonly<Record<string, readonly string[]>> = {
  messages: ['messages/*', 'vectors/messages', 'property/messages', 'fuzz/replay'],
  crypto: ['crypto/*', 'vectors/crypto', 'property/crypto'],
  legacy: ['legacy/policies', 'crypto/{arguments,credentials}', 'vectors/*', 'property/agreement'],
  machine: ['machine/{model,services,flags,actor}', 'client/*', 'vectors/handshake', 'property/policy'],
  session: ['session/*', 'property/session'],
  spnego: ['spnego/*', 'property/spnego', 'exhaustive/machines', 'fuzz/replay'],
  snapshot: ['snapshot/*'],
  acceptor: ['acceptor/*', 'exhaustive/machines', 'http/server/verification', 'property/agreement', 'client/client', 'legacy/policies'],
  kerberos: ['kerberos/*'],
  'http/wire': ['http/wire/*', 'fuzz/replay'],
  'http/authentication': ['http/authentication/*', 'exhaustive/machines', 'http/exchange/connections'],
  'http/exchange': ['http/exchange/*', 'http/doors/{sockets,agent}', 'http/routes/{origins,proxies,hostile-proxies}', 'visualize/conversation/record'],
  'http/routes': ['http/routes/*', 'http/doors/{servers,agent}', 'gateway/forward'],
  'http/doors': ['http/doors/{agent,clients,dialects,dispatcher,fetch,kinds,misspelt,options,ready,servers,told,wrapped}', 'http/routes/{origins,environment}'],
  'http/server': ['http/server/*'],
};

const folder = process.env['MUTATED'];
const chosen = process.env['MUTATED_TESTS']?.split(',');
const names = chosen !== undefined ? chosen : folder === undefined ? Object.values(TESTS).flat() : (TESTS[folder] ?? []);

/** A run ends with the first test that fails: what noticed the change before goes first, then what takes least. */
class LikeliestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const last = ({ project, moduleId }: TestSpecification): { failed: boolean; duration: number } =>
      this.ctx.cache.getFileTestResults(`${project.name}:${relative(this.ctx.config.root, moduleId)}`) ?? { failed: false, duration: 0 };
    return files.sort((a, b) => Number(last(b).failed) - Number(last(a).failed) || last(a).duration - last(b).duration);
  }
}

export default defineConfig({
  root: fileURLToPath(root),
  resolve: { alias: { '#hmac-md5': source('crypto/_hmac-md5-noble.ts'), '#spnego': source('spnego/_included.ts'), '#hints': source('hints/hints.ts') } },
  test: {
    include: ['mutation/loads', ...names].map((name) => `test/${name}.test.ts`),
    setupFiles: 'test/mutation/setup.ts',
    sequence: { sequencer: LikeliestFirst },
    // Else every file loads all of it again; but then what a module computes as it loads is not computed anew, and no change of it is noticed.
    isolate: folder !== 'http/exchange',
    testTimeout: folder === 'http/exchange' || folder === 'http/routes' ? 3000 : folder === 'acceptor' ? 10_000 : 5000,
  },
});
