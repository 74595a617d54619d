/** Whether a type 3 message answers a challenge (MS-NLMP 3.2.5.1.2). */
import { clean } from '@noble/ciphers/utils.js';
import type { Credentials } from '../crypto/credentials.ts';
import { decryptRandomSessionKey } from '../crypto/keys.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { NtlmError } from '../errors.ts';
import { resolvePolicy } from '../machine/policy.ts';
import type { AuthenticateMessage } from '../messages/authenticate.ts';
import { decodeChallenge } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { checkDemands, meetDemands, type AcceptorDemands, type Tokens } from './demands.ts';
import { openResponse } from './opened.ts';
import type { Claim, Proof, Prover } from './proof.ts';
import { isTaken, proveBy } from './responses.ts';
import { refused, type Refused, type VerifyResult } from './verdict.ts';

/** The tokens as they were sent and received, and what is demanded of them. */
export interface VerifyQuestion extends AcceptorDemands, Tokens {}

export interface VerifyInput extends VerifyQuestion {
  /** Of the user that the message names; `undefined` where nobody knows them. */
  readonly credentials: Credentials | undefined;
}

/**
 * Whether a type 3 message answers a challenge with the right credentials (MS-NLMP 3.2.5.1.2).
 * Responses, MIC and channel bindings are compared in constant time. Never throws for what the client sent.
 *
 * @throws NtlmError for a `challenge` that is not this end's own, an unknown policy and wiped credentials;
 * `credentials-unsuitable` for an LM response where the policy takes it and the credentials have no LM hash.
 */
export function verifyAuthenticate(input: VerifyInput): VerifyResult {
  const claim = claimOf(input);
  if ('ok' in claim) return claim;
  return conclude(input, claim, claim.kind === 'anonymous' ? anonymousProof() : proveBy(input.credentials, claim));
}

/** The same, where somebody has to be asked. @throws NtlmError as `verifyAuthenticate`; what `prove` throws. */
export async function verifyThrough(prove: Prover, question: VerifyQuestion, signal: AbortSignal): Promise<VerifyResult> {
  const claim = claimOf(question);
  if ('ok' in claim) return claim;
  const result = conclude(question, claim, claim.kind === 'anonymous' ? anonymousProof() : await prove(claim, signal));
  if (signal.aborted && result.ok) result.sessionKey.wipe(); // nobody takes it any more
  return result;
}

/** What there is to prove, or why it is refused before anybody is asked. */
function claimOf(question: VerifyQuestion): Claim | Refused {
  checkDemands(question);
  const { legacy } = resolvePolicy(question.policy);
  const challenge = decodeChallenge(question.challenge);
  let claim: Claim;
  try {
    claim = { ...openResponse(question.authenticate, challenge), legacy };
  } catch (error) {
    if (!(error instanceof NtlmError && error.side === 'peer')) throw error;
    return { ok: false, reason: 'malformed', error, identity: undefined };
  }
  const { kind, identity } = claim;
  if (isTaken(kind, legacy, question.anonymous === true)) return claim;
  return kind === 'anonymous'
    ? refused('anonymous-refused', 'the anonymous user is not taken here', identity)
    : refused('response-refused', `a response of kind "${kind}" is weaker than the policy`, identity);
}

/** MS-NLMP 3.2.5.1.2: the anonymous user's keys are zeros. */
const anonymousProof = (): Proof => ({ keyExchangeKey: new Uint8Array(16) });

function conclude(question: VerifyQuestion, claim: Claim, proof: Proof): VerifyResult {
  const { message, challenge, kind, identity } = claim;
  if ('reason' in proof) return refused(proof.reason, proof.message, identity);
  const sessionKey = exportedSessionKey(message, proof.keyExchangeKey);
  try {
    if (sessionKey === undefined) return refused('malformed', 'KEY_EXCH without a session key of 16 bytes', identity);
    const met = meetDemands(question, question, claim, sessionKey);
    if ('ok' in met) return met;
    return {
      ok: true,
      mechanism: 'NTLM',
      identity,
      sessionKey: new SessionKey(sessionKey),
      // Without a MIC the flags may have changed on their way; DATAGRAM would end the order of the session's messages.
      negotiateFlags: (message.negotiateFlags & (challenge.negotiateFlags | ~F.NEGOTIATE_DATAGRAM)) >>> 0,
      response: kind,
      ...met,
    };
  } finally {
    clean(proof.keyExchangeKey);
    if (sessionKey !== undefined) clean(sessionKey);
  }
}

/** 16 bytes of their own; `undefined` where the message lacks what it promises. */
function exportedSessionKey(message: AuthenticateMessage, keyExchangeKey: Uint8Array): Uint8Array | undefined {
  if (!hasFlag(message.negotiateFlags, F.NEGOTIATE_KEY_EXCH)) return Uint8Array.from(keyExchangeKey);
  const { encryptedRandomSessionKey } = message;
  if (encryptedRandomSessionKey.length !== 16) return undefined;
  return decryptRandomSessionKey(keyExchangeKey, encryptedRandomSessionKey);
}
