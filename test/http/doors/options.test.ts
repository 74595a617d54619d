/** What each option may be, what it is where nothing was said, and which sentence a mistake is answered with. */
import { describe, expect, test } from 'vitest';
import { HTTP_OPTION_NAMES, carrierOptions, resolveHttpOptions, sessionsOf, type HttpOptions, type RefusalOptions } from '../../../src/http/doors/options.ts';
import { kerberos } from '../../../src/kerberos/index.ts';
import { ALICE, BOB } from '../support/origin.ts';

const resolve = (options: object = {}) => resolveHttpOptions({ credentials: ALICE, ...options } as HttpOptions);
const LONGEST = 2 ** 31 - 1;
const refuses = (options: unknown, argument: string, sentence: string): void => {
  expect(() => resolveHttpOptions(options as HttpOptions), JSON.stringify(options)).toThrow(
    expect.objectContaining({ name: 'NtlmError', code: 'invalid-argument', phase: 'configure', side: 'local', message: `"${argument}" ${sentence}` }),
  );
};

test('what nobody said', () => {
  const settings = resolve();
  expect(settings).toMatchObject({
    prefer: 'NTLM',
    channelBindings: true,
    limits: { legTimeout: 30_000, answerTimeout: 300_000, maxAttempts: 5, maxRepeatableBody: 1024 * 1024, probe: true },
    refusals: { limit: 2, memory: 300_000, longestMemory: 3_600_000, patience: 10_000, entries: 1000 },
  });
  const { allow, spn, inspect, negotiator } = settings;
  expect([allow, spn, inspect, negotiator, settings.proxy(new URL('http://a/'))]).toEqual([undefined, undefined, undefined, undefined, undefined]);
});

test('what was said', () => {
  const inspect = (): void => {};
  const said = {
    ...{ legTimeout: 1, answerTimeout: LONGEST, maxAttempts: 1, maxRepeatableBody: 0, probe: false, channelBindings: false, prefer: 'Negotiate', allow: ['http://a'], spn: false, inspect },
    ...{ policy: 'ntlmv2-compatible', workstation: 'LAPTOP', unicode: false, sessionSecurity: 'sign' },
    refusals: { limit: 1, memory: 1, longestMemory: 5, patience: LONGEST, entries: 1 },
  };
  const { legTimeout, answerTimeout, maxAttempts, maxRepeatableBody, probe, policy, workstation, unicode, sessionSecurity, ...rest } = said;
  expect(resolve(said)).toMatchObject({ ...rest, limits: { legTimeout, answerTimeout, maxAttempts, maxRepeatableBody, probe }, handshake: { policy, workstation, unicode, sessionSecurity } });
});

test.each(['legTimeout', 'answerTimeout', 'maxAttempts', 'maxRepeatableBody', ...['limit', 'memory', 'longestMemory', 'patience', 'entries'].map((name) => `refusals.${name}`)])('%s is a whole number within its bounds', (name) => {
  const [place, own] = name.startsWith('refusals.') ? ['refusals', name.slice('refusals.'.length)] : ['', name];
  const options = (value: unknown): object => ({ credentials: ALICE, ...(place === '' ? { [own]: value } : { [place]: { [own]: value } }) });
  const least = name === 'maxRepeatableBody' ? 0 : 1;
  for (const value of [least - 1, least + 0.5, -5, NaN, '7', false]) refuses(options(value), name, `must be a whole number of at least ${least}`);
  expect(() => resolveHttpOptions(options(least) as HttpOptions)).not.toThrow();
  expect(() => resolveHttpOptions(options(undefined) as HttpOptions)).not.toThrow();
  const isTime = /Timeout|emory|patience/.test(name);
  if (isTime) for (const value of [LONGEST + 1, Infinity]) refuses(options(value), name, `must be at most ${LONGEST} milliseconds`);
  expect(() => resolveHttpOptions(options(isTime ? LONGEST : LONGEST + 1) as HttpOptions)).not.toThrow();
});

test('the longest memory is no shorter than the memory', () => {
  const memories = (refusals: RefusalOptions): number[] => [resolve({ refusals }).refusals.memory, resolve({ refusals }).refusals.longestMemory];
  expect(memories({ memory: 10, longestMemory: 5 })).toEqual([10, 10]);
  expect(memories({ memory: 10_000_000 })).toEqual([10_000_000, 10_000_000]);
});

test.each([
  ['options', undefined, 'must be an object'],
  ['options', null, 'must be an object'],
  ['options', 'alice:wonderland', 'must be an object'],
  ['channelBindings', { channelBindings: 'no' }, 'must be true or false'],
  ['probe', { probe: 0 }, 'must be true or false'],
  ['prefer', { prefer: 'Kerberos' }, 'must be "NTLM" or "Negotiate"'],
  ['refusals', { refusals: null }, 'must be an object'],
  ['refusals', { refusals: 3 }, 'must be an object'],
  ['credentials', { credentials: 'alice' }, 'must be Credentials or a function that returns them'],
  ['proxy', { proxy: null }, 'must be a URL or { url, credentials }'],
  ['proxy', { proxy: 3128 }, 'must be a URL or { url, credentials }'],
  ['proxy', { proxy: 'http://alice@gate.example:3128' }, 'must not carry a password in its URL; give { url, credentials }'],
  ['proxy', { proxy: 'http://:secret@gate.example:3128' }, 'must not carry a password in its URL; give { url, credentials }'],
  ['proxy.credentials', { proxy: { url: 'http://gate.example', credentials: 'alice' } }, 'must be Credentials or a function that returns them'],
  ['proxy.negotiate', { proxy: { url: 'http://gate.example', negotiate: {} } }, 'must be what kerberos() of ntlmachine/kerberos gives'],
  ['proxy.headers', { proxy: { url: 'http://gate.example', headers: null } }, undefined],
  ['proxy.headers', { proxy: { url: 'http://gate.example', headers: 'X-Y: z' } }, 'must be an object'],
] as const)('%s: %j', (argument, options, sentence) => {
  const whole = typeof options === 'object' && options !== null ? { credentials: ALICE, ...options } : options;
  if (sentence === undefined) expect(() => resolveHttpOptions(whole as HttpOptions)).not.toThrow();
  else refuses(whole, argument, sentence);
});

test('names and values of service principals are looked at when they are given, rules of them when they are asked', () => {
  for (const options of [{ spn: 7 }, { proxy: { url: 'http://gate.example', spn: 7 } }]) {
    expect(() => resolve(options)).toThrow(expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('"spn"') }));
  }
  const rule = (): never => {
    throw new Error('not yet');
  };
  for (const spn of [false, undefined, 'HTTP/a', rule]) expect(() => resolve({ spn, proxy: { url: 'http://gate.example', spn } })).not.toThrow();
});

describe('a proxy', () => {
  const proxyOf = (proxy: unknown, options: object = {}) => resolve({ proxy, ...options }).proxy(new URL('https://a.example/'))!;

  test('is a URL, as text or not, or what has one', () => {
    for (const proxy of ['http://gate.example:3128', new URL('http://gate.example:3128'), { url: 'http://gate.example:3128' }, { url: new URL('http://gate.example:3128') }]) {
      expect(proxyOf(proxy)).toMatchObject({ url: new URL('http://gate.example:3128'), headers: [], spn: undefined, ca: undefined });
    }
  });

  test('has what is the server\'s where nothing is its own', async () => {
    const { credentials, handshake } = resolve({ policy: 'ntlmv2-compatible', workstation: 'W', sessionSecurity: 'seal' });
    const inherited = proxyOf('http://gate.example', { policy: 'ntlmv2-compatible', workstation: 'W', sessionSecurity: 'seal' });
    expect(inherited.handshake).toEqual({ ...handshake, sessionSecurity: undefined });
    expect(inherited.handshake).not.toHaveProperty('sessionSecurity');
    expect(await inherited.credentials.ask({ attempt: 1 } as never)).toBe(await credentials.ask({ attempt: 1 } as never));
    const own = proxyOf({ url: 'http://gate.example', policy: 'ntlmv2', credentials: BOB, spn: 'HTTP/gate', ca: 'PEM' }, { policy: 'ntlmv2-compatible' });
    expect(own).toMatchObject({ handshake: { policy: 'ntlmv2' }, spn: 'HTTP/gate', ca: 'PEM' });
    expect(await own.credentials.ask({ attempt: 1 } as never)).toBe(BOB);
  });

  test('is gone to by what goes before NTLM at the server, under its own name, unless it has its own', async () => {
    const [servers, own] = [kerberos({ spn: 'HTTP/a', delegate: true, ntlm: 'after-refusal' }), kerberos({ spn: 'HTTP/gate' })];
    const url = 'http://gate.example';
    const who = async ({ credentials, negotiator }: ReturnType<typeof proxyOf>) => ({ as: await credentials.ask({ attempt: 1 } as never), negotiator });
    const inherited = { mechanism: 'Kerberos', ntlm: 'after-refusal', spn: undefined };
    const alone = await who(proxyOf(url, { negotiate: servers }));
    expect(alone).toMatchObject({ as: ALICE, negotiator: inherited });
    expect(alone.negotiator!.input({} as never)).toMatchObject({ delegate: false });
    expect((await who(proxyOf(url))).negotiator).toBeUndefined();
    expect(await who(proxyOf({ url, negotiate: own }, { negotiate: servers }))).toEqual({ as: ALICE, negotiator: own });
    expect(await who(proxyOf({ url, credentials: BOB }, { negotiate: servers }))).toMatchObject({ as: BOB, negotiator: inherited });
    expect(await who(proxyOf({ url, credentials: BOB, negotiate: own }, { negotiate: servers }))).toEqual({ as: BOB, negotiator: own });
    expect(await who(proxyOf({ url, credentials: own }, { negotiate: servers }))).toMatchObject({ as: undefined, negotiator: { spn: 'HTTP/gate', ntlm: false } });
    // No NTLM at the server: what is there in its place goes nowhere else.
    expect(await who(proxyOf({ url, credentials: BOB }, { credentials: servers }))).toEqual({ as: BOB, negotiator: undefined });
    expect(await who(proxyOf(url, { credentials: servers }))).toMatchObject({ as: undefined, negotiator: { ntlm: false, spn: undefined } });
    refuses({ credentials: ALICE, proxy: { url, credentials: own, negotiate: own } }, 'proxy.negotiate', 'goes before other credentials: those given are such a value themselves');
  });

  test('gets the fields it is given, but those that are the tunnel\'s', () => {
    const fields = { 'User-Agent': 'x/1 (\u00e4\t!)', "!#$%&'*+-.^_`|~": '', 'X-Host': 'h' };
    expect(proxyOf({ url: 'http://gate.example', headers: fields }).headers).toEqual(Object.entries(fields).map(([name, value]) => ({ name, value })));
    for (const name of ['host', 'Connection', 'Proxy-Connection', 'content-length', 'TRANSFER-ENCODING', '', 'X Y', ' X', 'X ', 'X:', 'X\r\n', '\u00e4']) {
      refuses({ credentials: ALICE, proxy: { url: 'http://gate.example', headers: { [name]: 'x' } } }, 'proxy.headers', `must not have a field named ${JSON.stringify(name)}`);
    }
    for (const value of ['a\r\nHost: b', '\n', '\u0000', '\u20ac', 7, null, '\u007f']) {
      refuses({ credentials: ALICE, proxy: { url: 'http://gate.example', headers: { 'X-Y': value } } }, 'proxy.headers', 'must have a text of one line for X-Y');
    }
  });
});

test('a door keeps what is not ours for what it is made of', () => {
  const ours = `credentials negotiate allow proxy prefer spn channelBindings legTimeout answerTimeout maxAttempts maxRepeatableBody
    refusals probe inspect policy workstation unicode version now randomBytes sessionSecurity`.split(/\s+/);
  expect([...HTTP_OPTION_NAMES].sort()).toEqual([...ours].sort());
  const all = Object.fromEntries([...ours, 'keepAlive', 'ca'].map((name) => [name, name]));
  expect(carrierOptions(all as never)).toEqual({ keepAlive: 'keepAlive', ca: 'ca' });
});

test('no TLS session is kept where certificates are bound', () => {
  expect([sessionsOf(resolve()), sessionsOf(resolve({ channelBindings: false }))]).toEqual([{ maxCachedSessions: 0 }, {}]);
});
