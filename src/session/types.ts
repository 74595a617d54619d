/** What goes into a session and its calls, and what comes out. */
import type { Side } from '../crypto/keys.ts';
import type { SessionKey } from '../crypto/session-key.ts';

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

export interface MessageOptions {
  /**
   * Datagrams only. Outgoing: a number above all before; default: the next. Incoming: the number that the carrier
   * says; needed without extended session security, whose signatures do not show it.
   */
  readonly sequenceNumber?: number | undefined;
}

export interface UnwrapOptions extends MessageOptions {
  /** `'sealed'` refuses a message that came in clear, which only a session without SEAL takes at all. */
  readonly require?: 'sealed' | undefined;
}

/** The bytes of a message, which also say in which form it came. */
export type UnwrappedMessage = Uint8Array<ArrayBuffer> & {
  /** Whether it was encrypted on its way, or only signed. Not enumerable. */
  readonly sealed: boolean;
};

/** A sealed message and its signature, for protocols that carry the two apart. */
export interface SealedMessage<Buffer extends ArrayBufferLike = ArrayBufferLike> {
  /** As long as the message. */
  readonly sealed: Uint8Array<Buffer>;
  /** 16 bytes. */
  readonly signature: Uint8Array<Buffer>;
}

/** A stretch of a message of which not all is encrypted (`SECBUFFER_DATA`, with or without a READONLY attribute). */
export interface MessagePart {
  /** Any number of them. */
  readonly bytes: Uint8Array;
  /** Whether the part is encrypted and signed, or only signed. */
  readonly sealed: boolean;
}

/** The parts of one message, under one signature over all of them in clear, one after the other. */
export interface SealedParts {
  /** In the order given, each as long as before; those that are only signed are the very bytes given. */
  readonly parts: readonly MessagePart[];
  /** 16 bytes. */
  readonly signature: Uint8Array;
}
