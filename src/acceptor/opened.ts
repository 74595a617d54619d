/** An AUTHENTICATE, read by the flags that were agreed on: which response it carries, for whom, over which challenge. */
import { equalBytes } from '@noble/ciphers/utils.js';
import type { ResponseKind } from '../machine/policy.ts';
import { decodeAuthenticate, type AuthenticateMessage } from '../messages/authenticate.ts';
import type { ChallengeMessage } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { decodeNtlmV2Response, type NtlmV2Response } from '../messages/ntlmv2-response.ts';
import type { Charset } from '../messages/text.ts';
import { claimedIdentity, type ClaimedIdentity } from './verdict.ts';

export interface OpenedResponse {
  readonly message: AuthenticateMessage;
  readonly challenge: ChallengeMessage;
  readonly kind: ResponseKind;
  /** Where it is of that kind. */
  readonly ntlmV2: NtlmV2Response | undefined;
  readonly identity: ClaimedIdentity;
}

/** The answer `authenticate` to `challenge`. @throws NtlmError with `side: 'peer'` for what is malformed. */
export function openResponse(authenticate: Uint8Array, challenge: ChallengeMessage): OpenedResponse {
  const message = decodeAuthenticate(authenticate, undefined, charsetAgreedOn(challenge.negotiateFlags));
  const kind = responseKind(message);
  const ntlmV2 = kind === 'ntlmv2' ? decodeNtlmV2Response(message.ntChallengeResponse) : undefined;
  return { message, challenge, kind, ntlmV2, identity: claimedIdentity(message) };
}

/** wget claims UNICODE and writes OEM where that was not granted: only what both ends say is agreed on. */
function charsetAgreedOn(granted: number): Charset | undefined {
  return hasFlag(granted, F.NEGOTIATE_UNICODE) ? undefined : 'oem';
}

/** MS-NLMP tells the responses apart by size and flags alone (3.2.5.1.2, 3.3). */
function responseKind(message: AuthenticateMessage): ResponseKind {
  const { userName, ntChallengeResponse: nt, lmChallengeResponse: lm, negotiateFlags } = message;
  if (userName === '' && nt.length === 0 && lm.length <= 1) return 'anonymous';
  if (nt.length > 24) return 'ntlmv2';
  if (nt.length === 0) return 'lm';
  if (hasFlag(negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY)) return 'ntlm2-session';
  return lm.length === 24 && !equalBytes(lm, nt) ? 'lm-and-ntlmv1' : 'ntlmv1';
}
