/** What the machine of a connection knows, is told and tells. */
import type { ActorOptions, AnyActorLogic, SnapshotFrom } from 'xstate';
import type { Credentials } from '../../crypto/credentials.ts';
import type { NtlmError } from '../../errors.ts';
import type { NtlmContext } from '../../machine/context.ts';
import type { ntlmMachine } from '../../machine/machine.ts';
import type { NtlmOptions } from '../../machine/options.ts';
import type { NtlmChild } from '../../spnego/context.ts';
import type { NtlmSession } from '../../session/session.ts';
import type { spnegoMachine } from '../../spnego/machine.ts';
import type { AuthorizeMessage } from './authorize-message.ts';
import type { HttpScheme } from './schemes.ts';
import type { NegotiatorSnapshot } from './negotiator.ts';
import type { NtlmAfter } from './ntlm-after.ts';
import type { ConnectionSide, RealmQuestion } from './question.ts';

export type ConnectionInspector = NonNullable<ActorOptions<AnyActorLogic>['inspect']>;

export interface ConnectionInput {
  readonly side: ConnectionSide;
  /** Of the server or the proxy. */
  readonly origin: string;
  /** Options of the handshakes on this connection. */
  readonly handshake: Omit<NtlmOptions, 'credentials'>;
  /** Where credentials come from, once they may be sent; `undefined` gives up. The signal is aborted with the connection. */
  readonly ask: (question: RealmQuestion, signal: AbortSignal) => Promise<Credentials | undefined>;
  /** Milliseconds: from type 1 to type 2. */
  readonly legTimeout: number;
  /** Milliseconds: from the last byte that follows type 3 to the answer. */
  readonly answerTimeout: number;
  readonly maxAttempts: number;
  /** What goes first where Negotiate is offered. */
  readonly negotiator?: NegotiatorPlace | undefined;
  /** Handshakes that other connections already spent on the request at hand. */
  readonly attempt?: number | undefined;
}

/** What goes before NTLM on one connection. */
export interface NegotiatorPlace {
  readonly mechanism: string;
  readonly ntlm: NtlmAfter;
  /** What its actor, the service `negotiator`, starts from. */
  readonly input: object;
}

export interface ConnectionContext extends Omit<ConnectionInput, 'attempt'> {
  /** Of the handshake under way or done. */
  readonly scheme: HttpScheme | undefined;
  readonly credentials: Credentials | undefined;
  readonly attempt: number;
  /** What came with the last answer. */
  readonly token: Uint8Array | undefined;
  readonly ntlmOffered: boolean;
  /** Why NTLM is taken in place of what was to go first. */
  readonly fallback: NtlmError | undefined;
  /** Signing and sealing while the connection is authenticated, where the options asked for it. */
  readonly session: NtlmSession | undefined;
  /** Why the last handshake failed. */
  readonly reason: NtlmError | undefined;
}

export type ConnectionEvent =
  /** The other end is known to ask: open a handshake before it does. */
  | {
      readonly type: 'authenticate';
      readonly scheme: HttpScheme;
      /** Whether the scheme NTLM is known to be offered too. */
      readonly ntlmOffered?: boolean | undefined;
      /** How what goes first failed here before, where NTLM may be all that is offered now. */
      readonly before?: NtlmError | undefined;
    }
  /** A 401, or 407; `scheme` where it offers NTLM, `token` where it holds one. */
  | {
      readonly type: 'unauthorized';
      readonly scheme?: HttpScheme | undefined;
      /** Whether the scheme NTLM is offered too, or was by the 401 that led to the handshake under way. */
      readonly ntlmOffered?: boolean | undefined;
      readonly token?: Uint8Array | undefined;
      /** As of `authenticate`. */
      readonly before?: NtlmError | undefined;
      /** The challenge could not be read. */
      readonly error?: NtlmError | undefined;
    }
  /** Any other answer, with the last token of SPNEGO where it holds one. */
  | {
      readonly type: 'passed';
      readonly scheme?: HttpScheme | undefined;
      readonly token?: Uint8Array | undefined;
      /** The token could not be read. */
      readonly error?: NtlmError | undefined;
      /** Whether it says nothing of who asked: an error (a status of 400 or more), or a page that is open to all. */
      readonly failed?: boolean | undefined;
    }
  /** The request that carries type 3 is out, its body too. */
  | { readonly type: 'sent' }
  /** The request that the handshake was for is over. */
  | { readonly type: 'abandon' }
  /** The connection is gone. */
  | { readonly type: 'close' };

export type ConnectionEmitted =
  /** The next request carries these bytes in its credentials. */
  | { readonly type: 'authorize'; readonly message: AuthorizeMessage; readonly token: Uint8Array<ArrayBuffer> }
  /** Something else is tried: the scheme NTLM where Negotiate takes no NTLM; NTLM in place of what was to go first, and why. */
  | { readonly type: 'fallback'; readonly reason?: NtlmError | undefined }
  /** No request will. */
  | { readonly type: 'refused'; readonly error: NtlmError };

export type ConnectionTag =
  | 'needs-credentials' // the app is asked
  | 'awaiting-server' // a leg is out, the answer is due
  | 'settled'; // nothing is under way

export type Child = SnapshotFrom<typeof ntlmMachine> | SnapshotFrom<typeof spnegoMachine>;

/** The child moved on, or broke; sent by XState, not by users. */
export type HandshakeMoved =
  | { readonly type: 'xstate.snapshot.handshake'; readonly snapshot: Child }
  | { readonly type: 'xstate.error.actor.handshake'; readonly error: unknown };

/** The same of what goes before NTLM. */
export type NegotiatorMoved =
  | { readonly type: 'xstate.snapshot.negotiator'; readonly snapshot: NegotiatorSnapshot }
  | { readonly type: 'xstate.error.actor.negotiator'; readonly error: unknown };

export type AnyConnectionEvent = ConnectionEvent | HandshakeMoved | NegotiatorMoved;

/** The handshake, where it moved on. */
export const moved = (event: AnyConnectionEvent): Child | undefined =>
  event.type === 'xstate.snapshot.handshake' && 'matches' in event.snapshot ? event.snapshot : undefined;

/** What goes before NTLM, where that moved on. */
export const negotiatorMoved = (event: AnyConnectionEvent): NegotiatorSnapshot | undefined =>
  event.type === 'xstate.snapshot.negotiator' && typeof event.snapshot?.matches === 'function' ? event.snapshot : undefined;

/** What NTLM itself knows, inside SPNEGO or bare. */
export const ntlmContextOf = ({ context, children }: Child): NtlmContext | undefined =>
  'challengeToken' in context ? context : (children.ntlm as NtlmChild | undefined)?.getSnapshot().context;

/** Overwrites what a handshake derived, but for the session that is `kept`. */
export function wipe(child: Child, kept: NtlmSession | undefined): void {
  if ('session' in child.context && child.context.session !== kept) child.context.session?.close();
  ntlmContextOf(child)?.sessionKey?.wipe();
}
