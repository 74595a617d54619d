/** Which response an AUTHENTICATE carries, and whether credentials make the same. */
import { equalBytes } from '@noble/ciphers/utils.js';
import { secretsOf, type Credentials } from '../crypto/credentials.ts';
import { sessionBaseKeyV2 } from '../crypto/keys.ts';
import { LegacyPolicy, type WeakScheme } from '../crypto/legacy-policy.ts';
import { ntProofStr } from '../crypto/responses.ts';
import { upperCase } from '../crypto/text.ts';
import type { ResponseKind } from '../machine/policy.ts';
import type { AuthenticateMessage } from '../messages/authenticate.ts';
import type { ChallengeMessage } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { decodeNtlmV2Response, type NtlmV2Response } from '../messages/ntlmv2-response.ts';

/** What a response is compared with. */
export interface Comparison {
  readonly message: AuthenticateMessage;
  readonly challenge: ChallengeMessage;
  /** Of the user that the message names; `undefined` where nobody knows them. */
  readonly credentials: Credentials | undefined;
}

/** A right response. */
export interface Match {
  readonly keyExchangeKey: Uint8Array;
  readonly ntlmV2?: NtlmV2Response;
}

/** @throws NtlmError with `side: 'peer'` for a malformed response; `credentials-unsuitable` without the hash it takes. */
export type Compare = (comparison: Comparison) => Match | undefined;

/** MS-NLMP tells the responses apart by size and flags alone (3.2.5.1.2, 3.3). */
export function responseKind(message: AuthenticateMessage): ResponseKind {
  const { userName, ntChallengeResponse: nt, lmChallengeResponse: lm, negotiateFlags } = message;
  if (userName === '' && nt.length === 0 && lm.length <= 1) return 'anonymous';
  if (nt.length > 24) return 'ntlmv2';
  if (nt.length === 0) return 'lm';
  if (hasFlag(negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY)) return 'ntlm2-session';
  return lm.length === 24 && !equalBytes(lm, nt) ? 'lm-and-ntlmv1' : 'ntlmv1';
}

/** How a response of `kind` is compared; `undefined` where none of that kind is taken: a weak one needs its policy's code. */
export function comparerOf(kind: ResponseKind, legacy: LegacyPolicy | undefined, anonymous: boolean): Compare | undefined {
  switch (kind) {
    case 'anonymous':
      return anonymous ? () => ({ keyExchangeKey: new Uint8Array(16) }) : undefined;
    case 'ntlmv2':
      return compareV2;
    default: {
      const scheme = LegacyPolicy.schemeOf(legacy, kind);
      return scheme && ((comparison) => compareWeakly(scheme, comparison));
    }
  }
}

/** MS-NLMP 3.3.2; the domain is the one the message names. */
function compareV2({ message, challenge, credentials }: Comparison): Match | undefined {
  const ntlmV2 = decodeNtlmV2Response(message.ntChallengeResponse);
  if (!isNamed(credentials, message)) return undefined;
  const responseKey = secretsOf(credentials).responseKeyNT(message.domainName);
  const proof = ntProofStr(responseKey, challenge.serverChallenge, ntlmV2.temp);
  if (!equalBytes(proof, ntlmV2.ntProofStr)) return undefined;
  return { keyExchangeKey: sessionBaseKeyV2(responseKey, proof), ntlmV2 };
}

/** MS-NLMP 3.3.1. */
function compareWeakly(scheme: WeakScheme, { message, challenge, credentials }: Comparison): Match | undefined {
  const { lmChallengeResponse: lm, ntChallengeResponse: nt } = message;
  if (lm.length !== 24 || !isNamed(credentials, message)) return undefined;
  // Which key it is, is agreed on: a client alone cannot choose one that takes an LM hash.
  const negotiateFlags = message.negotiateFlags & (challenge.negotiateFlags | ~(F.NEGOTIATE_LM_KEY | F.REQUEST_NON_NT_SESSION_KEY));
  const exchange = { credentials, negotiateFlags, serverChallenge: challenge.serverChallenge };
  if (!scheme.verify(exchange, { lm, nt })) return undefined;
  return { keyExchangeKey: scheme.keyExchangeKey(exchange, lm) };
}

function isNamed(credentials: Credentials | undefined, { userName }: AuthenticateMessage): credentials is Credentials {
  return credentials !== undefined && upperCase(credentials.username) === upperCase(userName);
}
