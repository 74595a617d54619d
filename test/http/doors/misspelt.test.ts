/** Options that are almost ours are refused; those of others pass. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmAgent } from '../../../src/http/index.ts';
import { HTTP_OPTION_NAMES } from '../../../src/http/doors/options.ts';
import { refuseMisspelt } from '../../../src/http/doors/misspelt.ts';
import { everyCarrier } from '../support/carriers.ts';
import { ALICE } from '../support/origin.ts';

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test.each([
    ['credential', 'credentials'],
    ['Credentials', 'credentials'],
    ['alow', 'allow'],
    ['proxi', 'proxy'],
    ['max_attempts', 'maxAttempts'],
    ['channelBinding', 'channelBindings'],
    ['workStation', 'workstation'],
    ['legTimeOut', 'legTimeout'],
    ['refusal', 'refusals'],
    ['SPN', 'spn'],
    ['Now', 'now'],
    ['proxies', 'proxy'],
    ['policies', 'policy'],
    ['maxRepeatableBodies', 'maxRepeatableBody'],
  ])('%s is refused, and %s named', (wrong, meant) => {
    expect(() => carrier.open({ credentials: ALICE, [wrong]: 'x' })).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(`"${wrong}" is no option; "${meant}" may be meant`) }),
    );
  });

  test('options of a refusal too', () => {
    for (const [wrong, meant] of [['patiense', 'patience'], ['limits', 'limit'], ['memroy', 'memory'], ['longest-memory', 'longestMemory'], ['entry', 'entries'], ['many', undefined], ['entris', 'entries']] as const) {
      const opened = expect(() => void carrier.open({ credentials: ALICE, refusals: { [wrong]: 1 } as object })[Symbol.asyncDispose]());
      if (meant === undefined) opened.not.toThrow();
      else opened.toThrow(`"refusals.${wrong}" is no option; "refusals.${meant}" may be meant`);
    }
  });

  test.each([['credential', 'credentials'], ['SPN', 'spn'], ['header', 'headers'], ['CA', 'ca'], ['uri', undefined]] as const)('%s of a proxy', (wrong, meant) => {
    const opened = expect(() => void carrier.open({ credentials: ALICE, proxy: { url: 'http://127.0.0.1:3128', [wrong]: undefined } })[Symbol.asyncDispose]());
    if (meant === undefined) opened.not.toThrow();
    else opened.toThrow(`"proxy.${wrong}" is no option; "proxy.${meant}" may be meant`);
  });
});

const LONG = 9;
const ours = [...HTTP_OPTION_NAMES].filter((name) => name.length >= 4);
const refused = (...names: string[]): string | undefined => {
  try {
    refuseMisspelt(Object.fromEntries(names.map((name) => [name, 1])), HTTP_OPTION_NAMES);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

/** A name with one mistake in it, at `at`. */
const mistakes: Readonly<Record<string, (name: string, at: number, letter: string) => string>> = {
  'a letter less': (name, at) => name.slice(0, at) + name.slice(at + 1),
  'a letter more': (name, at, letter) => name.slice(0, at) + letter + name.slice(at),
  'another letter': (name, at, letter) => name.slice(0, at) + letter + name.slice(at + 1),
  'two letters the wrong way round': (name, at) => name.slice(0, at) + name.slice(at, at + 2).split('').reverse().join('') + name.slice(at + 2),
};
const mistake = fc.constantFrom(...Object.keys(mistakes));
const letter = fc.constantFrom(...'abcxyz');
const spelling = fc.constantFrom(
  (name: string) => name,
  (name: string) => name.toUpperCase(),
  (name: string) => name.replace(/[A-Z]/g, '-$&'),
  (name: string) => name.replace(/[A-Z]/g, '_$&').toLowerCase(),
);

test('one mistake in a name, wherever it is and whatever its spelling, is refused', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ours), mistake, fc.nat(40), letter, spelling, (name, kind, at, one, spelt) => {
      const wrong = spelt(mistakes[kind]!(name, at % name.length, one));
      fc.pre(!HTTP_OPTION_NAMES.has(wrong));
      expect(refused(wrong)).toMatch(`"${wrong}" is no option; "`);
    }),
  );
});

test('two mistakes are refused in a long name, and pass in a short one', () => {
  for (const name of ours) {
    const wrong = `Q${name.slice(1, -1)}Q`;
    if (name.length >= LONG) expect(refused(wrong), wrong).toContain(`"${name}" may be meant`);
    else expect(refused(wrong), wrong).toBeUndefined();
    for (const [at, one] of [...name].entries()) {
      const next = name[at + 1];
      if (next === undefined || next === one || name.length >= LONG) continue;
      for (const pair of [`${next}Q`, `Q${one}`]) expect(refused(name.slice(0, at) + pair + name.slice(at + 2)), name).toBeUndefined();
    }
    expect(refused(`Q${name.slice(1, 3)}Q${name.slice(4, -1)}Q`)).toBeUndefined();
  }
});

test('the spelling of a name alone may be what is wrong', () => {
  for (const name of ours) {
    expect(refused(name.toUpperCase())).toContain(`"${name}" may be meant`);
    expect(refused(`_${name}`)).toContain(`"${name}" may be meant`);
  }
});

test('names of three letters are too near to others, and ours themselves pass', () => {
  expect(refused('spm', 'nwo', 'nov', 'snp', ...HTTP_OPTION_NAMES)).toBeUndefined();
});

/** As of Node 26, undici 8, axios and got. */
const THEIRS = `agent agentKeepAliveTimeoutBuffer allowH2 allowHalfOpen ALPNProtocols auth autoSelectFamily
  autoSelectFamilyAttemptTimeout blockList bodyTimeout ca cert checkServerIdentity ciphers clientCertEngine clientTtl connect
  connections connectTimeout createConnection crl defaultPort dhparam ecdhCurve enableTrace factory family headers headersTimeout
  highWaterMark hints honorCipherOrder host initialWindowSize insecureHTTPParser interceptors joinDuplicateHeaders keepAlive
  keepAliveMaxTimeout keepAliveMsecs keepAliveTimeout keepAliveTimeoutThreshold key localAddress localPort lookup
  maxCachedSessions maxConcurrentStreams maxFreeSockets maxHeaderSize maxOrigins maxRequestsPerClient maxResponseSize maxSockets
  maxTotalSockets maxVersion method minDHSize minVersion noDelay onread passphrase path pfx pingInterval pipelining port
  privateKeyEngine privateKeyIdentifier protocol proxyEnv pskCallback rejectUnauthorized requestCert requestOCSP scheduling
  secureContext secureOptions secureProtocol servername session sessionIdContext sessions sigalgs signal SNICallback socketPath
  socketTimeout strictContentLength ticketKeys timeout timeouts uniqueHeaders useH2c webSocket`.split(/\s+/);

test('what node and undici know passes', async () => {
  for (const name of THEIRS) expect(refused(name), name).toBeUndefined();
  const nodes = { keepAlive: true, keepAliveMsecs: 1, maxSockets: 1, maxTotalSockets: 1, maxFreeSockets: 1, scheduling: 'lifo', timeout: 1, maxCachedSessions: 1, servername: 'x', family: 4, localAddress: '127.0.0.1', proxyEnv: {}, noDelay: true } as const;
  new NtlmAgent({ credentials: ALICE, ...nodes }).destroy();
  const undicis = { connections: 1, keepAliveTimeout: 1000, keepAliveMaxTimeout: 1000, headersTimeout: 1, bodyTimeout: 1, maxResponseSize: 1, maxHeaderSize: 1000, clientTtl: 1, strictContentLength: true, maxRequestsPerClient: 1, connectTimeout: 1 };
  await createNtlmFetch({ credentials: ALICE, ...undicis } as Parameters<typeof createNtlmFetch>[0]).close();
});
