/** Kerberos before NTLM: a realm of its own, Apache (mod_auth_gssapi with a keytab) and Squid (negotiate_kerberos_auth). */
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { explainRefusal } from '../../src/http/index.ts';
import { Credentials, NtlmError } from '../../src/index.ts';
import { currentUser, kerberos, kerberosPackage, type KerberosModule, type KerberosOptions } from '../../src/kerberos/index.ts';
import { carriers, type CarrierOptions, type Client, type Reply } from '../http/support/carriers.ts';
import { startApache, type Apache, type Whoami } from './support/apache.ts';
import { packagesFolder } from './support/kerberos-package.ts';
import { named, startKerberosSite, type KerberosSite } from './support/kerberos-site.ts';
import { TemporaryDirectory, run } from './support/processes.ts';
import { REALM, type Realm } from './support/realm.ts';
import { alice } from './support/users.ts';

let kerberosSite: KerberosSite;
let module: KerberosModule;
let realm: Realm;
let apache: Apache;
let proxy: string;
let site: { http: string; https: string };

beforeAll(async () => {
  kerberosSite = await startKerberosSite();
  ({ module, realm, apache } = kerberosSite);
  await realm.keytab('HTTP/elsewhere.castle.test');
  site = { http: named(apache.http), https: named(apache.https) };
  proxy = named(kerberosSite.squid.proxy);
}, 180_000);
afterAll(() => kerberosSite?.close());

beforeEach(() => {
  for (const [name, value] of Object.entries(kerberosSite.environment)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

const byPackage = (options: KerberosOptions = {}) => kerberos({ provider: kerberosPackage({ module }), ...options });
const credentials = (): Credentials => Credentials.fromPassword(alice);
function whoami(reply: Reply): Whoami {
  if (reply.status !== 200) throw new Error(`${reply.status}: ${JSON.stringify(explainRefusal(reply))} ${reply.text}`);
  return JSON.parse(reply.text) as Whoami;
}
const ALICE = `alice@${REALM}`;
const viaNtlm = `${alice.domain}\\${alice.username}`;

async function once<T>(options: Omit<CarrierOptions, 'ca'>, use: (client: Client) => Promise<T>, carrier = carriers[0]!): Promise<T> {
  await using client = carrier.open({ ca: apache.ca, ...options });
  return await use(client);
}

describe.each(carriers)('$name', (carrier) => {
  const open = (options: Partial<CarrierOptions> = {}): Client => carrier.open({ ca: apache.ca, credentials: byPackage(), ...options });

  test.each([1, 2, 4, 64])('%i calls at once: each is answered, each body is there once', async (connections) => {
    for (const place of connections === 64 ? ['each'] : ['tickets', 'each']) {
      await using client = open({ connections });
      const calls = Array.from({ length: Math.max(8, connections) }, async (_, at) => {
        const body = `${place} ${at} ${'x'.repeat(at * 100)}`;
        const streamed = at % 3 === 0;
        const reply = await client.request(`${site.http}/${place}/cgi/whoami?${at}`, { method: 'POST', body: streamed ? Readable.from([Buffer.from(body)]) : body });
        return { ...whoami(reply), status: reply.status, expected: body.length };
      });
      for (const { status, user, length, expected } of await Promise.all(calls)) expect([status, user, length]).toEqual([200, ALICE, expected]);
    }
  });

  test('a server that authenticates each request gets a fresh ticket with each, and each body once', async () => {
    await using client = open({ connections: 1 });
    const targets: string[] = [];
    const marker = randomBytes(6).toString('hex');
    for (let at = 0; at < 6; at += 1) {
      const body = randomBytes(50 * at).toString('hex');
      const reply = await client.request(`${site.http}/each/cgi/whoami?${marker}${at}`, { method: 'POST', body });
      const { user, length, target } = whoami(reply);
      expect([reply.status, user, length]).toEqual([200, ALICE, body.length]);
      targets.push(target);
    }
    const ran = (await apache.accessLog()).filter(({ target, status, method }) => target.includes(marker) && status === 200 && method === 'POST');
    expect(ran.map(({ target }) => target)).toEqual(targets);
  });

  test('over TLS: not without a binding, unless that is allowed; NTLM is bound, and goes where it may', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      await using unbound = open({ credentials: byPackage({ unbound: true }) });
      expect(whoami(await unbound.request(`${site.https}/tickets/cgi/whoami`)).user).toBe(ALICE);
      await using neither = open();
      const refused = await neither.request(`${site.https}/tickets/cgi/whoami`);
      expect([refused.status, explainRefusal(refused)?.code]).toEqual([401, 'bindings-unavailable']);
      await using off = open({ channelBindings: false });
      expect(whoami(await off.request(`${site.https}/tickets/cgi/whoami`)).user).toBe(ALICE);
      await using both = open({ credentials: credentials(), negotiate: byPackage() });
      expect(whoami(await both.request(`${site.https}/cgi/whoami`)).user).toBe(viaNtlm);
    } finally {
      warned.mockRestore();
    }
  });

  test('through Squid, which asks for a ticket of its own: a request as it is, and a tunnel', async () => {
    await using client = open({ credentials: byPackage({ unbound: true, mutual: false }), proxy, connections: 2 });
    const calls = ['http', 'https'].flatMap((scheme) => Array.from({ length: 4 }, (_, at) => ({ url: `${site[scheme as 'http']}/tickets/cgi/whoami?${at}`, body: 'y'.repeat(1000 * at) })));
    const replies = await Promise.all(calls.map(async ({ url, body }) => client.request(url, { method: 'POST', body })));
    for (const [at, reply] of replies.entries()) expect([reply.status, whoami(reply).user, whoami(reply).length]).toEqual([200, ALICE, calls[at]!.body.length]);
  });
});

test('curl --negotiate gets the same', async () => {
  const answer = await run('curl', ['-s', '--negotiate', '-u', ':', `${site.http}/tickets/cgi/whoami`]);
  expect((JSON.parse(answer) as Whoami).user).toBe(ALICE);
});

test('who is logged on, without a word of a password', async () => {
  const who = currentUser({ provider: kerberosPackage({ module }) });
  expect(whoami(await once({ credentials: who }, (client) => client.request(`${site.http}/tickets/cgi/whoami`))).user).toBe(ALICE);
});

test('as it is installed: the package is found, and loaded when a ticket is wanted', async () => {
  await using project = new TemporaryDirectory('installed');
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const modules = project.file('node_modules');
  mkdirSync(join(modules, 'ntlmachine'), { recursive: true });
  for (const each of ['package.json', 'dist']) cpSync(join(root, each), join(modules, 'ntlmachine', each), { recursive: true });
  for (const each of ['xstate', 'undici', '@noble', '@oslojs', 'proxy-from-env']) symlinkSync(join(root, 'node_modules', each), join(modules, each));
  const program = project.file('program.mjs');
  writeFileSync(
    program,
    `import { createNtlmFetch } from 'ntlmachine/fetch';
     import { currentUser } from 'ntlmachine/kerberos';
     const asMyself = createNtlmFetch({ credentials: currentUser() });
     const response = await asMyself(process.argv[2]).catch((error) => error);
     console.log(response.code ?? (await response.json()).user);
     await asMyself.close();`,
  );
  const said = (): Promise<string> => run('node', [program, `${site.http}/tickets/cgi/whoami`]);
  expect(await said()).toBe('unsupported\n');
  symlinkSync(join(await packagesFolder(), 'node_modules/kerberos'), join(modules, 'kerberos'));
  expect(await said()).toBe(`${ALICE}\n`);
});

test('of several who are logged on, the one that is named, and never another', async () => {
  const one = await once({ credentials: byPackage({ principal: ALICE }) }, (client) => client.request(`${site.http}/tickets/cgi/whoami`));
  expect(whoami(one).user).toBe(ALICE);
  const other = await once({ credentials: byPackage({ principal: `bob@${REALM}` }) }, (client) => client.request(`${site.http}/tickets/cgi/whoami`));
  expect([other.status, explainRefusal(other)?.code]).toEqual([401, 'no-ticket']);
});

describe('where Kerberos does not come to its end', () => {
  /** What became of it, and whether a message of NTLM went out. */
  async function end(options: KerberosOptions, target = '/cgi/whoami'): Promise<readonly [who: string | number, why: string | undefined, ntlm: boolean]> {
    const sent: string[] = [];
    const inspect = (event: { readonly type: string; readonly event?: { readonly type: string } }): void => {
      if (event.type === '@xstate.event' && event.event !== undefined) sent.push(event.event.type);
    };
    let asked = 0;
    const reply = await once(
      { credentials: () => ((asked += 1), credentials()), negotiate: byPackage(options), inspect: inspect as NonNullable<CarrierOptions['inspect']> },
      (client) => client.request(`${site.http}${target}`),
    );
    const why = explainRefusal(reply)?.code;
    return [reply.status === 200 ? whoami(reply).user! : reply.status, why, asked > 0];
  }
  const cases: readonly { what: string; set: () => Promise<void>; options?: KerberosOptions; code: string; follows: boolean; unset?: () => Promise<void> }[] = [
    { what: 'no ticket', set: async () => void vi.stubEnv('KRB5CCNAME', realm.emptyCache()), code: 'no-ticket', follows: true },
    { what: 'a service that the realm does not know', set: async () => {}, options: { spn: 'HTTP/nowhere' }, code: 'unknown-service', follows: true },
    {
      what: 'an expired ticket',
      set: async () => {
        vi.stubEnv('KRB5CCNAME', await realm.kinit('alice', { lifetime: 1 }));
        await new Promise((resolve) => setTimeout(resolve, 2500));
      },
      code: 'ticket-expired',
      follows: false,
    },
    {
      what: 'a clock that is wrong',
      set: async () => {
        vi.stubEnv('KRB5CCNAME', await realm.kinit('alice'));
        await realm.restart(1800);
      },
      unset: () => realm.restart(0),
      code: 'clock-skew',
      follows: false,
    },
    {
      what: 'a realm that does not answer',
      set: async () => {
        vi.stubEnv('KRB5CCNAME', await realm.kinit('alice'));
        await realm.stop();
      },
      unset: () => realm.restart(0),
      code: 'realm-unreachable',
      follows: false,
    },
    { what: 'the name of another service', set: async () => {}, options: { spn: 'HTTP/elsewhere.castle.test' }, code: 'ticket-refused', follows: false },
  ];
  test.each(cases)('$what: $code', async ({ set, unset, options = {}, code, follows }) => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      await set();
      expect(await end(options)).toEqual(follows ? [viaNtlm, undefined, true] : [401, code, false]);
      expect(warnings.mock.calls.filter(([text]) => `${text as string}`.includes('in place of')).length).toBeLessThanOrEqual(follows ? 1 : 0);
      expect(await end({ ...options, ntlm: false })).toEqual([401, code, false]);
      expect(await end({ ...options, ntlm: 'after-refusal' })).toEqual([viaNtlm, undefined, true]);
    } finally {
      warnings.mockRestore();
      await unset?.();
    }
  });

  test('a server whose clock is wrong refuses, and the refusal says so', async () => {
    const { environment } = realm;
    await using late = await startApache({ kerberos: { keytab: await realm.keytab('HTTP/localhost'), environment, ahead: 1800 } });
    const reply = await once({ credentials: byPackage() }, (client) => client.request(`${named(late.http)}/tickets/cgi/whoami`));
    expect([reply.status, explainRefusal(reply)]).toEqual([401, { code: 'ticket-refused', message: expect.stringMatching(/its clock is 1(?:79\d|80\d) seconds ahead of ours, and tickets allow 300$/) }]);
  });

  test('Squid lets requests through without the last token: it proves nothing, and "mutual: false" does without', async () => {
    const request = once({ credentials: byPackage(), proxy }, (client) => client.request(`${site.http}/public/cgi/whoami`));
    await expect(request).rejects.toMatchObject({ code: 'server-unproven' } satisfies Partial<NtlmError>);
  });
});
