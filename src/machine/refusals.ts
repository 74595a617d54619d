/** What is decided about a decoded challenge: why it gets no answer, or which one. */
import type { Credentials } from '../crypto/credentials.ts';
import type { NtlmErrorCode } from '../errors.ts';
import { AvId } from '../messages/av-pairs.ts';
import type { ChallengeMessage } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { answerCharset } from './flags.ts';
import type { ResolvedOptions } from './options.ts';
import type { ResponseKind } from './policy.ts';

/**
 * The response the policy takes for a challenge that no refusal applies to: the strongest the challenge has room for.
 * Without a legacy policy there is one for an account.
 */
export function chooseResponse({ legacy }: ResolvedOptions, credentials: Credentials, negotiateFlags: number): ResponseKind {
  if (credentials.anonymous) return 'anonymous';
  if (legacy === undefined) return 'ntlmv2';
  return hasFlag(negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY) ? 'ntlm2-session' : legacy.name;
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
      const response = chooseResponse(options, credentials, challenge.negotiateFlags);
      return (response === 'lm' || response === 'lm-and-ntlmv1') && !credentials.hasLmHash;
    },
    code: 'credentials-unsuitable',
    side: 'local',
    message: 'an LM response needs credentials with an LM hash: "credentialsWithLmHash" of ntlmachine/legacy makes them',
  },
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof refusals;

function namesItself({ targetInfo }: ChallengeMessage): boolean {
  const has = (id: number): boolean => targetInfo?.some((pair) => pair.id === id) ?? false;
  return has(AvId.MsvAvNbComputerName) && has(AvId.MsvAvNbDomainName);
}
