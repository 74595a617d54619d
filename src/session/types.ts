/** What goes into a session and its calls. */
import type { Side } from '../crypto/keys.ts';
import type { SessionKey } from '../crypto/session-key.ts';
import type { NtlmSession } from './session.ts';

export interface SessionOptions {
  /**
   * Whether a handshake that agreed on ALWAYS_SIGN, but neither on SIGN nor SEAL, makes a session of constant
   * signatures that prove nothing; default `false`.
   */
  readonly dummySignatures?: boolean | undefined;
}

/** What both ends of a handshake know when it is over. */
export interface FinishedHandshake extends SessionOptions {
  /** A handle; it may be wiped once the session is made. */
  readonly sessionKey: SessionKey;
  /** The flags of the AUTHENTICATE. */
  readonly negotiateFlags: number;
  /** Which end this is. */
  readonly side: Side;
}

/** The part of a `NtlmClient` that a session needs. */
export interface FinishedClient {
  readonly sessionKey: SessionKey | undefined;
  readonly negotiateFlags: number | undefined;
  /** One that SPNEGO has begun. */
  readonly session?: NtlmSession | undefined;
}

export interface MessageOptions {
  /**
   * Datagrams only. Outgoing: a number above all before; default: the next. Incoming: the number that the carrier
   * says; needed without extended session security, whose signatures do not show it.
   */
  readonly sequenceNumber?: number | undefined;
}

/** A sealed message and its signature, for protocols that carry the two apart. */
export interface SealedMessage {
  /** As long as the message. */
  readonly sealed: Uint8Array;
  /** 16 bytes. */
  readonly signature: Uint8Array;
}
