/** NegotiateFlags as the client asks for them and as it answers, against the words of MS-NLMP 2.2.2.5 and 3.1.5.1. */
import { credentialsWithLmHash } from '../../src/legacy/index.ts';
import { allPolicies, nameOf } from '../support/policies.ts';
import { describe, expect, test } from 'vitest';
import { Credentials, NtlmClient, type NtlmOptions, type PolicyName, type SessionSecurity } from '../../src/index.ts';
import { NegotiateFlags, decodeAuthenticate, decodeNegotiate, flagNames } from '../../src/messages/index.ts';
import { GENEROUS, NAMES, challengeToken } from '../support/handshake.ts';

const credentials = credentialsWithLmHash({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' });
const F = NegotiateFlags;
const flagsOf = (...names: (keyof typeof F)[]): number => names.reduce((flags, name) => (flags | F[name]) >>> 0, 0);
const expectFlags = (flags: number, ...names: (keyof typeof F)[]): void => expect(flagNames(flags)).toEqual(flagNames(flagsOf(...names)));

const ALWAYS = [
  'NEGOTIATE_OEM',
  'NEGOTIATE_NTLM',
  'NEGOTIATE_ALWAYS_SIGN',
  'NEGOTIATE_TARGET_INFO',
  'NEGOTIATE_128',
  'NEGOTIATE_56',
] as const;
/** Of each policy, whether its client asks for extended session security. */
const asksForEss: Record<PolicyName, boolean> = {
  ntlmv2: true,
  'ntlmv2-compatible': true,
  'ntlm2-session': true,
  ntlmv1: false,
  'lm-and-ntlmv1': false,
  lm: false,
};

const worlds = allPolicies.flatMap((policy) =>
  ([true, false] as const).flatMap((unicode) =>
    ([true, false] as const).flatMap((requestTarget) =>
      (['none', 'offer', 'sign', 'seal'] as const).map((sessionSecurity) => ({ policy, unicode, requestTarget, sessionSecurity })),
    ),
  ),
);

const security: Record<SessionSecurity, readonly (keyof typeof F)[]> = {
  none: [],
  offer: ['NEGOTIATE_SIGN', 'NEGOTIATE_KEY_EXCH'],
  sign: ['NEGOTIATE_SIGN', 'NEGOTIATE_KEY_EXCH'],
  seal: ['NEGOTIATE_SIGN', 'NEGOTIATE_KEY_EXCH', 'NEGOTIATE_SEAL'],
};

describe.each(worlds)('$policy, unicode $unicode, requestTarget $requestTarget, $sessionSecurity', (options) => {
  const { policy, unicode, requestTarget, sessionSecurity } = options;
  const ess: readonly (keyof typeof F)[] = asksForEss[nameOf(policy)] ? ['NEGOTIATE_EXTENDED_SESSIONSECURITY'] : [];

  test('a NEGOTIATE asks for just what the options want', () => {
    const wishes = decodeNegotiate(new NtlmClient({ credentials, version: false, ...options }).negotiate()).negotiateFlags;
    expectFlags(
      wishes,
      ...ALWAYS,
      ...ess,
      ...security[sessionSecurity],
      ...(unicode ? (['NEGOTIATE_UNICODE'] as const) : []),
      ...(requestTarget ? (['REQUEST_TARGET'] as const) : []),
    );
  });

  test('an AUTHENTICATE to a server that grants all of it repeats it in one character set, with ESS as the server has it', () => {
    const client = new NtlmClient({ credentials, version: false, ...options });
    client.negotiate();
    const { negotiateFlags } = decodeAuthenticate(client.respond(challengeToken({ flags: GENEROUS })));
    expectFlags(
      negotiateFlags,
      unicode ? 'NEGOTIATE_UNICODE' : 'NEGOTIATE_OEM',
      ...ALWAYS.slice(1),
      'NEGOTIATE_EXTENDED_SESSIONSECURITY',
      ...security[sessionSecurity],
      ...(requestTarget ? (['REQUEST_TARGET'] as const) : []),
    );
    expect(client.negotiateFlags).toBe(negotiateFlags);
  });
});

describe('what the client adds and leaves out', () => {
  const answered = (flags: number, options: Partial<NtlmOptions> = {}) => {
    const client = new NtlmClient({ credentials, ...options });
    client.negotiate();
    const message = decodeAuthenticate(client.respond(challengeToken({ flags })));
    expect(client.negotiateFlags).toBe(message.negotiateFlags);
    return message;
  };

  test('a key exchange is left out where nothing is signed or sealed', () => {
    const granted = (GENEROUS & ~(F.NEGOTIATE_SIGN | F.NEGOTIATE_SEAL)) >>> 0;
    const { negotiateFlags, encryptedRandomSessionKey } = answered(granted, { sessionSecurity: 'offer' });
    expect(negotiateFlags & F.NEGOTIATE_KEY_EXCH).toBe(0);
    expect(encryptedRandomSessionKey).toHaveLength(0);
  });

  test.each([true, false])('DATAGRAM is agreed to where no NEGOTIATE went before, and nowhere else: connectionless %s', (connectionless) => {
    const flags = (GENEROUS | F.NEGOTIATE_DATAGRAM) >>> 0;
    expect(answered(flags, { connectionless, sessionSecurity: 'seal' }).negotiateFlags & F.NEGOTIATE_DATAGRAM).toBe(0);
    if (!connectionless) return;
    const client = new NtlmClient({ credentials, connectionless, sessionSecurity: 'seal' });
    expect(decodeAuthenticate(client.respond(challengeToken({ flags }))).negotiateFlags & F.NEGOTIATE_DATAGRAM).not.toBe(0);
    client.reset();
    expect(decodeAuthenticate(client.respond(challengeToken({ flags: GENEROUS }))).negotiateFlags & F.NEGOTIATE_DATAGRAM).toBe(0);
  });

  test.each([true, false])('VERSION is set with a version: %s', (withVersion) => {
    const { negotiateFlags, version } = answered(GENEROUS, withVersion ? {} : { version: false });
    expect((negotiateFlags & F.NEGOTIATE_VERSION) !== 0).toBe(withVersion);
    expect(version !== undefined).toBe(withVersion);
  });

  test('ANONYMOUS is set by who has no name, and by nobody else', () => {
    expect(answered(GENEROUS).negotiateFlags & F.ANONYMOUS).toBe(0);
    expect(answered(GENEROUS, { credentials: Credentials.anonymous() }).negotiateFlags & F.ANONYMOUS).toBe(F.ANONYMOUS);
  });

  test('without a workstation the field is empty', () => {
    expect(answered(GENEROUS).workstation).toBe('');
  });
});

describe('refusals that no combination of flags reaches', () => {
  const refused = (options: Partial<NtlmOptions>, choices: Parameters<typeof challengeToken>[0]) => {
    const client = new NtlmClient({ credentials, ...options });
    client.negotiate();
    expect(() => client.respond(challengeToken(choices))).toThrow();
    expect(client.actor.getSnapshot().value).toEqual({ failed: 'refused' });
    return client.error;
  };

  test('names that are not ASCII, where the options allow an OEM character set only', () => {
    const umlaut = Credentials.fromPassword({ username: 'Jürgen', domain: 'DOMAIN', password: 'SecREt01' });
    expect(refused({ unicode: false, credentials: umlaut }, {})).toMatchObject({ code: 'unencodable-text', side: 'local' });
  });

  test('a signed session of nobody with a server that says nothing of itself, or half of it', () => {
    const options = { credentials: Credentials.anonymous(), sessionSecurity: 'sign' } as const;
    const [domain, computer] = NAMES;
    for (const targetInfo of [undefined, [], [domain!], [computer!]]) {
      expect(refused(options, { targetInfo })).toMatchObject({ code: 'target-refused', side: 'peer' });
    }
  });
});
