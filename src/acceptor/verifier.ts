/** Verification by somebody else: a domain controller, a helper program, a service that has the hashes. */
import { clean } from '@noble/ciphers/utils.js';
import { md5 } from '@noble/hashes/legacy.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { hmacMd5 } from '../crypto/hmac-md5.ts';
import { NtlmError } from '../errors.ts';
import type { ResponseKind } from '../machine/policy.ts';
import type { Claim, Proof, Prover } from './proof.ts';
import type { ClaimedIdentity } from './verdict.ts';

/** Says whether a response is right where this process does not know the user's hash. */
export interface Verifier {
  /** What it throws is `service-failed`. */
  verify(question: VerifierQuestion): VerifierAnswer | Promise<VerifierAnswer>;
}

export interface VerifierQuestion {
  /** Who the client says it is. */
  readonly identity: ClaimedIdentity;
  readonly response: Exclude<ResponseKind, 'anonymous' | 'lm'>;
  /** 8 bytes: what the responses answer; of an NTLM2 session response both ends' challenges, digested (MS-NLMP 3.3.1). */
  readonly challenge: Uint8Array;
  /** 24 bytes, or more for NTLMv2. */
  readonly ntChallengeResponse: Uint8Array;
  /** 24 bytes, or none. */
  readonly lmChallengeResponse: Uint8Array;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export type VerifierAnswer =
  /** SessionBaseKey (MS-NLMP 3.3), what others call the user session key: 16 bytes, which are overwritten once used. */
  | { readonly ok: true; readonly sessionBaseKey: Uint8Array }
  | { readonly ok: false; readonly reason: VerifierRefusal; readonly message?: string | undefined };

/** `account-refused`: whatever the password, the account may not log on now. */
export type VerifierRefusal = keyof typeof REFUSALS;

const REFUSALS = {
  'unknown-user': { reason: 'unknown-user', message: 'the verifier does not know the user' },
  'wrong-credentials': { reason: 'wrong-credentials', message: 'the verifier refuses the response' },
  'account-refused': { reason: 'account-refused', message: 'the account may not log on' },
} as const satisfies Record<string, Proof>;

export function isVerifier(value: unknown): value is Verifier {
  return typeof value === 'object' && value !== null && 'verify' in value && typeof value.verify === 'function';
}

/** @throws NtlmError `service-failed` for an answer that is none. */
export function proverBy(verifier: Verifier): Prover {
  return async (claim, signal) => {
    const { kind, message, identity } = claim;
    if (kind === 'anonymous' || kind === 'lm') {
      return { reason: 'response-refused', message: `a verifier gives no key for a response of kind "${kind}"` };
    }
    const answer: unknown = await verifier.verify({
      identity,
      response: kind,
      challenge: challengeOf(claim),
      ntChallengeResponse: Uint8Array.from(message.ntChallengeResponse),
      lmChallengeResponse: Uint8Array.from(message.lmChallengeResponse),
      signal,
    });
    return proofOf(answer, claim);
  };
}

function proofOf(answer: unknown, claim: Claim): Proof {
  if (isAnswer(answer)) {
    if (answer.ok) return { keyExchangeKey: keyExchangeKey(answer.sessionBaseKey, claim) };
    const { reason, message } = REFUSALS[answer.reason];
    return { reason, message: answer.message ?? message };
  }
  throw new NtlmError('the verifier gave no answer: it must have "ok", and "sessionBaseKey" of 16 bytes or a "reason"', {
    code: 'service-failed',
    phase: 'authenticate',
    side: 'local',
  });
}

function isAnswer(answer: unknown): answer is VerifierAnswer {
  if (typeof answer !== 'object' || answer === null || !('ok' in answer)) return false;
  if (answer.ok === true) {
    return 'sessionBaseKey' in answer && answer.sessionBaseKey instanceof Uint8Array && answer.sessionBaseKey.length === 16;
  }
  if (answer.ok !== false || !('reason' in answer) || typeof answer.reason !== 'string') return false;
  const hasMessage = !('message' in answer) || ['string', 'undefined'].includes(typeof answer.message);
  return hasMessage && Object.hasOwn(REFUSALS, answer.reason);
}

/** The client's half of the challenge of an NTLM2 session response stands in the LM field (MS-NLMP 3.3.1). */
const clientChallenge = ({ message }: Claim): Uint8Array => message.lmChallengeResponse.subarray(0, 8);

function challengeOf(claim: Claim): Uint8Array<ArrayBuffer> {
  const { serverChallenge } = claim.challenge;
  if (claim.kind !== 'ntlm2-session') return Uint8Array.from(serverChallenge);
  return md5(concatBytes(serverChallenge, clientChallenge(claim))).slice(0, 8);
}

/** KXKEY (MS-NLMP 3.4.5.1), where no LM hash takes part. */
function keyExchangeKey(sessionBaseKey: Uint8Array, claim: Claim): Uint8Array<ArrayBuffer> {
  try {
    return claim.kind === 'ntlm2-session'
      ? hmacMd5(sessionBaseKey, claim.challenge.serverChallenge, clientChallenge(claim))
      : Uint8Array.from(sessionBaseKey);
  } finally {
    clean(sessionBaseKey);
  }
}
