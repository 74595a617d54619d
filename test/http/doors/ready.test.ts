/** Clients of others, made ready by one call; and credentials of one string. */
import { Agent, type ServerResponse } from 'node:http';
import axios, { type AxiosInstance, type CreateAxiosDefaults } from 'axios';
import axios027 from 'axios-0.27';
import axios11 from 'axios-1.1';
import axiosRetry from 'axios-retry';
import got, { type Got } from 'got';
import got11 from 'got-11';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, test, vi } from 'vitest';
import type { NtlmAgent } from '../../../src/http/index.ts';
import { ntlmAxios, ntlmGot, parseCredentials, type ReadyOptions } from '../../../src/http/index.ts';
import { thrown } from '../../support/thrown.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, BOB, Origin, WRONG } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

interface Client {
  get(url: string): Promise<{ status: number; body: string }>;
  post(url: string, body: object): Promise<{ status: number; body: string }>;
  readonly agent: NtlmAgent;
}

interface Ready {
  readonly kind: 'axios' | 'got';
  readonly open: (options: ReadyOptions) => Client;
}

/** What is used of one that is older is the same, and so are its types to that end. */
const ofAxios = (library: unknown): Ready => ({
  kind: 'axios',
  open: (options) => {
    const client = ntlmAxios((library as typeof axios).create({ validateStatus: () => true, responseType: 'text' }), options);
    const told = ({ status, data }: { status: number; data: string }) => ({ status, body: data });
    return {
      get: async (url) => told(await client.get<string>(url)),
      post: async (url, body) => told(await client.post<string>(url, body)),
      agent: client.defaults.httpAgent as NtlmAgent,
    };
  },
});

const ofGot = (library: unknown): Ready => ({
  kind: 'got',
  open: (options) => {
    const client = ntlmGot((library as typeof got).extend({ throwHttpErrors: false, retry: { limit: 0 } }), options);
    const told = ({ statusCode: status, body }: { statusCode: number; body: string }) => ({ status, body });
    return {
      get: async (url) => told(await client(url)),
      post: async (url, json) => told(await client.post(url, { json })),
      agent: client.defaults.options.agent.http as NtlmAgent,
    };
  },
});

const ready: Readonly<Record<string, Ready>> = {
  axios: ofAxios(axios),
  'axios 1.1': ofAxios(axios11),
  'axios 0.27': ofAxios(axios027),
  got: ofGot(got),
  'got 11': ofGot(got11),
};

afterEach(() => vi.unstubAllEnvs());

describe.each(Object.entries(ready))('%s', (_name, { kind, open: make }) => {
  test('reads and writes over one connection that is kept, and follows a redirect', async () => {
    await using origin = await Origin.listen({
      handler: (request, response, user) => {
        request.resume().on('end', () => {
          if (request.url === '/moved') response.writeHead(302, { Location: '/here' }).end();
          else response.end(`${request.method} ${request.url} ${user}`);
        });
      },
    });
    const client = make({ credentials: ALICE });
    expect(await client.get(`${origin.url}/here`)).toEqual({ status: 200, body: 'GET /here alice' });
    expect(await client.post(`${origin.url}/orders`, { item: 'lamp' })).toEqual({ status: 200, body: 'POST /orders alice' });
    expect(origin.connections).toBe(1);
    expect(origin.seen.filter(({ message }) => message === 3)).toHaveLength(1);
    expect(await client.get(`${origin.url}/moved`)).toEqual({ status: 200, body: 'GET /here alice' });
    client.agent.destroy();
  });

  test('over TLS, with options of the agent', async () => {
    const { ca, cert, key } = await makeCertificate();
    await using origin = await Origin.listen({ tls: { cert, key } });
    const client = make({ credentials: ALICE, ca });
    expect(await client.get(origin.url)).toEqual({ status: 200, body: 'alice' });
    client.agent.destroy();
  });

  test('a wrong password is the 401 it is', async () => {
    await using origin = await Origin.listen();
    const client = make({ credentials: WRONG });
    expect((await client.get(origin.url)).status).toBe(401);
    client.agent.destroy();
  });

  test.each(['http', 'https'] as const)('through a proxy that asks as well, to %s', async (scheme) => {
    const { ca, cert, key } = await makeCertificate();
    await using proxy = await Proxy.listen();
    await using origin = await Origin.listen(scheme === 'https' ? { tls: { cert, key } } : {});
    const client = make({ credentials: ALICE, proxy: proxy.url, ca });
    expect(await client.get(origin.url)).toEqual({ status: 200, body: 'alice' });
    expect(proxy.users).toContain('alice');
    client.agent.destroy();
  });

  test('the proxy of the environment is asked where the client itself would ask it, and never with `proxy: false`', async () => {
    await using proxy = await Proxy.listen();
    await using origin = await Origin.listen();
    vi.stubEnv('http_proxy', proxy.url);
    vi.stubEnv('no_proxy', '');
    for (const options of [{}, { proxy: false }, { proxy: 'environment' }] as const) {
      const before = proxy.seen.length;
      const client = make({ credentials: ALICE, ...options });
      expect(await client.get(origin.url)).toEqual({ status: 200, body: 'alice' });
      const asked = 'proxy' in options ? options.proxy !== false : kind === 'axios';
      expect(proxy.seen.length > before).toBe(asked);
      client.agent.destroy();
    }
  });

  test('what cannot be made ready is named', () => {
    expect(thrown(() => make(undefined as unknown as ReadyOptions))).toMatchObject({ code: 'invalid-argument', message: '"options" must be an object' });
    expect(thrown(() => make({ credential: ALICE } as unknown as ReadyOptions)).message).toContain('"credentials" may be meant');
    const ntlm = (kind === 'axios' ? ntlmAxios : ntlmGot) as (client: unknown, options: ReadyOptions) => unknown;
    for (const none of [undefined, {}, 'axios']) {
      expect(thrown(() => ntlm(none, { credentials: ALICE }))).toMatchObject({ code: 'invalid-argument' });
    }
  });
});

describe('what the instance given has', () => {
  const instance = (config: CreateAxiosDefaults = {}) => axios.create({ validateStatus: () => true, ...config });
  const answered = { handler: (_request: unknown, response: ServerResponse) => void response.end('ok') };

  test('of axios: its interceptors, in their order and with their options', async () => {
    await using origin = await Origin.listen(answered);
    const given = instance();
    const order: string[] = [];
    const ejected = given.interceptors.request.use((config) => (order.push('ejected'), config));
    given.interceptors.request.use((config) => (order.push('first'), config));
    given.interceptors.request.use((config) => (order.push('second'), config));
    given.interceptors.request.use((config) => (order.push('never'), config), null, { runWhen: () => false });
    given.interceptors.response.use((response) => ({ ...response, data: `${String(response.data)}!` }));
    given.interceptors.request.eject(ejected);
    const client = ntlmAxios(given, { credentials: ALICE });
    expect((await client.get<string>(origin.url)).data).toBe('ok!');
    expect(order).toEqual(['second', 'first']);
    (client.defaults.httpAgent as NtlmAgent).destroy();
  });

  test('of axios: axios-retry, over connections that authenticate themselves', async () => {
    let failures = 0;
    await using origin = await Origin.listen({ handler: (_request, response, user) => void response.writeHead((failures += 1) < 3 ? 503 : 200).end(user) });
    const given = axios.create();
    axiosRetry(given, { retries: 3 });
    const client = ntlmAxios(given, { credentials: ALICE });
    expect((await client.get<string>(origin.url)).data).toBe('alice');
    expect(origin.connections).toBe(1);
    (client.defaults.httpAgent as NtlmAgent).destroy();
  });

  test('of axios: an adapter that is a function stays, any other is the one that asks an agent', async () => {
    const own = ntlmAxios(instance({ adapter: async (config) => ({ status: 299, statusText: '', headers: {}, config, data: 'own' }) }), { credentials: ALICE });
    expect((await own.get('http://server.invalid/')).status).toBe(299);
    await using origin = await Origin.listen(answered);
    const client = ntlmAxios(instance({ adapter: 'fetch' }), { credentials: ALICE });
    expect((await client.get(origin.url)).status).toBe(200);
    (client.defaults.httpAgent as NtlmAgent).destroy();
  });

  test('of axios: `proxy: false` asks none, and a proxy of its own is refused unless one is given beside', async () => {
    await using proxy = await Proxy.listen();
    await using origin = await Origin.listen(answered);
    vi.stubEnv('http_proxy', proxy.url);
    vi.stubEnv('no_proxy', '');
    const client = ntlmAxios(instance({ proxy: false }), { credentials: ALICE });
    expect((await client.get(origin.url)).status).toBe(200);
    expect(proxy.seen).toEqual([]);
    (client.defaults.httpAgent as NtlmAgent).destroy();
    const given = instance({ proxy: { host: 'proxy.corp', port: 8080 } });
    expect(thrown(() => ntlmAxios(given, { credentials: ALICE }))).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('has a proxy of its own') as string });
    for (const beside of [proxy.url, false] as const) {
      const other = ntlmAxios(given, { credentials: ALICE, proxy: beside });
      expect((await other.get(origin.url)).status).toBe(200);
      expect(proxy.seen.length > 0).toBe(beside !== false);
      proxy.seen.length = 0;
      (other.defaults.httpAgent as NtlmAgent).destroy();
    }
  });

  test('of axios: HTTP/2, which asks no agent, is not spoken', async () => {
    await using origin = await Origin.listen(answered);
    const client = ntlmAxios(instance({ httpVersion: 2 }), { credentials: ALICE });
    expect((await client.get(origin.url)).status).toBe(200);
    (client.defaults.httpAgent as NtlmAgent).destroy();
  });

  test.each([
    ['axios', () => ntlmAxios(instance({ httpsAgent: new Agent() }), { credentials: ALICE })],
    ['axios', () => ntlmAxios(instance({ httpAgent: new Agent() }), { credentials: ALICE })],
    ['got', () => ntlmGot(got.extend({ agent: { https: new Agent() as never } }), { credentials: ALICE })],
    ['got', () => ntlmGot(got.extend({ agent: { http: new Agent() } }), { credentials: ALICE })],
  ] as const)('of %s: an agent of its own is refused, since its options would be lost', (name, make) => {
    expect(thrown(make)).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(new RegExp(`"${name}" has an agent of its own.*rejectUnauthorized.*"credentials"`)) as string });
  });

  test('an instance that was made ready may be made so again, for other credentials', async () => {
    await using origin = await Origin.listen();
    const first = ntlmAxios(instance({ responseType: 'text' }), { credentials: ALICE });
    const second = ntlmAxios(first, { credentials: BOB });
    expect((await second.get<string>(origin.url)).data).toBe('bob');
    const third = ntlmGot(ntlmGot(got, { credentials: ALICE }), { credentials: BOB });
    expect(await third(origin.url).text()).toBe('bob');
    for (const agent of [first.defaults.httpAgent, second.defaults.httpAgent, third.defaults.options.agent.http]) (agent as NtlmAgent).destroy();
  });
});

describe('a request with something of its own goes without NTLM, and that is said once', () => {
  const told: string[] = [];
  const note = ({ name, message }: Error): void => void (name === 'NtlmWarning' && told.push(message));
  beforeAll(() => void process.on('warning', note));
  afterAll(() => void process.off('warning', note));

  test.each([
    ['an agent of its own', 'axios', 'an agent', (client: AxiosInstance) => (url: string) => client.get(url, { httpAgent: new Agent() })],
    ['a proxy of its own', 'axios', 'a proxy', (client: AxiosInstance, proxy: Proxy) => (url: string) => client.get(url, { proxy: { host: '127.0.0.1', port: Number(new URL(proxy.url).port) } })],
  ] as const)('axios, %s', async (_what, name, said, asks) => {
    await using origin = await Origin.listen();
    await using proxy = await Proxy.listen();
    const client = ntlmAxios(ntlmAxios(axios.create({ validateStatus: () => true }), { credentials: BOB }), { credentials: ALICE });
    expect((await client.get(origin.url)).status).toBe(200);
    await new Promise(setImmediate);
    expect(told).toEqual([]);
    const ask = asks(client, proxy);
    for (let i = 0; i < 2; i++) expect((await ask(origin.url)).status).not.toBe(200);
    await new Promise(setImmediate);
    expect(told.splice(0)).toEqual([`a request of ${name} has ${said} of its own: it goes without NTLM; give its options beside "credentials", for all requests`]);
    (client.defaults.httpAgent as NtlmAgent).destroy();
  });

  test.each([['got', got], ['got 11', got11 as unknown as Got]])('%s', async (name, library) => {
    await using origin = await Origin.listen();
    const client = ntlmGot(ntlmGot(library, { credentials: BOB }), { credentials: ALICE }).extend({ throwHttpErrors: false, retry: { limit: 0 } });
    expect((await client(origin.url)).statusCode).toBe(200);
    await new Promise(setImmediate);
    expect(told).toEqual([]);
    expect((await client(origin.url, { agent: { http: new Agent() } })).statusCode).toBe(401);
    await new Promise(setImmediate);
    expect(told.splice(0)).toEqual(name === 'got' ? [expect.stringContaining('a request of got has an agent of its own') as string] : []); // once a process
    (client.defaults.options.agent.http as NtlmAgent).destroy();
  });
});

test('each is an instance of its own kind', () => {
  expectTypeOf<ReturnType<typeof ntlmAxios<typeof axios>>>().toEqualTypeOf<AxiosInstance>();
  expectTypeOf<ReturnType<typeof ntlmAxios<AxiosInstance>>>().toEqualTypeOf<AxiosInstance>();
  expectTypeOf<ReturnType<typeof ntlmGot<typeof got>>>().toEqualTypeOf<Got>();
});

describe('credentials of one string', () => {
  test.each([
    ['CORP\\alice:secret', 'alice', 'CORP', 'secret'],
    ['alice@corp.example:secret', 'alice@corp.example', '', 'secret'],
    ['alice:secret', 'alice', '', 'secret'],
    ['CORP\\alice:a:b:', 'alice', 'CORP', 'a:b:'],
    ['alice:100%25 p@ss\\word ', 'alice', '', '100%25 p@ss\\word '],
    ['alice:', 'alice', '', ''],
    ['alice:secret\n', 'alice', '', 'secret'],
    ['alice:secret\r\n', 'alice', '', 'secret'],
    ['\ufeffCORP\\alice:secret\r\n', 'alice', 'CORP', 'secret'],
    ["O'Brien:secret", "O'Brien", '', 'secret'],
    ['HTTP/web@corp.example:secret', 'HTTP/web@corp.example', '', 'secret'],
    ['Jürgen:"sécret" ', 'Jürgen', '', '"sécret" '],
    ['https:secret', 'https', '', 'secret'],
    ['a:b', 'a', '', 'b'],
    ['alice:\ufeffsecret', 'alice', '', '\ufeffsecret'],
    ['alice:one\r\ntwo', 'alice', '', 'one\r\ntwo'],
  ])('%j', async (text, username, domain, password) => {
    const credentials = parseCredentials(text);
    expect(credentials).toMatchObject({ username, domain });
    const { Credentials } = await import('../../../src/index.ts');
    const { secretsOf } = await import('../../../src/crypto/credentials.ts');
    const same = Credentials.fromPassword({ username, domain, password });
    expect(secretsOf(credentials).ntHash).toEqual(secretsOf(same).ntHash);
  });

  test.each([['alice'], [':secret'], [''], ['secret-without-anything'], ['alice:one\n\n']])('%j is refused, and not repeated', (text) => {
    const error = thrown(() => parseCredentials(text));
    expect(error).toMatchObject({ code: 'invalid-argument' });
    if (text.includes('secret')) expect(error.message.replace('user:password', '')).not.toContain('secret');
  });

  test.each([
    ['"CORP\\alice:secret"', 'stands in quotes'],
    ['"CORP\\alice":secret', 'stands in quotes'],
    ["'CORP\\alice:secret'", 'stands in quotes'],
    ['CORP\\al"ice:secret', 'a quotation mark in its name'],
    ['CORP\\\\alice:secret', 'more than one backslash'],
    ['CORP/alice:secret', 'ends with a backslash'],
    ['CORP\bob:secret', 'a backslash is written twice'], // an escape, as source has it by mistake
    ['CORP\ned:secret', 'a backslash is written twice'],
    ['CORP\tom:secret', 'a backslash is written twice'],
    [Buffer.from('\ufeffalice:secret\r\n', 'utf16le').toString('latin1'), 'UTF-16'],
    [Buffer.from('\ufeffalice:secret\r\n', 'utf16le').toString('utf8'), 'UTF-16'],
    ['http://alice:secret@proxy.corp:8080', 'must not be a URL'],
    [' CORP\\alice:secret', 'a space around its name'],
    ['alice : secret', 'a space around its name'],
  ])('%j is a mistake: %s', (text, said) => {
    const { code, message } = thrown(() => parseCredentials(text));
    expect({ code, message }).toEqual({ code: 'invalid-argument', message: expect.stringContaining(said) as string });
    expect(message).not.toMatch(/secret|alice|CORP/);
    expect(message).toMatch(/^"text" /);
  });

  test('nothing at all, as an environment without the variable', () => {
    const { code, message } = thrown(() => parseCredentials(undefined as unknown as string));
    expect([code, message]).toEqual(['invalid-argument', '"text" must look like DOMAIN\\user:password, user@realm:password or user:password']);
  });
});
