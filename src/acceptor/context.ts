import type { Credentials } from '../crypto/credentials.ts';
import type { NtlmError } from '../errors.ts';
import type { ResolvedPolicy } from '../machine/policy.ts';
import type { Filetime } from '../messages/filetime.ts';
import type { AcceptorTarget } from './make-challenge.ts';
import type { AcceptorDemands } from './demands.ts';
import type { Prover } from './proof.ts';
import type { ClaimedIdentity, Verified, VerifyRefusal } from './verdict.ts';
import type { Verifier } from './verifier.ts';

/** Finds the credentials of a user; `undefined` where nobody knows them. */
export type CredentialsLookup = (identity: ClaimedIdentity) => Credentials | undefined | Promise<Credentials | undefined>;

export interface AcceptorOptions extends AcceptorDemands {
  /** One user's, a way to find them by name, or who verifies where there are none at hand. */
  readonly credentials: Credentials | CredentialsLookup | Verifier;
  /** Default: `WORKGROUP` and `SERVER`. */
  readonly target?: AcceptorTarget | undefined;
  /** Whether challenges carry the time, which makes clients send a MIC; default `true`. */
  readonly timestamp?: boolean | undefined;
  /** FILETIME ticks. */
  readonly now?: (() => Filetime) | undefined;
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined;
}

export interface AcceptorContext {
  readonly options: ResolvedAcceptorOptions;
  /** Type 1 as received. */
  readonly negotiateToken: Uint8Array | undefined;
  /** Type 2 as sent. */
  readonly challengeToken: Uint8Array | undefined;
  /** Type 3 as received. */
  readonly authenticateToken: Uint8Array | undefined;
  readonly result: Verified | undefined;
  readonly refusal: VerifyRefusal | undefined;
  /** Who was refused, where that can be read. */
  readonly claimed: ClaimedIdentity | undefined;
  readonly error: NtlmError | undefined;
}

export interface ResolvedAcceptorOptions extends Omit<AcceptorDemands, 'policy'>, ResolvedPolicy {
  readonly prove: Prover;
  readonly target: AcceptorTarget;
  readonly timestamp: boolean;
  readonly now: () => Filetime;
  readonly randomBytes: (length: number) => Uint8Array;
}

export type AcceptorEvent =
  /** The client's type 1, as received. */
  | { readonly type: 'negotiate'; readonly token: Uint8Array }
  /** The client's type 3, as received. */
  | { readonly type: 'authenticate'; readonly token: Uint8Array }
  | { readonly type: 'reset' };

/** A challenge is ready to be sent. */
export type AcceptorEmitted = { readonly type: 'token'; readonly message: 'CHALLENGE'; readonly token: Uint8Array<ArrayBuffer> };

export type AcceptorTag = 'awaiting-client' | 'busy' | 'settled';
