/** Making a type 3 leaves no key behind, whatever becomes of it: but for the handle that it returns. */
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { HmacMd5Key } from '../../src/crypto/hmac-md5.ts';
import { LegacyPolicy, type WeakScheme } from '../../src/crypto/legacy-policy.ts';
import { Credentials, NtlmError } from '../../src/index.ts';
import { credentialsWithLmHash } from '../../src/legacy/index.ts';
import { lmAndNtlmV1Scheme, lmScheme, ntlm2SessionScheme, ntlmV1Scheme } from '../../src/legacy/schemes.ts';
import { authenticate } from '../../src/machine/authenticate.ts';
import { resolveOptions } from '../../src/machine/options.ts';
import { avTimestamp, decodeChallenge, encodeNegotiate, NegotiateFlags as F } from '../../src/messages/index.ts';
import { GENEROUS, NAMES, TIMESTAMP, challengeToken } from '../support/handshake.ts';

/** Every key that is made, as it comes. */
const keys: Uint8Array[] = [];
const kept = <Key extends Uint8Array>(key: Key): Key => (keys.push(key), key);

// What goes out in the clear is made by `mac`.
const { digest } = HmacMd5Key.prototype;
const spy = vi.spyOn(HmacMd5Key.prototype, 'digest').mockImplementation(function (this: HmacMd5Key, ...parts) {
  return kept(digest.apply(this, parts));
});
afterEach(() => spy.mockClear());

const watched = (scheme: WeakScheme): WeakScheme => ({ ...scheme, keyExchangeKey: (...given) => kept(scheme.keyExchangeKey(...given)) });
const POLICIES = {
  'ntlm2-session': new LegacyPolicy('ntlm2-session', { 'ntlm2-session': watched(ntlm2SessionScheme) }),
  ntlmv1: new LegacyPolicy('ntlmv1', { ntlmv1: watched(ntlmV1Scheme) }),
  'lm-and-ntlmv1': new LegacyPolicy('lm-and-ntlmv1', { 'lm-and-ntlmv1': watched(lmAndNtlmV1Scheme) }),
  lm: new LegacyPolicy('lm', { lm: watched(lmScheme) }),
};

interface Try {
  readonly policy: 'ntlmv2' | keyof typeof POLICIES;
  readonly user: 'alice' | 'Жук' | 'nobody';
  readonly unicode: boolean;
  readonly session: boolean;
  readonly dated: boolean;
  readonly spn: string | undefined;
  readonly fault: 'none' | 'randomness' | 'version';
}

const tries: fc.Arbitrary<Try> = fc.record({
  policy: fc.constantFrom('ntlmv2', 'ntlm2-session', 'ntlmv1', 'lm-and-ntlmv1', 'lm'),
  user: fc.constantFrom('alice', 'Жук', 'nobody'),
  unicode: fc.boolean(),
  session: fc.boolean(),
  dated: fc.boolean(),
  spn: fc.constantFrom(undefined, 'HTTP/keep', 'x'.repeat(32767)),
  fault: fc.constantFrom('none', 'randomness', 'version'),
});

/** @returns the error it ends with, or undefined. */
function run({ policy, user, unicode, session, dated, spn, fault }: Try): unknown {
  const credentials = user === 'nobody' ? Credentials.anonymous() : credentialsWithLmHash({ username: user, password: 'kanari' });
  const made = resolveOptions({ credentials, spn, sessionSecurity: session ? 'seal' : 'none', policy: policy === 'ntlmv2' ? policy : POLICIES[policy] });
  const randomBytes = (length: number): Uint8Array => {
    if (length === 16 && fault === 'randomness') throw new Error('no more of it');
    return length === 16 ? kept(new Uint8Array(16).fill(0xaa)) : new Uint8Array(length).fill(0xaa);
  };
  const version = fault === 'version' ? { ...made.version!, productBuild: -1 } : made.version;
  const extended = policy === 'ntlmv2' || policy === 'ntlm2-session';
  const flags = (GENEROUS & ~(unicode ? 0 : F.NEGOTIATE_UNICODE) & ~(extended ? 0 : F.NEGOTIATE_EXTENDED_SESSIONSECURITY)) >>> 0;
  const token = challengeToken({ flags, targetInfo: dated ? [...NAMES, avTimestamp(TIMESTAMP)] : NAMES });
  keys.length = 0;
  try {
    authenticate({
      options: { ...made, randomBytes, version },
      credentials,
      negotiateToken: encodeNegotiate({ negotiateFlags: flags }),
      challengeToken: token,
      challenge: decodeChallenge(token),
    }).sessionKey.wipe();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('no key is left, whether the message is made or not', () => {
  const endings = new Set<string>();
  fc.assert(
    fc.property(tries, (one) => {
      const error = run(one);
      endings.add(error === undefined ? 'made' : error instanceof NtlmError ? error.code : 'failed');
      expect(keys.map((key) => Buffer.from(key).toString('hex')).filter((hex) => /[^0]/.test(hex))).toEqual([]);
      if (one.user !== 'nobody' && error === undefined) expect(keys.length).toBeGreaterThan(0);
    }),
    { numRuns: 400 },
  );
  expect([...endings].sort()).toEqual(['failed', 'invalid-argument', 'made', 'too-long', 'unencodable-text']);
});
