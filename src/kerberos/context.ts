import type { NtlmError } from '../errors.ts';
import type { NegotiatorEvent, NegotiatorRequest } from '../http/authentication/negotiator.ts';
import type { HeldContext } from './held-context.ts';
import type { ContextRequest, KerberosProvider } from './provider.ts';

export interface KerberosInput extends NegotiatorRequest, ContextRequest {
  readonly provider: KerberosProvider;
  /** Whether it may go out unbound where it ought to be bound. */
  readonly unbound: boolean;
}

export interface KerberosMachineContext extends KerberosInput {
  readonly mechanism: 'Kerberos';
  /** The provider's context, while there is one. */
  readonly held: HeldContext | undefined;
  /** How many tokens were made. */
  readonly made: number;
  /** Whether the context is established on this end. */
  readonly complete: boolean;
  /** Whether what came last came with another demand for authentication. */
  readonly asked: boolean;
  /** What came last, as received. */
  readonly received: Uint8Array | undefined;
  /** What of it is for Kerberos. */
  readonly reply: Uint8Array | undefined;
  /** The last token made: with SPNEGO around it. */
  readonly token: Uint8Array | undefined;
  /** Why it failed. */
  readonly error: NtlmError | undefined;
}

export type KerberosEvent = NegotiatorEvent;

/** A token is ready to be sent; `first`: it opens the context, and may go over any connection. */
export type KerberosEmitted = { readonly type: 'token'; readonly first: boolean; readonly token: Uint8Array };

export type KerberosTag =
  | 'busy' // the provider or the realm is asked
  | 'awaiting-server' // a token is out
  | 'settled'; // nothing leads on
