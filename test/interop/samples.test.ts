/** The samples of the documents and docstrings that speak of Kerberos, run as their reader would, in a realm. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createNtlmServer } from '../../src/http/index.ts';
import { kerberosServer } from '../../src/kerberos/index.ts';
import { login, openCastle, type Castle } from '../samples/castle.ts';
import { Stage } from '../samples/program.ts';
import { samplesIn } from '../samples/samples.ts';
import { kerberosModule, packagesFolder } from './support/kerberos-package.ts';
import { TemporaryDirectory } from './support/processes.ts';
import { keysOf, REALM, startRealm, type Realm } from './support/realm.ts';

const KEEP = 'keep.castle.example';
const samples = samplesIn('realm');
const directory = new TemporaryDirectory('samples');

let realm: Realm;
let castle: Castle;
let stage: Stage;
beforeAll(async () => {
  const module = await kerberosModule();
  realm = await startRealm();
  const env = keysOf({ keytab: await realm.keytab(`HTTP/${KEEP}`), environment: realm.environment });
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const keep = () => createNtlmServer({ credentials: login, kerberos: kerberosServer({ module }) }, ({ ntlm }, response) => void response.end(`${ntlm.mechanism} ${ntlm.username}`));
  castle = await openCastle({ tls: {}, plain: { keep } });
  const here = { site: `http://${KEEP}/`, greeting: 'Kerberos alice' };
  stage = await Stage.set({ ...castle.surroundings, ...here }, { ...env, KRB5CCNAME: await realm.kinit('alice'), NODE_OPTIONS: `--import=${await besideThePackage('kerberos')}` });
}, 300_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  stage?.[Symbol.dispose]();
  await castle?.[Symbol.asyncDispose]();
  await realm?.close();
  await directory.close();
});

/** As if it were installed beside this package. */
async function besideThePackage(name: string): Promise<string> {
  const url = pathToFileURL(join(await packagesFolder(), 'node_modules', name, 'lib/index.js')).href;
  const hooks = `export const resolve = (asked, context, next) => asked === '${name}' ? { url: '${url}', format: 'commonjs', shortCircuit: true } : next(asked, context);`;
  const file = directory.file('beside.mjs');
  writeFileSync(file, `import { register } from 'node:module';\nregister('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));`);
  return file;
}

describe.concurrent(`a sample, with a ticket of ${REALM}`, () => {
  test.each(samples)('$place', async ({ sample, prints }) => {
    await stage.expectRun(sample, prints);
  });
});

test('there are some in the documents and in docstrings', () => {
  expect(samples.map(({ place }) => place.replace(/:\d+$/, ''))).toEqual(expect.arrayContaining(['docs/kerberos.md', 'docs/server.md', 'src/kerberos/kerberos.ts']));
});
