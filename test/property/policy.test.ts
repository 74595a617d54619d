/**
 * What may leave under each policy, for every challenge. The response is classified by its shape on the wire
 * (MS-NLMP 2.2.2.3 to 2.2.2.8), never by what the machine says it is.
 */
import { credentialsWithLmHash, ntlm2Session } from '../../src/legacy/index.ts';
import { allPolicies, nameOf } from '../support/policies.ts';
import { ok } from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Credentials,
  NtlmClient,
  NtlmError,
  type NtlmOptions,
  type Policy,
  type PolicyName,
  type SessionSecurity,
} from '../../src/index.ts';
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

const credentials = credentialsWithLmHash({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' });
const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(length === 8 ? 0xaa : 0x55);
const now = (): bigint => 1n;

/** Strongest first: NTLMv2, NTLM2 session, NTLMv1, LM. What carries two responses is as weak as the weaker. */
const strengths = ['ntlmv2', 'ntlm2-session', 'ntlmv1', 'lm-and-ntlmv1', 'lm'] as const;
type Strength = (typeof strengths)[number];

const weakestUnder: Record<PolicyName, Strength> = {
  ntlmv2: 'ntlmv2',
  'ntlmv2-compatible': 'ntlmv2',
  'ntlm2-session': 'ntlm2-session',
  ntlmv1: 'ntlmv1',
  'lm-and-ntlmv1': 'lm-and-ntlmv1',
  lm: 'lm',
};

function shapeOf({ lmChallengeResponse: lm, ntChallengeResponse: nt }: AuthenticateMessage): Strength {
  ok(lm.length === 24 && (nt.length === 0 || nt.length >= 24), 'responses of a size that MS-NLMP knows');
  if (nt.length > 24) return 'ntlmv2';
  if (nt.length === 0) return 'lm';
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

const clients = new Map<string, NtlmClient>();

/** A client for these options, used again where it can be: a new actor costs more than a handshake. */
function clientFor({ policy, sessionSecurity, unicode = true, rest }: Case): NtlmClient {
  const options = { credentials, policy, sessionSecurity, unicode, randomBytes, now };
  if (rest) return new NtlmClient({ ...options, ...rest });
  const key = [policy, sessionSecurity, unicode].join();
  const client = clients.get(key) ?? new NtlmClient(options);
  clients.set(key, client);
  client.reset();
  return client;
}

function run(given: Case): Outcome {
  const { flags, targetInfo } = given;
  const client = clientFor(given);
  const negotiate = client.negotiate();
  const challenge = challengeToken({ flags, targetInfo });
  try {
    const token = client.respond(challenge);
    const sessionKey = client.sessionKey!.bytes();
    return { token, message: decodeAuthenticate(token), transcript: [negotiate, challenge, token], sessionKey };
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    ok(client.state === 'failed' && client.sessionKey === undefined, 'a refusal fails the handshake and leaves no key');
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
  if (policy === ntlm2Session) return has(F.NEGOTIATE_EXTENDED_SESSIONSECURITY);
  if (policy !== 'ntlmv2') return true;
  const strict = has(F.NEGOTIATE_NTLM) && has(F.NEGOTIATE_EXTENDED_SESSIONSECURITY) && targetInfo !== undefined;
  const named = [AvId.MsvAvNbComputerName, AvId.MsvAvNbDomainName].every((id) =>
    targetInfo?.some((pair) => pair.id === id),
  );
  return strict && (sessionSecurity === 'none' || (has(F.NEGOTIATE_128) && named));
}

/** Everything that must hold of an outcome, whatever the case. (No `expect`, for speed: there are many cases.) */
function check(given: Case): Strength | undefined {
  const { policy, sessionSecurity, flags, targetInfo, unicode = true } = given;
  const { error, message, token, transcript, sessionKey } = run(given);
  const hold: Hold = (truth, claim) => {
    if (!truth) throw new Error(`not true: ${claim}; ${inspect(given)} ${error?.message ?? ''}`);
  };

  hold((error === undefined) === isAnswerable(given), 'answered if and only if the policy allows it');
  if (!message || !token || !transcript || !sessionKey) {
    hold(/^(downgrade|charset|target)-refused$/.test(error!.code), 'a refusal');
    hold(error!.phase === 'challenge' && error!.side === 'peer', 'a refusal of what the peer sent');
    return undefined;
  }
  const agreed = message.negotiateFlags;
  const has = (flag: number): boolean => hasFlag(agreed, flag);
  const isGranted = (flag: number): boolean => hasFlag(Buffer.from(transcript[1]!).readUInt32LE(20), flag);

  const shape = shapeOf(message);
  hold(strengths.indexOf(shape) <= strengths.indexOf(weakestUnder[nameOf(policy)]), 'no weaker response than the policy');
  // A server that granted ESS verifies the NTLM2 session response where it gets no NTLMv2 (MS-NLMP 3.3.1).
  const session = shape !== 'ntlmv2' && isGranted(F.NEGOTIATE_EXTENDED_SESSIONSECURITY);
  hold(shape === (session ? 'ntlm2-session' : weakestUnder[nameOf(policy)]), 'the response that the server verifies');

  // One character set, one that both allow, Unicode before OEM (MS-NLMP 2.2.2.5).
  hold(has(F.NEGOTIATE_UNICODE) === (unicode && hasFlag(flags, F.NEGOTIATE_UNICODE)), 'Unicode where both allow it');
  hold(has(F.NEGOTIATE_OEM) !== has(F.NEGOTIATE_UNICODE), 'exactly one character set');
  hold(message.userName === 'user', 'a name in that character set');

  // A key is exchanged only for a session that uses it.
  const wanted = sessionSecurity !== 'none';
  hold(has(F.NEGOTIATE_SIGN) === wanted, 'SIGN as asked for');
  hold(has(F.NEGOTIATE_SEAL) === (sessionSecurity === 'seal'), 'SEAL as asked for');
  hold(has(F.NEGOTIATE_KEY_EXCH) === (wanted && isGranted(F.NEGOTIATE_KEY_EXCH)), 'KEY_EXCH only with SIGN or SEAL');
  hold(
    message.encryptedRandomSessionKey.length === (has(F.NEGOTIATE_KEY_EXCH) ? 16 : 0),
    'a key where one is exchanged',
  );

  // Nothing is agreed that the server did not grant; the rest of the word is ours to say.
  const ours = F.REQUEST_TARGET | F.NEGOTIATE_VERSION;
  hold(isGranted((agreed & ~ours) >>> 0), 'nothing that was not granted');

  // With a timestamp, and only then, NTLMv2 carries a MIC, and no LM response (MS-NLMP 3.1.5.1.2).
  const withMic = shape === 'ntlmv2' && (targetInfo?.some(({ id }) => id === AvId.MsvAvTimestamp) ?? false);
  hold((message.mic !== undefined) === withMic, 'a MIC if and only if there is a timestamp');
  if (message.mic) {
    const zeroed = token.slice().fill(0, 72, 88);
    const hmac = createHmac('md5', sessionKey).update(transcript[0]!).update(transcript[1]!).update(zeroed);
    hold(toHex(message.mic) === hmac.digest('hex'), 'the right MIC');
  }
  hold(
    message.lmChallengeResponse.every((byte) => byte === 0) === withMic,
    'an LM response if and only if there is no timestamp',
  );
  if (shape === 'ntlmv2') checkPairs(given, message, withMic, hold);
  return shape;
}

type Hold = (truth: boolean, claim: string) => void;

/** MS-NLMP 3.1.5.1.2: the server's pairs, then ours; what only a client may say is never the server's. */
function checkPairs({ targetInfo = [], rest }: Case, message: AuthenticateMessage, withMic: boolean, hold: Hold): void {
  const { avPairs: sent, timestamp } = decodeNtlmV2Response(message.ntChallengeResponse);
  const clients: readonly number[] = [
    AvId.MsvAvFlags,
    AvId.MsvAvSingleHost,
    AvId.MsvAvTargetName,
    AvId.MsvAvChannelBindings,
  ];
  const servers = (pairs: readonly AvPair[]): string =>
    pairs
      .filter(({ id }) => !clients.includes(id))
      .map(({ id, value }) => `${id}:${toHex(value)}`)
      .join();
  const find = (pairs: readonly AvPair[], wanted: number): string =>
    pairs
      .filter(({ id }) => id === wanted)
      .map(({ value }) => toHex(value))
      .join();

  hold(servers(sent) === servers(targetInfo), "the server's pairs, unchanged and in order");
  const own = sent.findIndex(({ id }) => id === AvId.MsvAvTargetName || id === AvId.MsvAvChannelBindings);
  if (own >= 0) hold(servers(sent.slice(own)) === '', "our pairs behind the server's");

  const time = find(targetInfo, AvId.MsvAvTimestamp);
  hold(
    timestamp === (time === '' ? now() : Buffer.from(time, 'hex').readBigUInt64LE()),
    "the server's time, else ours",
  );

  hold(find(sent, AvId.MsvAvSingleHost) === '', 'no SingleHost of the server');
  hold(
    find(sent, AvId.MsvAvTargetName) === (rest?.spn === undefined ? '' : toHex(avText(9, rest.spn).value)),
    'our TargetName',
  );
  hold(
    find(sent, AvId.MsvAvChannelBindings) === (rest?.channelBindings ? toHex(rest.channelBindings.hash) : ''),
    'our ChannelBindings',
  );

  const theirFlags = find(targetInfo, AvId.MsvAvFlags);
  const flags = find(sent, AvId.MsvAvFlags);
  hold(
    flags.length === (withMic || theirFlags !== '' ? 8 : 0),
    'exactly one Flags pair where there is something to say',
  );
  if (flags === '') return;
  const word = Buffer.from(flags, 'hex').readUInt32LE();
  const theirs = theirFlags === '' ? 0 : Buffer.from(theirFlags, 'hex').readUInt32LE();
  hold(hasFlag(word, AvFlags.MIC_PROVIDED) === withMic, 'our word on the MIC');
  hold(!hasFlag(word, AvFlags.UNTRUSTED_SPN), 'never an untrusted SPN by default');
  const clientBits = AvFlags.MIC_PROVIDED | AvFlags.UNTRUSTED_SPN;
  hold((word & ~clientBits) === (theirs & ~clientBits), "the server's other bits");
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

describe.each(allPolicies)('policy %s, every combination of the flags that matter', (policy) => {
  test.each(Object.keys(targets))('%s', (target) => {
    const shapes = new Set<Strength>();
    for (const flags of combinations) {
      for (const sessionSecurity of ['none', 'sign', 'seal'] as const) {
        const shape = check({ policy, sessionSecurity, flags, targetInfo: targets[target] });
        if (shape) shapes.add(shape);
      }
    }
    const everAnswered = !(policy === 'ntlmv2' && target === 'no target information');
    // What the policy allows is used where the server grants no better, so that the bound is tight.
    expect(shapes.has(weakestUnder[nameOf(policy)])).toBe(everAnswered);
  });
});

/** What a relay in the middle, or an odd server, may put into target information. */
const hostilePairs = fc.tuple(avPairs, fc.boolean(), fc.boolean(), uint32).map(([pairs, named, timed, flags]) => {
  const kept = pairs.filter(
    ({ id }) => id !== AvId.MsvAvFlags && (!named || (id !== 1 && id !== 2)) && (!timed || id !== 7),
  );
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
        policy: fc.constantFrom(...allPolicies),
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

test('without extended session security in the challenge no policy for v2 falls back to a 24-byte NT response', () => {
  for (const policy of ['ntlmv2', 'ntlmv2-compatible'] as const) {
    for (const flags of combinations.filter((each) => !hasFlag(each, F.NEGOTIATE_EXTENDED_SESSIONSECURITY))) {
      const { message } = run({ policy, sessionSecurity: 'none', flags, targetInfo: NAMES });
      if (message) expect(message.ntChallengeResponse.length).toBeGreaterThan(24);
    }
  }
});

test('the anonymous user sends no response, under any policy', () => {
  for (const policy of allPolicies) {
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
