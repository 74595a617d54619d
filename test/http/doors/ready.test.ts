/** Clients of others, made ready by one call; and credentials of one string. */
import axios, { type AxiosInstance } from 'axios';
import got, { type Got } from 'got';
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import type { NtlmAgent } from '../../../src/http/index.ts';
import { ntlmAxios, ntlmGot, parseCredentials, type ReadyOptions } from '../../../src/http/index.ts';
import { thrown } from '../../support/thrown.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, Origin, WRONG } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

interface Client {
  get(url: string): Promise<{ status: number; body: string }>;
  post(url: string, body: object): Promise<{ status: number; body: string }>;
  readonly agent: NtlmAgent;
}

const ready: Readonly<Record<string, (options: ReadyOptions) => Client>> = {
  ntlmAxios: (options) => {
    const client = ntlmAxios(axios.create({ validateStatus: () => true, responseType: 'text' }), options);
    const told = ({ status, data }: { status: number; data: string }) => ({ status, body: data });
    return {
      get: async (url) => told(await client.get<string>(url)),
      post: async (url, body) => told(await client.post<string>(url, body)),
      agent: client.defaults.httpAgent as NtlmAgent,
    };
  },
  ntlmGot: (options) => {
    const client = ntlmGot(got.extend({ throwHttpErrors: false, retry: { limit: 0 } }), options);
    const told = ({ statusCode: status, body }: { statusCode: number; body: string }) => ({ status, body });
    return {
      get: async (url) => told(await client(url)),
      post: async (url, json) => told(await client.post(url, { json })),
      agent: client.defaults.options.agent.http as NtlmAgent,
    };
  },
};

afterEach(() => vi.unstubAllEnvs());

describe.each(Object.entries(ready))('%s', (name, make) => {
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
      const asked = 'proxy' in options ? options.proxy !== false : name === 'ntlmAxios';
      expect(proxy.seen.length > before).toBe(asked);
      client.agent.destroy();
    }
  });

  test('what cannot be made ready is named', () => {
    expect(thrown(() => make(undefined as unknown as ReadyOptions))).toMatchObject({ code: 'invalid-argument', message: '"options" must be an object' });
    expect(thrown(() => make({ credential: ALICE } as unknown as ReadyOptions)).message).toContain('"credentials" may be meant');
    const ntlm = (name === 'ntlmAxios' ? ntlmAxios : ntlmGot) as (client: unknown, options: ReadyOptions) => unknown;
    for (const none of [undefined, {}, 'axios']) {
      expect(thrown(() => ntlm(none, { credentials: ALICE }))).toMatchObject({ code: 'invalid-argument' });
    }
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

  test('nothing at all, as an environment without the variable', () => {
    expect(thrown(() => parseCredentials(undefined as unknown as string)).code).toBe('invalid-argument');
  });
});
