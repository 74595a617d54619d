/** The package `kerberos` as provider, by a module that answers as the package does. */
import { describe, expect, test, vi } from 'vitest';
import { NtlmError } from '../../src/index.ts';
import { currentUser, kerberosPackage, type KerberosInput, type KerberosModule } from '../../src/kerberos/index.ts';

const NEVER = new AbortController().signal;
const request = { spn: 'HTTP/intranet.corp', principal: undefined, mutual: true, delegate: false, channelBindings: undefined };

interface Said {
  /** What each step answers; the last comes with the name of the user. */
  readonly steps?: readonly (string | null)[];
  readonly username?: string | null;
  readonly fails?: { readonly init?: Error; readonly step?: Error };
}

function moduleOf({ steps = ['YII=', null], username = 'alice@CASTLE.TEST', fails = {} }: Said = {}) {
  const given: unknown[] = [];
  const module: KerberosModule = {
    async initializeClient(service, options) {
      given.push([service, options]);
      if (fails.init !== undefined) throw fails.init;
      const left = options.flags === 0 ? [null] : [...steps];
      const client = {
        username: null as string | null,
        async step(challenge: string) {
          given.push(challenge);
          if (fails.step !== undefined) throw fails.step;
          const answer = left.shift() ?? null;
          if (left.length === 0) client.username = username;
          return answer;
        },
      };
      return client;
    },
  };
  return { module, given };
}

const onPlatform = async <T>(platform: string, use: () => Promise<T>): Promise<T> => {
  const { platform: own } = process;
  Object.defineProperty(process, 'platform', { value: platform });
  try {
    return await use();
  } finally {
    Object.defineProperty(process, 'platform', { value: own });
  }
};

test('flags, mechanism and name as the package wants them', async () => {
  const rows = [
    [{}, 'krb5', 2 | 4 | 8, 9],
    [{ mutual: false }, 'krb5', 4 | 8, 9],
    [{ delegate: true }, 'spnego', 1 | 2 | 4 | 8, 6],
  ] as const;
  for (const [changed, tokens, flags, mechOID] of rows) {
    const { module, given } = moduleOf();
    const provider = kerberosPackage({ module, tokens });
    expect([provider.binds, provider.tokens]).toEqual([false, tokens]);
    await provider.begin({ ...request, ...changed }, NEVER);
    expect(given).toStrictEqual([['HTTP@intranet.corp', { flags, mechOID }]]);
  }
  expect(kerberosPackage().tokens).toBe('krb5');
});

test('on Windows the name is SSPI’s, and a principal nothing that it knows', async () => {
  const { module, given } = moduleOf();
  await onPlatform('win32', async () => kerberosPackage({ module }).begin(request, NEVER));
  expect(given).toEqual([['HTTP/intranet.corp', { flags: 14, mechOID: 9 }]]);
  await expect(onPlatform('win32', async () => kerberosPackage({ module }).begin({ ...request, principal: 'bob' }, NEVER))).rejects.toMatchObject({ code: 'unsupported', phase: 'kerberos', message: expect.stringMatching(/SSPI/) });
});

test('tokens are bytes here and base64 there; complete with the name of the user', async () => {
  const { module, given } = moduleOf();
  const context = await kerberosPackage({ module }).begin(request, NEVER);
  expect(await context.step(undefined, NEVER)).toEqual({ token: Buffer.of(0x60, 0x82), complete: false });
  expect(await context.step(Uint8Array.of(1, 2, 3), NEVER)).toEqual({ token: undefined, complete: true });
  expect(given.slice(1)).toEqual(['', 'AQID']);
});

test('who is logged on: tickets, and on Windows whatever SSPI negotiates', async () => {
  const tokensOf = (): string => (currentUser().input({ spn: 'HTTP/x', channelBindings: undefined, legTimeout: 1 }) as KerberosInput).provider.tokens;
  expect(await onPlatform('linux', async () => tokensOf())).toBe('krb5');
  expect(await onPlatform('win32', async () => tokensOf())).toBe('spnego');
});

describe('a principal', () => {
  test.each(['alice@CASTLE.TEST', 'alice'])('%s goes in as itself', async (principal) => {
    const { module, given } = moduleOf();
    await kerberosPackage({ module }).begin({ ...request, principal }, NEVER);
    expect(given).toEqual([['HTTP@intranet.corp', { principal, flags: 0, mechOID: 9 }], '', ['HTTP@intranet.corp', { principal, flags: 14, mechOID: 9 }]]);
  });

  test.each([['bob@CASTLE.TEST', 'alice@CASTLE.TEST'], ['alice@OTHER.TEST', 'alice@CASTLE.TEST'], ['bob', null]])('%s is never %s', async (principal, username) => {
    const { module } = moduleOf({ username });
    await expect(kerberosPackage({ module }).begin({ ...request, principal }, NEVER)).rejects.toMatchObject({ code: 'no-ticket', phase: 'kerberos', side: 'local', message: expect.stringContaining(`of ${principal} in the cache, which is that of ${username ?? 'nobody'}`) });
  });

  test('of whom there is no ticket', async () => {
    const { module } = moduleOf({ fails: { step: new Error('No credentials were supplied: No Kerberos credentials available') } });
    await expect(kerberosPackage({ module }).begin({ ...request, principal: 'bob' }, NEVER)).rejects.toMatchObject({ code: 'no-ticket' });
  });
});

/** As MIT 1.20, Heimdal 7 and SSPI say it. */
const TEXTS = {
  'no-ticket': [
    'No credentials were supplied, or the credentials were unavailable or inaccessible: No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)',
    "Unspecified GSS failure.  Minor code may provide more information: Credentials cache file '/tmp/krb5cc_0' not found",
    "Unspecified GSS failure.  Minor code may provide more information: Can't find client principal bob@CASTLE.TEST in cache collection",
    'Unspecified GSS failure.  Minor code may provide more information: Matching credential not found (filename: /tmp/cc)',
    'InitializeSecurityContext: 0x8009030e No credentials are available in the security package',
  ],
  'unknown-service': [
    'Unspecified GSS failure.  Minor code may provide more information: Server HTTP/nowhere@CASTLE.TEST not found in Kerberos database',
    'Unspecified GSS failure.  Minor code may provide more information: Cannot determine realm for numeric host address',
    'Miscellaneous failure (see text): Server (HTTP/nowhere@CASTLE.TEST) unknown',
    'InitializeSecurityContext: 0x80090303 The specified target is unknown or unreachable',
  ],
  'ticket-expired': [
    'Unspecified GSS failure.  Minor code may provide more information: Ticket expired',
    'The referenced credential has expired: Success',
    'Credentials have expired',
  ],
  'clock-skew': [
    'Unspecified GSS failure.  Minor code may provide more information: Clock skew too great',
    'Unspecified GSS failure.  Minor code may provide more information: Ticket not yet valid',
    'InitializeSecurityContext: 0x80090324 The clocks on the client and server machines are skewed.',
  ],
  'realm-unreachable': [
    'Unspecified GSS failure.  Minor code may provide more information: Cannot contact any KDC for realm \'CASTLE.TEST\'',
    'Unspecified GSS failure.  Minor code may provide more information: Cannot find KDC for realm "CASTLE.TEST"',
    'Miscellaneous failure (see text): unable to reach any KDC in realm CASTLE.TEST',
    'Cannot resolve network address for KDC in requested realm',
    'InitializeSecurityContext: 0x80090311 No authority could be contacted for authentication.',
  ],
  'service-failed': ['Unspecified GSS failure.  Minor code may provide more information: Message stream modified', 'An invalid name was supplied', ''],
} as const;

describe('what a failure of the package means', () => {
  const rows = Object.entries(TEXTS).flatMap(([code, texts]) => texts.map((text) => [code, text] as const));
  test.each(rows)('%s: %s', async (code, text) => {
    for (const fails of [{ init: new Error(text) }, { step: new Error(text) }]) {
      const { module } = moduleOf({ fails });
      const provider = kerberosPackage({ module });
      const error = await (async () => (await provider.begin(request, NEVER)).step(undefined, NEVER))().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(NtlmError);
      expect(error).toMatchObject({ code, phase: 'kerberos', side: 'local', message: expect.stringContaining(`(${text})`) });
      expect((error as NtlmError).cause).toBe(fails.init ?? fails.step);
    }
  });

  test('each says what to do, and shows nothing that a terminal would obey', async () => {
    const advice = { 'no-ticket': /kinit gets one/, 'unknown-service': /setspn/, 'ticket-expired': /kinit renews/, 'clock-skew': /five minutes/, 'realm-unreachable': /no key distribution center/, 'service-failed': /failed on this machine/ } as const;
    for (const [code, texts] of Object.entries(TEXTS)) {
      const { module } = moduleOf({ fails: { init: new Error(`${texts[0]}\u001b[2J`) } });
      const error = (await Promise.resolve(kerberosPackage({ module }).begin(request, NEVER)).catch((thrown: unknown) => thrown)) as NtlmError;
      expect(error.message).toMatch(advice[code as keyof typeof advice]);
      expect(error.message).not.toMatch(/[^\x20-\x7e]/);
    }
  });

  test('what is thrown and is no Error', async () => {
    const module: KerberosModule = { initializeClient: () => Promise.reject('no Kerberos credentials') };
    await expect(Promise.resolve(kerberosPackage({ module }).begin(request, NEVER))).rejects.toMatchObject({ code: 'no-ticket' });
  });
});

test('without the package: what to install', async () => {
  vi.doMock('kerberos', () => { throw new Error('not there'); });
  await expect(Promise.resolve(kerberosPackage().begin(request, NEVER))).rejects.toMatchObject({ code: 'unsupported', phase: 'kerberos', side: 'local', message: expect.stringMatching(/npm install kerberos .*libkrb5-dev/) });
  vi.doUnmock('kerberos');
});
