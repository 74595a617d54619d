import type { Credentials } from '../crypto/credentials.ts';
import type { NtlmError } from '../errors.ts';
import type { ResolvedPolicy } from '../machine/policy.ts';
import type { Filetime } from '../messages/filetime.ts';
import type { AcceptorTarget } from './make-challenge.ts';
import type { AcceptorDemands, ClaimedIdentity, Verified, VerifyRefusal } from './verify.ts';

/** Finds the credentials of a user; `undefined` where nobody knows them. */
export type CredentialsLookup = (identity: ClaimedIdentity) => Credentials | undefined | Promise<Credentials | undefined>;

export interface AcceptorOptions extends AcceptorDemands {
  /** One user's, or a way to find them by name. */
  readonly credentials: Credentials | CredentialsLookup;
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
  readonly error: NtlmError | undefined;
}

export interface ResolvedAcceptorOptions extends Omit<AcceptorDemands, 'policy'>, ResolvedPolicy {
  readonly lookup: CredentialsLookup;
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
export type AcceptorEmitted = { readonly type: 'token'; readonly message: 'CHALLENGE'; readonly token: Uint8Array };

export type AcceptorTag = 'awaiting-client' | 'busy' | 'settled';
