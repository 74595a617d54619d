import type { Credentials } from '../crypto/credentials.ts';
import type { NtlmErrorCode } from '../errors.ts';
import { AvId } from '../messages/av-pairs.ts';
import { charsetOf, type ChallengeMessage } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import type { ResolvedOptions } from './options.ts';

/**
 * The weakest response that may leave this machine, strongest first.
 *
 * - `ntlmv2`: NTLMv2 to a server that grants extended session security and sends target information.
 * - `ntlmv2-compatible`: NTLMv2 to any server, also where the challenge offers less around it.
 * - `ntlm2-session`: the NTLM2 session response; a challenge without ESS is refused.
 * - `ntlmv1`: NTLMv1, or the NTLM2 session response where the challenge has ESS all the same.
 * - `lm-and-ntlmv1`: as `ntlmv1`, with a real LM response beside it.
 * - `lm`: LM alone.
 */
export const policies = ['ntlmv2', 'ntlmv2-compatible', 'ntlm2-session', 'ntlmv1', 'lm-and-ntlmv1', 'lm'] as const;
export type Policy = (typeof policies)[number];

/** What an AUTHENTICATE carries. */
export type ResponseKind = 'ntlmv2' | 'ntlm2-session' | 'ntlmv1' | 'lm-and-ntlmv1' | 'lm' | 'anonymous';

/** Whether responses under `policy` can be cracked within hours. */
export function isWeak(policy: Policy): boolean {
  return policy !== 'ntlmv2' && policy !== 'ntlmv2-compatible';
}

/** The wish list of a NEGOTIATE, without the bits that the message derives (MS-NLMP 3.1.5.1.1). */
export function requestedFlags(options: ResolvedOptions): number {
  const { policy, sessionSecurity } = options;
  const withEss = !isWeak(policy) || policy === 'ntlm2-session';
  let flags = F.NEGOTIATE_OEM | F.NEGOTIATE_NTLM | F.NEGOTIATE_ALWAYS_SIGN | F.NEGOTIATE_TARGET_INFO;
  // Servers may be set to refuse clients that do not offer 128 bits, whether or not a session follows.
  flags |= F.NEGOTIATE_128 | F.NEGOTIATE_56;
  if (options.unicode) flags |= F.NEGOTIATE_UNICODE;
  if (options.requestTarget) flags |= F.REQUEST_TARGET;
  if (withEss) flags |= F.NEGOTIATE_EXTENDED_SESSIONSECURITY;
  if (sessionSecurity !== 'none') flags |= F.NEGOTIATE_SIGN | F.NEGOTIATE_KEY_EXCH;
  if (sessionSecurity === 'seal') flags |= F.NEGOTIATE_SEAL;
  return flags >>> 0;
}

/**
 * The flags of the AUTHENTICATE: what was asked for and granted, in one charset (MS-NLMP 3.1.5.1.2). `datagram`: whether
 * the handshake is connectionless; over a connection nobody asked for datagrams, whatever a challenge says.
 */
export function agreedFlags(
  options: ResolvedOptions,
  credentials: Credentials,
  challenge: ChallengeMessage,
  datagram: boolean,
): number {
  const granted = challenge.negotiateFlags;
  // ESS is the server's word: a response for another variant than it granted cannot be verified.
  const askable = requestedFlags(options) | F.NEGOTIATE_EXTENDED_SESSIONSECURITY | (datagram ? F.NEGOTIATE_DATAGRAM : 0);
  let flags = askable & granted & ~(F.NEGOTIATE_UNICODE | F.NEGOTIATE_OEM);
  flags |= answerCharset(options, granted) === 'unicode' ? F.NEGOTIATE_UNICODE : F.NEGOTIATE_OEM;
  // Without either, acceptors disagree on the key.
  if ((flags & (F.NEGOTIATE_SIGN | F.NEGOTIATE_SEAL)) === 0) flags &= ~F.NEGOTIATE_KEY_EXCH;
  if (options.requestTarget) flags |= F.REQUEST_TARGET;
  if (options.version !== undefined) flags |= F.NEGOTIATE_VERSION;
  if (credentials.anonymous) flags |= F.ANONYMOUS;
  return flags >>> 0;
}

function answerCharset(options: ResolvedOptions, granted: number): 'unicode' | 'oem' {
  return options.unicode ? charsetOf(granted) : 'oem';
}

/** The response the policy takes for a challenge that no refusal applies to: the strongest the challenge has room for. */
export function chooseResponse(policy: Policy, credentials: Credentials, negotiateFlags: number): ResponseKind {
  if (credentials.anonymous) return 'anonymous';
  if (policy === 'ntlmv2' || policy === 'ntlmv2-compatible') return 'ntlmv2';
  return hasFlag(negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY) ? 'ntlm2-session' : policy;
}

/** What a decision looks at. */
export interface Situation {
  readonly options: ResolvedOptions;
  readonly credentials: Credentials;
  readonly challenge: ChallengeMessage;
}

interface Refusal {
  readonly applies: (situation: Situation) => boolean;
  readonly code: NtlmErrorCode;
  readonly side: 'local' | 'peer';
  readonly message: string;
}

const demandsSession = ({ sessionSecurity }: ResolvedOptions): boolean =>
  sessionSecurity === 'sign' || sessionSecurity === 'seal';
const lacks = (challenge: ChallengeMessage, flag: number): boolean => !hasFlag(challenge.negotiateFlags, flag);
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

/** Every reason for which a well-formed challenge gets no answer, in the order in which they are looked at. */
export const refusals = {
  noCommonCharset: {
    applies: ({ options, challenge }) =>
      lacks(challenge, F.NEGOTIATE_OEM) && (!options.unicode || lacks(challenge, F.NEGOTIATE_UNICODE)),
    code: 'charset-refused',
    side: 'peer',
    message: 'the challenge allows no character set that the options allow',
  },
  namesNeedUnicode: {
    applies: ({ options, credentials, challenge }) =>
      answerCharset(options, challenge.negotiateFlags) === 'oem' &&
      !isAscii(credentials.username + credentials.domain + options.workstation),
    code: 'unencodable-text',
    side: 'local',
    message: 'user name, domain or workstation is not ASCII and only an OEM character set is allowed',
  },
  ntlmNotGranted: {
    applies: ({ options, challenge }) => options.policy === 'ntlmv2' && lacks(challenge, F.NEGOTIATE_NTLM),
    code: 'downgrade-refused',
    side: 'peer',
    message: 'the challenge does not grant NTLM; policy "ntlmv2-compatible" would accept that',
  },
  extendedSessionSecurityNotGranted: {
    applies: ({ options: { policy }, challenge }) =>
      (policy === 'ntlmv2' || policy === 'ntlm2-session') && lacks(challenge, F.NEGOTIATE_EXTENDED_SESSIONSECURITY),
    code: 'downgrade-refused',
    side: 'peer',
    message: 'the challenge does not grant extended session security, which the policy demands',
  },
  targetInfoMissing: {
    applies: ({ options, credentials, challenge }) =>
      options.policy === 'ntlmv2' && !credentials.anonymous && challenge.targetInfo === undefined,
    code: 'target-refused',
    side: 'peer',
    message: 'the challenge has no target information; policy "ntlmv2-compatible" would accept that',
  },
  // MS-NLMP 3.1.5.1.2
  targetNamesMissing: {
    applies: ({ options, challenge }) =>
      options.policy === 'ntlmv2' && demandsSession(options) && !namesItself(challenge),
    code: 'target-refused',
    side: 'peer',
    message: 'a signed session needs a challenge that names computer and domain',
  },
  sessionSecurityNotGranted: {
    applies: ({ options, challenge }) =>
      (demandsSession(options) && lacks(challenge, F.NEGOTIATE_SIGN)) ||
      (options.sessionSecurity === 'seal' && lacks(challenge, F.NEGOTIATE_SEAL)),
    code: 'downgrade-refused',
    side: 'peer',
    message: 'the challenge does not grant the session security asked for',
  },
  weakSessionKey: {
    applies: ({ options, challenge }) =>
      options.policy === 'ntlmv2' && demandsSession(options) && lacks(challenge, F.NEGOTIATE_128),
    code: 'downgrade-refused',
    side: 'peer',
    message: 'the challenge weakens the session key below 128 bits',
  },
  lmHashMissing: {
    applies: ({ options, credentials, challenge }) => {
      const response = chooseResponse(options.policy, credentials, challenge.negotiateFlags);
      return (response === 'lm' || response === 'lm-and-ntlmv1') && !credentials.hasLmHash;
    },
    code: 'credentials-unsuitable',
    side: 'local',
    message: 'an LM response needs credentials made with "lmHash"',
  },
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof refusals;

function namesItself({ targetInfo }: ChallengeMessage): boolean {
  const has = (id: number): boolean => targetInfo?.some((pair) => pair.id === id) ?? false;
  return has(AvId.MsvAvNbComputerName) && has(AvId.MsvAvNbDomainName);
}
