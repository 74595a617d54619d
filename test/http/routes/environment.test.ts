/** Proxies by name of the environment, and what is a proxy's alone. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { inspect } from 'node:util';
import { NtlmAgent, type CredentialsQuestion } from '../../../src/http/index.ts';
import { environmentProxies } from '../../../src/http/routes/environment.ts';
import { resolveProxy } from '../../../src/http/doors/proxy-options.ts';
import { sourceOf, whoOf } from '../../../src/http/authentication/source.ts';
import { kerberos } from '../../../src/kerberos/index.ts';
import { ntlmv1 } from '../../../src/legacy/index.ts';
import { decodeAuthenticate, decodeNtlmV2Response, describeTargetInfo } from '../../../src/messages/index.ts';
import { standIn } from '../../kerberos/support.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, BOB, Origin } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'];
const clear = (): void => {
  for (const name of [...NAMES, ...NAMES.map((each) => each.toUpperCase()), 'REQUEST_METHOD']) vi.stubEnv(name, undefined);
};
beforeEach(clear);
afterEach(() => vi.unstubAllEnvs());

const settings = { credentials: sourceOf(ALICE, 'credentials'), handshake: {}, spn: undefined, headers: [], ca: undefined };
const proxyOf = (env: Record<string, string>, origin: string): string | undefined => {
  clear();
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  return environmentProxies(settings, (credentials) => ({ credentials }))(new URL(origin))?.url.origin;
};

describe('which proxy', () => {
  test.each([
    ['of the scheme', { http_proxy: 'http://p:1', https_proxy: 'http://s:2' }, 'http://h/', 'http://p:1'],
    ['of the scheme', { http_proxy: 'http://p:1', https_proxy: 'http://s:2' }, 'https://h/', 'http://s:2'],
    ['none for the other', { http_proxy: 'http://p:1' }, 'https://h/', undefined],
    ['all_proxy for both', { all_proxy: 'http://a:3' }, 'https://h/', 'http://a:3'],
    ['lower case first', { http_proxy: 'http://lower:1', HTTP_PROXY: 'http://upper:1' }, 'http://h/', 'http://lower:1'],
    ['upper case too', { HTTPS_PROXY: 'http://upper:1' }, 'https://h/', 'http://upper:1'],
    ['upper case too', { HTTP_PROXY: 'http://upper:1' }, 'http://h/', 'http://upper:1'],
    ['without a scheme', { http_proxy: 'p:1' }, 'http://h/', 'http://p:1'],
    ['without a scheme, for https', { https_proxy: 'p:1' }, 'https://h/', 'http://p:1'],
    ['without a scheme, for all', { ALL_PROXY: 'p:1' }, 'https://h/', 'http://p:1'],
    ['over TLS', { https_proxy: 'https://p:1' }, 'https://h/', 'https://p:1'],
    ['empty', { http_proxy: '' }, 'http://h/', undefined],
    ['under CGI not the one of a client', { HTTP_PROXY: 'http://evil:1', REQUEST_METHOD: 'GET' }, 'http://h/', undefined],
    ['under CGI lower case', { http_proxy: 'http://p:1', HTTP_PROXY: 'http://evil:1', REQUEST_METHOD: 'GET' }, 'http://h/', 'http://p:1'],
    ['under CGI the one for all', { HTTP_PROXY: 'http://evil:1', ALL_PROXY: 'a:3', REQUEST_METHOD: 'GET' }, 'http://h/', 'http://a:3'],
    ['under CGI upper case for https', { HTTPS_PROXY: 'http://s:2', REQUEST_METHOD: 'GET' }, 'https://h/', 'http://s:2'],
    ['under CGI no_proxy counts', { ALL_PROXY: 'http://a:3', no_proxy: 'h:80', REQUEST_METHOD: 'GET' }, 'http://h/', undefined],
  ] as const)('%s: %j for %s', (_what, env, origin, proxy) => {
    expect(proxyOf(env as unknown as Record<string, string>, origin)).toBe(proxy);
  });

  test('under CGI on Windows, where names do not tell case apart, none of http', () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
    Object.defineProperty(process, 'platform', { ...platform, value: 'win32' });
    try {
      expect(proxyOf({ http_proxy: 'http://evil:1', REQUEST_METHOD: 'GET' }, 'http://h/')).toBeUndefined();
      expect(proxyOf({ http_proxy: 'http://p:1' }, 'http://h/')).toBe('http://p:1');
      expect(proxyOf({ https_proxy: 'http://p:1', REQUEST_METHOD: 'GET' }, 'https://h/')).toBe('http://p:1');
    } finally {
      Object.defineProperty(process, 'platform', platform);
    }
  });

  test.each([
    ['*', 'h.corp.example', false],
    ['h.corp.example', 'h.corp.example', false],
    ['H.CORP.example', 'h.corp.example', false],
    ['.corp.example', 'h.corp.example', false],
    ['*.corp.example', 'h.corp.example', false],
    ['a, b h.corp.example', 'h.corp.example', false],
    ['h.corp.example:80', 'h.corp.example', false],
    ['h.corp.example:8080', 'h.corp.example', true],
    ['orp.example', 'h.corp.example', true],
    ['127.0.0.1', '127.0.0.1', false],
    ['[::1]', '[::1]', false],
  ])('no_proxy=%s, for %s: through the proxy %s', (noProxy, host, through) => {
    expect(proxyOf({ http_proxy: 'http://p:1', no_proxy: noProxy }, `http://${host}/`)).toBe(through ? 'http://p:1' : undefined);
  });

  test.each(['socks5://bob:geheim@p:1', 'http://bob:geheim@', 'ftp://bob:geheim@p', 'xhttp://bob:geheim@p', 'httpx://bob:geheim@p'])('%s is refused, and its password not repeated', (value) => {
    let error: unknown;
    try {
      proxyOf({ http_proxy: value }, 'http://h/');
    } catch (thrown) {
      error = thrown;
    }
    const message = '"proxy" is to be what the environment names, and that is no URL of http or https: look at http_proxy, https_proxy and all_proxy';
    expect(error).toMatchObject({ code: 'invalid-argument', phase: 'transport', message });
    expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain('geheim');
  });

  test('user and password are credentials of that proxy, one handle for all its connections, and in no view of it', async () => {
    vi.stubEnv('http_proxy', 'http://CORP%5Cbob:b%25ilder%@p:1/');
    const rule = environmentProxies(settings, (credentials) => ({ credentials }));
    const proxy = rule(new URL('http://h/'))!;
    expect(rule(new URL('http://other/'))).toBe(proxy);
    expect(proxy.url.href).toBe('http://p:1/');
    expect(inspect(proxy, { depth: 9 })).not.toMatch(/ilder/);
    const question = { origin: 'http://p:1', side: 'proxy', scheme: 'NTLM', attempt: 1, reason: undefined } as CredentialsQuestion;
    const handle = await proxy.credentials.ask(question);
    expect([handle?.username, handle?.domain]).toEqual(['bob', 'CORP']);
    expect(await proxy.credentials.ask({ ...question, attempt: 2 })).toBeUndefined();
    const owned = resolveProxy({ url: 'environment', credentials: BOB }, settings);
    expect(await owned(new URL('http://h/'))?.credentials.ask(question)).toBe(BOB);
  });

  test('the way in that the option names stays beside them; one that came from the server alone goes with its credentials', async () => {
    vi.stubEnv('http_proxy', 'http://bob:builder@p:1/');
    const [ours, servers] = [kerberos({ provider: standIn() }), kerberos({ provider: standIn() })];
    const { credentials: nobody, negotiator } = whoOf({ credentials: servers });
    const inherited = resolveProxy('environment', { credentials: nobody, negotiator, handshake: {} })(new URL('http://h/'));
    expect(inherited?.negotiator).toBeUndefined();
    const named = resolveProxy({ url: 'environment', negotiate: ours }, { credentials: nobody, negotiator, handshake: {} })(new URL('http://h/'));
    expect(named?.negotiator).toBe(ours);
    expect(await named?.credentials.ask({ origin: 'http://p:1', side: 'proxy', scheme: 'NTLM', attempt: 1, reason: undefined })).toMatchObject({ username: 'bob' });
  });
});

describe.each(everyCarrier)('%s', (_name, carrier) => {
  let tls: Awaited<ReturnType<typeof makeCertificate>>;
  beforeAll(async () => {
    tls = await makeCertificate();
  });

  test('goes through the proxy of the environment as the one it names, and to what it exempts directly', async () => {
    await using plain = await Origin.listen({ protects: () => false });
    await using secure = await Origin.listen({ tls });
    await using proxy = await Proxy.listen();
    const withUser = proxy.url.replace('//', '//CORP%5Cbob:builder@');
    vi.stubEnv('http_proxy', withUser);
    vi.stubEnv('https_proxy', withUser);
    await using client = carrier.open({ credentials: ALICE, proxy: 'environment', ca: tls.ca, allow: () => true });
    expect((await client.request(plain.url)).text).toBe('nobody');
    expect((await client.request(secure.url)).text).toBe('alice');
    expect(proxy.users).toEqual(['bob', 'bob']);
    vi.stubEnv('no_proxy', '127.0.0.1');
    await using direct = carrier.open({ credentials: ALICE, proxy: 'environment' });
    expect((await direct.request(plain.url)).text).toBe('nobody');
    expect(proxy.users).toHaveLength(2);
  });

  test('fields of the proxy are on each CONNECT and nowhere else', async () => {
    await using secure = await Origin.listen({ tls });
    await using proxy = await Proxy.listen();
    const headers = { 'User-Agent': 'fields/1', 'X-Zone': 'blue' };
    await using client = carrier.open({ credentials: ALICE, proxy: { url: proxy.url, headers }, ca: tls.ca });
    expect((await client.request(secure.url)).text).toBe('alice');
    expect(proxy.heads).toHaveLength(3);
    for (const head of proxy.heads) expect(head).toMatch(/^CONNECT [^]*\r\nUser-Agent: fields\/1\r\nX-Zone: blue(\r\n|$)/);
    expect(secure.seen).not.toHaveLength(0);
  });
});

test.each([
  ['by default its own name, by the policy of all', {}, 'v2', 'HTTP/127.0.0.1'],
  ['spn', { spn: 'HTTP/gate' }, 'v2', 'HTTP/gate'],
  ['no spn', { spn: false }, 'v2', undefined],
  ['policy', { policy: ntlmv1 }, 'v1', undefined],
] as const)("what a proxy is sent is the proxy's: %s", async (_what, own, version, spn) => {
  await using origin = await Origin.listen();
  await using proxy = await Proxy.listen();
  for (const spnOfServer of [undefined, 'HTTP/intranet', false] as const) {
    proxy.responses.length = 0;
    await using client = everyCarrier[0]![1].open({ credentials: ALICE, spn: spnOfServer, proxy: { url: proxy.url, ...own } });
    const { status } = await client.request(origin.url);
    expect(status).toBe(version === 'v2' ? 200 : 407); // it takes no v1
    const { ntChallengeResponse } = decodeAuthenticate(proxy.responses[0]!);
    expect(ntChallengeResponse.length > 24 ? 'v2' : 'v1').toBe(version);
    const named = version === 'v1' ? undefined : describeTargetInfo(decodeNtlmV2Response(ntChallengeResponse).avPairs).targetName;
    expect(named).toBe(spn);
  }
});

test.each([
  ['proxy.headers', { headers: 'User-Agent: x' }],
  ['proxy.headers', { headers: { Host: 'evil' } }],
  ['proxy.headers', { headers: { 'X Y': 'z' } }],
  ['proxy.headers', { headers: { 'X-Y': 'z\r\nHost: evil' } }],
  ['proxy.headers', { headers: { 'X-Y': 7 } }],
  ['policy', { policy: 'none' }],
  ['spn', { spn: 7 }],
  ['proxy', { url: 'environments' }],
])('%s of %j is refused by name', (argument, own) => {
  const proxy = { url: 'http://gate.example', ...own } as never;
  expect(() => new NtlmAgent({ credentials: ALICE, proxy })).toThrow(
    expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(`"${argument}"`) as string }),
  );
});
