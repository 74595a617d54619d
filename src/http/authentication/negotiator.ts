/** What may authenticate in NTLM's place where the scheme Negotiate is offered: Kerberos, as `ntlmachine/kerberos` has it. */
import type { AnyActorLogic } from 'xstate';
import type { ChannelBindings } from '../../crypto/channel-bindings-sources.ts';
import type { NtlmError } from '../../errors.ts';
import type { NtlmAfter } from './ntlm-after.ts';

/** Which end it is for, as the connection to it knows. */
export interface NegotiatorRequest {
  /** Service principal name of the end that asks, `HTTP/host`. */
  readonly spn: string;
  /** Of the TLS connection, where the handshake is to be bound to it. */
  readonly channelBindings: ChannelBindings | undefined;
  /** Milliseconds that each step may take. */
  readonly legTimeout: number;
}

/** A value of the option `negotiate`. */
export interface Negotiator {
  /** For sentences: `Kerberos`. */
  readonly mechanism: string;
  /** Whether NTLM may follow where this does not come to its end. */
  readonly ntlm: NtlmAfter;
  /** Whether the other end has to prove itself. */
  readonly proves: boolean;
  /** Service principal name of the server it is for; `undefined`: that of the connection. */
  readonly spn: string | undefined;
  /** Logic of one context: its snapshots are {@link NegotiatorSnapshot}, it takes {@link NegotiatorEvent}. */
  readonly machine: AnyActorLogic;
  /** What an actor of `machine` starts from. */
  input(request: NegotiatorRequest): object;
  /** The same for a proxy that has none of its own: under the proxy's name, and nothing by which it could act as the user. */
  forProxy(): Negotiator;
}

/** What its actor is told by the machine of a connection. */
export type NegotiatorEvent =
  | { readonly type: 'negotiate' }
  /** What came with a 401 or 407. */
  | { readonly type: 'challenge'; readonly token: Uint8Array }
  /** What came with any other answer. */
  | { readonly type: 'finish'; readonly token: Uint8Array }
  /** The request was let through, and no token came with it. */
  | { readonly type: 'accepted' }
  /** It was not, and no token came with it. */
  | { readonly type: 'rejected' };

/** What its actor shows of itself. */
export interface NegotiatorSnapshot {
  /** `stepping.waiting`: `context.token` is to be sent. */
  matches(state: 'established' | 'failed' | { readonly stepping: 'waiting' }): boolean;
  readonly context: {
    readonly mechanism: string;
    readonly token: Uint8Array | undefined;
    /** Why it failed. */
    readonly error: NtlmError | undefined;
  };
}

export function isNegotiator(value: unknown): value is Negotiator {
  if (typeof value !== 'object' || value === null) return false;
  const { mechanism, machine, input, forProxy } = value as Partial<Negotiator>;
  return typeof mechanism === 'string' && typeof machine?.transition === 'function' && typeof input === 'function' && typeof forProxy === 'function';
}
