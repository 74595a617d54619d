/**
 * What may leave under each policy, for every challenge. The response is classified by its shape on the wire
 * (MS-NLMP 2.2.2.3 to 2.2.2.8), never by what the machine says it is.
 */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Credentials, NtlmClient, NtlmError, policies, type NtlmOptions, type Policy, type SessionSecurity } from '../../src/index.ts';
import {
  AvFlags,
  AvId,
  NegotiateFlags as F,
  avFlags,
  avText,
  avTimestamp,
  decodeAuthenticate,
  decodeNtlmV2Response,
  hasFlag,
  type AuthenticateMessage,
  type AvPair,
} from '../../src/messages/index.ts';
import { avPairs, uint32 } from '../support/arbitraries.ts';
import { toHex } from '../support/bytes.ts';
import { NAMES, TIMESTAMP, challengeToken } from '../support/handshake.ts';

const credentials = Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: 'SecREt01', lmHash: true });
const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(length === 8 ? 0xaa : 0x55);
const now = (): bigint => 1n;

/** Strongest first: NTLMv2, NTLM2 session, NTLMv1, LM. What carries two responses is as weak as the weaker. */
const strengths = ['ntlmv2', 'ntlm2-session', 'ntlmv1', 'lm-and-ntlmv1', 'lm'] as const;
type Strength = (typeof strengths)[number];

const weakestUnder: Record<Policy, Strength> = {
  ntlmv2: 'ntlmv2',
  'ntlmv2-compatible': 'ntlmv2',
  'ntlm2-session': 'ntlm2-session',
  ntlmv1: 'ntlmv1',
  'lm-and-ntlmv1': 'lm-and-ntlmv1',
  lm: 'lm',
};

function shapeOf({ lmChallengeResponse: lm, ntChallengeResponse: nt }: AuthenticateMessage): Strength {
  expect(lm).toHaveLength(24);
  if (nt.length > 24) return 'ntlmv2';
  if (nt.length === 0) return 'lm';
  expect(nt).toHaveLength(24);
  if (lm.subarray(8).every((byte) => byte === 0)) return 'ntlm2-session'; // the client's challenge and zeros
  return toHex(lm) === toHex(nt) ? 'ntlmv1' : 'lm-and-ntlmv1';
}

interface Case {
  readonly policy: Policy;
  readonly sessionSecurity: SessionSecurity;
  readonly flags: number;
  readonly targetInfo: readonly AvPair[] | undefined;
  readonly unicode?: boolean;
  readonly rest?: Partial<NtlmOptions>;
}

interface Outcome {
  readonly error?: NtlmError;
  readonly message?: AuthenticateMessage;
  readonly token?: Uint8Array;
  readonly transcript?: readonly Uint8Array[];
  readonly sessionKey?: Uint8Array;
}

function run({ policy, sessionSecurity, flags, targetInfo, unicode = true, rest }: Case): Outcome {
  const client = new NtlmClient({ credentials, policy, sessionSecurity, unicode, randomBytes, now, ...rest });
  const negotiate = client.negotiate();
  const challenge = challengeToken({ flags, targetInfo });
  try {
    const token = client.respond(challenge);
    const sessionKey = client.sessionKey!.bytes();
    return { token, message: decodeAuthenticate(token), transcript: [negotiate, challenge, token], sessionKey };
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    expect(client.state).toBe('failed');
    expect(client.sessionKey).toBeUndefined();
    return { error };
  }
}

/**
 * Which challenges are answered: the demands of each policy as its documentation words them, and MS-NLMP 3.1.5.1.2
 * for the session security asked for.
 */
function isAnswerable({ policy, sessionSecurity, flags, targetInfo, unicode = true }: Case): boolean {
  const has = (flag: number): boolean => hasFlag(flags, flag);
  const charset = has(F.NEGOTIATE_OEM) || (unicode && has(F.NEGOTIATE_UNICODE));
  const security =
    (sessionSecurity === 'none' || has(F.NEGOTIATE_SIGN)) && (sessionSecurity !== 'seal' || has(F.NEGOTIATE_SEAL));
  if (!charset || !security) return false;
  if (policy === 'ntlm2-session') return has(F.NEGOTIATE_EXTENDED_SESSIONSECURITY);
  if (policy !== 'ntlmv2') return true;
  const strict = has(F.NEGOTIATE_NTLM) && has(F.NEGOTIATE_EXTENDED_SESSIONSECURITY) && targetInfo !== undefined;
  const named = [AvId.MsvAvNbComputerName, AvId.MsvAvNbDomainName].every((id) => targetInfo?.some((pair) => pair.id === id));
  return strict && (sessionSecurity === 'none' || (has(F.NEGOTIATE_128) && named));
}

/** Everything that must hold of an outcome, whatever the case. */
function check(given: Case): Strength | undefined {
  const { policy, sessionSecurity, flags, targetInfo, unicode = true } = given;
  const { error, message, token, transcript, sessionKey } = run(given);
  expect(error === undefined).toBe(isAnswerable(given));
  if (!message || !token || !transcript || !sessionKey) {
    expect(['downgrade-refused', 'charset-refused', 'target-refused']).toContain(error?.code);
    expect(error).toMatchObject({ phase: 'challenge', side: 'peer' });
    return undefined;
  }
  const agreed = message.negotiateFlags;
  const has = (flag: number): boolean => hasFlag(agreed, flag);

  const shape = shapeOf(message);
  expect(strengths.indexOf(shape)).toBeLessThanOrEqual(strengths.indexOf(weakestUnder[policy]));

  // One character set, one that both allow, Unicode before OEM (MS-NLMP 2.2.2.5).
  expect(has(F.NEGOTIATE_UNICODE)).toBe(unicode && hasFlag(flags, F.NEGOTIATE_UNICODE));
  expect(has(F.NEGOTIATE_OEM)).toBe(!has(F.NEGOTIATE_UNICODE));
  expect(message.userName).toBe('user');

  // A key is exchanged only for a session that uses it.
  if (has(F.NEGOTIATE_KEY_EXCH)) expect(has(F.NEGOTIATE_SIGN) || has(F.NEGOTIATE_SEAL)).toBe(true);
  expect(message.encryptedRandomSessionKey).toHaveLength(has(F.NEGOTIATE_KEY_EXCH) ? 16 : 0);
  if (sessionSecurity === 'none') expect(has(F.NEGOTIATE_SIGN) || has(F.NEGOTIATE_SEAL)).toBe(false);
  else expect(has(F.NEGOTIATE_SIGN) && (has(F.NEGOTIATE_SEAL) || sessionSecurity !== 'seal')).toBe(true);

  // Nothing is agreed that the server did not grant; the rest of the word is ours to say.
  const granted = Buffer.from(transcript[1]!).readUInt32LE(20);
  const ours = F.REQUEST_TARGET | F.NEGOTIATE_VERSION;
  expect((agreed & ~granted & ~ours) >>> 0).toBe(0);

  // With a timestamp, and only then, NTLMv2 carries a MIC, and no LM response (MS-NLMP 3.1.5.1.2).
  const timestamp = targetInfo?.find(({ id }) => id === AvId.MsvAvTimestamp);
  const withMic = shape === 'ntlmv2' && timestamp !== undefined;
  expect(message.mic !== undefined).toBe(withMic);
  if (withMic) {
    const zeroed = token.slice();
    zeroed.fill(0, 72, 88);
    const hmac = createHmac('md5', sessionKey).update(transcript[0]!).update(transcript[1]!).update(zeroed);
    expect(toHex(message.mic!)).toBe(hmac.digest('hex'));
    expect(message.lmChallengeResponse.every((byte) => byte === 0)).toBe(true);
  } else if (shape === 'ntlmv2') {
    expect(message.lmChallengeResponse.every((byte) => byte === 0)).toBe(false);
  }
  if (shape === 'ntlmv2') checkPairs(given, message, withMic);
  return shape;
}

/** MS-NLMP 3.1.5.1.2: the server's pairs, then ours; what only a client may say is never the server's. */
function checkPairs({ targetInfo = [], rest }: Case, message: AuthenticateMessage, withMic: boolean): void {
  const response = decodeNtlmV2Response(message.ntChallengeResponse);
  const sent = response.avPairs;
  const theirs: number[] = [AvId.MsvAvFlags, AvId.MsvAvSingleHost, AvId.MsvAvTargetName, AvId.MsvAvChannelBindings];
  const untouched = (pairs: readonly AvPair[]) => pairs.filter(({ id }) => !theirs.includes(id)).map(({ id, value }) => [id, toHex(value)]);
  expect(untouched(sent)).toEqual(untouched(targetInfo ?? []));
  const own = sent.findIndex(({ id }) => id === AvId.MsvAvTargetName || id === AvId.MsvAvChannelBindings);
  if (own >= 0) expect(untouched(sent.slice(own))).toEqual([]); // ours stand behind the server's

  const time = targetInfo?.find(({ id }) => id === AvId.MsvAvTimestamp)?.value;
  expect(response.timestamp).toBe(time ? Buffer.from(time).readBigUInt64LE() : now());

  const find = (pairs: readonly AvPair[], wanted: number) => pairs.filter(({ id }) => id === wanted).map(({ value }) => toHex(value));
  expect(find(sent, AvId.MsvAvSingleHost)).toEqual([]);
  expect(find(sent, AvId.MsvAvTargetName)).toEqual(rest?.spn === undefined ? [] : [toHex(avText(9, rest.spn).value)]);
  expect(find(sent, AvId.MsvAvChannelBindings)).toEqual(rest?.channelBindings ? [toHex(rest.channelBindings.hash)] : []);

  const serverFlags = find(targetInfo ?? [], AvId.MsvAvFlags);
  const flags = find(sent, AvId.MsvAvFlags);
  expect(flags).toHaveLength(withMic || serverFlags.length > 0 ? 1 : 0);
  if (flags.length === 0) return;
  const word = Buffer.from(flags[0]!, 'hex').readUInt32LE();
  const granted = serverFlags.length === 0 ? 0 : Buffer.from(serverFlags[0]!, 'hex').readUInt32LE();
  expect(hasFlag(word, AvFlags.MIC_PROVIDED)).toBe(withMic);
  expect(hasFlag(word, AvFlags.UNTRUSTED_SPN)).toBe(false); // never ours to say by default, nor the server's
  const clientBits = AvFlags.MIC_PROVIDED | AvFlags.UNTRUSTED_SPN;
  expect((word & ~clientBits) >>> 0).toBe((granted & ~clientBits) >>> 0);
}

const relevant = [
  F.NEGOTIATE_UNICODE,
  F.NEGOTIATE_OEM,
  F.NEGOTIATE_NTLM,
  F.NEGOTIATE_EXTENDED_SESSIONSECURITY,
  F.NEGOTIATE_SIGN,
  F.NEGOTIATE_SEAL,
  F.NEGOTIATE_KEY_EXCH,
  F.NEGOTIATE_128,
];
const combinations = Array.from({ length: 1 << relevant.length }, (_, set) =>
  relevant.reduce((flags, flag, i) => ((set >>> i) & 1 ? (flags | flag) >>> 0 : flags), 0),
);
const targets: Record<string, readonly AvPair[] | undefined> = {
  'a timestamp': [...NAMES, avTimestamp(TIMESTAMP)],
  'no timestamp': NAMES,
  'no target information': undefined,
};

describe.each(policies)('policy %s, every combination of the flags that matter', (policy) => {
  test.each(Object.keys(targets))('%s', (target) => {
    const shapes = new Set<Strength>();
    for (const flags of combinations) {
      for (const sessionSecurity of ['none', 'sign', 'seal'] as const) {
        const shape = check({ policy, sessionSecurity, flags, targetInfo: targets[target] });
        if (shape) shapes.add(shape);
      }
    }
    const everAnswered = !(policy === 'ntlmv2' && target === 'no target information');
    expect(shapes.has(weakestUnder[policy])).toBe(everAnswered); // what the policy allows is used, so that the bound is tight
  });
});

/** What a relay in the middle, or an odd server, may put into target information. */
const hostilePairs = fc.tuple(avPairs, fc.boolean(), fc.boolean(), uint32).map(([pairs, named, timed, flags]) => {
  const kept = pairs.filter(({ id }) => id !== AvId.MsvAvFlags && (!named || (id !== 1 && id !== 2)) && (!timed || id !== 7));
  return [...(named ? NAMES.slice(0, 2) : []), ...kept, avFlags(flags), ...(timed ? [avTimestamp(TIMESTAMP)] : [])];
});

test('any flags at all, any pairs of the server, any charset and any pairs of ours', () => {
  const spn = fc.option(fc.constantFrom('HTTP/server', 'ldap/日本'), { nil: undefined });
  const channelBindings = fc.option(
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((hash) => ({ hash })),
    { nil: undefined },
  );
  fc.assert(
    fc.property(
      fc.record({
        policy: fc.constantFrom(...policies),
        sessionSecurity: fc.constantFrom('none', 'sign', 'seal'),
        // Bits that most servers grant, so that most challenges are answerable.
        flags: fc.tuple(uint32, fc.constantFrom(0, 0xe2888237)).map(([any, most]) => (any | most) >>> 0),
        targetInfo: fc.option(hostilePairs, { nil: undefined }),
        unicode: fc.boolean(),
        rest: fc.record({ spn, channelBindings }),
      }),
      (given) => void check(given as Case),
    ),
    { numRuns: 1500 },
  );
});

test('without extended session security in the challenge, no policy for v2 alone ever sends a 24-byte NT response', () => {
  for (const policy of ['ntlmv2', 'ntlmv2-compatible'] as const) {
    for (const flags of combinations.filter((each) => !hasFlag(each, F.NEGOTIATE_EXTENDED_SESSIONSECURITY))) {
      const { message } = run({ policy, sessionSecurity: 'none', flags, targetInfo: NAMES });
      if (message) expect(message.ntChallengeResponse.length).toBeGreaterThan(24);
    }
  }
});

test('the anonymous user sends no response, under any policy', () => {
  for (const policy of policies) {
    for (const flags of combinations) {
      const { message } = run({
        policy,
        sessionSecurity: 'none',
        flags,
        targetInfo: targets['a timestamp'],
        rest: { credentials: Credentials.anonymous() },
      });
      if (!message) continue;
      expect(toHex(message.lmChallengeResponse)).toBe('00'); // MS-NLMP 3.2.5.1.2
      expect(message.ntChallengeResponse).toHaveLength(0);
      expect(hasFlag(message.negotiateFlags, F.ANONYMOUS)).toBe(true);
    }
  }
});

test('names that are not ASCII never go out in an OEM character set', () => {
  const german = Credentials.fromPassword({ username: 'Jürgen', password: 'x' });
  for (const flags of combinations) {
    const { message, error } = run({
      policy: 'ntlmv2-compatible',
      sessionSecurity: 'none',
      flags,
      targetInfo: NAMES,
      rest: { credentials: german },
    });
    if (hasFlag(flags, F.NEGOTIATE_UNICODE)) expect(message?.userName).toBe('Jürgen');
    else expect(error?.code).toBe(hasFlag(flags, F.NEGOTIATE_OEM) ? 'unencodable-text' : 'charset-refused');
  }
});
