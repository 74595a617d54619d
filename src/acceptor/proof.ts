/** Whether a response is right, and the key that follows from it. */
import type { LegacyPolicy } from '../crypto/legacy-policy.ts';
import type { OpenedResponse } from './opened.ts';
import type { VerifyRefusal } from './verdict.ts';

/** What of a response has to be proven, under which policy. */
export interface Claim extends OpenedResponse {
  readonly legacy: LegacyPolicy | undefined;
}

export type Proof =
  /** 16 bytes, the taker's to overwrite. */
  { readonly keyExchangeKey: Uint8Array } | { readonly reason: VerifyRefusal; readonly message: string };

/** Asks whoever knows. `signal` ends a question that nobody waits for any more. */
export type Prover = (claim: Claim, signal: AbortSignal) => Proof | Promise<Proof>;

export const UNKNOWN_USER: Proof = { reason: 'unknown-user', message: 'nobody of that name is known' };
export const WRONG_CREDENTIALS: Proof = {
  reason: 'wrong-credentials',
  message: 'the response was not made with these credentials',
};
