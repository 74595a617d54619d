import { clean } from '@noble/hashes/utils.js';
import { checkBytes } from '../checks.ts';
import type { Side } from '../crypto/keys.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { invalidArgument } from '../errors.ts';
import { flowsOf, SIGNATURE_LENGTH } from './flow.ts';
import { partsOf, stretchesOf } from './parts.ts';
import { Protection, unavailable, type Stretch } from './protection.ts';
import { unwrapFrames, wrapFrames, type StreamOptions } from './streams.ts';
import type {
  FinishedHandshake,
  MessageOptions,
  MessagePart,
  SealedMessage,
  SealedParts,
  SessionOptions,
  UnwrapOptions,
  UnwrappedMessage,
} from './types.ts';

// NegotiateFlags that say what a session does (MS-NLMP 2.2.2.5).
const NEGOTIATE_SIGN = 0x00000010;
const NEGOTIATE_SEAL = 0x00000020;
const NEGOTIATE_ALWAYS_SIGN = 0x00008000;

/** The part of a `NtlmClient` that a session needs. */
export interface FinishedClient {
  readonly sessionKey: SessionKey | undefined;
  readonly negotiateFlags: number | undefined;
  /** One that SPNEGO has begun. */
  readonly session?: NtlmSession | undefined;
}

/**
 * Signing and sealing after authentication (MS-NLMP 3.4), one end of a connection.
 *
 * Over a stream (every connection but one that agreed on DATAGRAM) each message must be opened once and in the order
 * in which it was made. The first that is altered, replayed, reordered or missing ends the session: keys are wiped
 * and every later call throws `session-unavailable` with that first error as its cause. There is no honest way on,
 * since the keystream is lost and a forger must not try again. A datagram that fails is dropped, and the session
 * goes on.
 *
 * Without extended session security both ends advance one keystream, so they must take turns.
 */
export class NtlmSession {
  readonly side: Side;
  /** Whether SIGN was agreed on: {@link sign} and {@link verify} work. */
  readonly integrity: boolean;
  /** Whether SEAL was agreed on: {@link seal} and {@link unseal} work, and {@link unwrap} takes nothing in clear. */
  readonly confidentiality: boolean;
  readonly #protection: Protection;

  private constructor({ sessionKey, negotiateFlags, side, dummySignatures = false }: FinishedHandshake) {
    this.side = side;
    this.integrity = (negotiateFlags & NEGOTIATE_SIGN) !== 0;
    this.confidentiality = (negotiateFlags & NEGOTIATE_SEAL) !== 0;
    if (this.integrity || this.confidentiality) {
      const key = sessionKey.bytes();
      this.#protection = new Protection(flowsOf(negotiateFlags, key, side));
      clean(key);
    } else if (dummySignatures && (negotiateFlags & NEGOTIATE_ALWAYS_SIGN) !== 0) {
      this.#protection = new Protection(undefined);
    } else {
      throw unavailable('the handshake agreed on neither signing nor sealing');
    }
  }

  /**
   * The session of one end of a finished handshake.
   *
   * @throws NtlmError `invalid-argument`; `session-unavailable` when neither SIGN nor SEAL was agreed on, or the key
   * was wiped.
   */
  static fromHandshake(handshake: FinishedHandshake): NtlmSession {
    const { sessionKey, negotiateFlags, side } = handshake;
    if (!(sessionKey instanceof SessionKey)) throw invalidArgument('sessionKey', 'must be a SessionKey', 'session');
    if (!Number.isInteger(negotiateFlags)) throw invalidArgument('negotiateFlags', 'must be an integer', 'session');
    if (side !== 'client' && side !== 'server') {
      throw invalidArgument('side', "must be 'client' or 'server'", 'session');
    }
    return new NtlmSession(handshake);
  }

  /**
   * The session of a client that made its AUTHENTICATE. It does not follow the client: `reset()` there leaves it open.
   * With SPNEGO it is the client's own, begun by mechListMIC, and `reset()` closes it.
   *
   * @throws NtlmError `session-unavailable` before that, and where the `sessionSecurity` option was `none`.
   */
  static fromClient(client: FinishedClient, options: SessionOptions = {}): NtlmSession {
    const { sessionKey, negotiateFlags, session } = client;
    if (session !== undefined) return session;
    if (sessionKey === undefined || negotiateFlags === undefined) {
      throw unavailable('the client has not answered a challenge yet');
    }
    return NtlmSession.fromHandshake({ ...options, sessionKey, negotiateFlags, side: 'client' });
  }

  /** Whether {@link close} was called or a message ended the session. */
  get closed(): boolean {
    return this.#protection.ended;
  }

  /**
   * Protects a message in one token, as `GSS_Wrap` does for SASL: sealed, also where SIGN alone was agreed on, as
   * Samba's LDAP, gss-ntlmssp and pyspnego do. Dummy signatures go before the message in clear.
   *
   * @param message - any number of bytes
   * @returns signature (16 bytes), then the message
   * @throws NtlmError `invalid-argument`; `session-unavailable` once closed
   */
  wrap(message: Uint8Array, options?: MessageOptions): Uint8Array<ArrayBuffer> {
    checkBytes('message', message, 'session');
    const token = new Uint8Array(SIGNATURE_LENGTH + message.length);
    const signature = token.subarray(0, SIGNATURE_LENGTH);
    const output = token.subarray(SIGNATURE_LENGTH);
    if (this.#protection.pretends) output.set(message);
    this.#protection.protect([{ input: message, output }], signature, options);
    return token;
  }

  /**
   * Opens what the other end wrapped: sealed, or in clear where SIGN alone was agreed on.
   *
   * @returns the message, in bytes of its own; its `sealed` says in which form it came
   * @throws NtlmError `signature-mismatch`, `out-of-sequence`, `truncated` (under 16 bytes), `downgrade-refused` (in
   * clear, and `require` is `'sealed'`) from the peer; `session-unavailable` once closed
   */
  unwrap(token: Uint8Array, options: UnwrapOptions = {}): UnwrappedMessage {
    checkBytes('token', token, 'session');
    if (options.require !== undefined && options.require !== 'sealed') {
      throw invalidArgument('require', "must be 'sealed'", 'session');
    }
    const protection = this.#protection;
    protection.assertOpen();
    if (token.length < SIGNATURE_LENGTH) throw protection.failed('truncated', 'a wrapped message is cut short');
    const signature = token.subarray(0, SIGNATURE_LENGTH);
    const input = token.subarray(SIGNATURE_LENGTH);
    const message = new Uint8Array(input.length);
    const sealed = [{ input, output: message }];
    const clear = [{ input, output: undefined }];
    const forms = this.confidentiality ? [sealed] : protection.pretends ? [clear] : [sealed, clear];
    const form = protection.open(forms, signature, options);
    if (form === clear) {
      if (options.require === 'sealed') {
        throw protection.failed('downgrade-refused', 'a message came in clear where only sealed ones are taken');
      }
      message.set(input);
    }
    return Object.defineProperty(message, 'sealed', { value: form === sealed }) as UnwrappedMessage;
  }

  /**
   * `GSS_WrapEx` with its two results apart (MS-NLMP 3.4.6): of a message that is sealed as a whole, or of parts some
   * of which are signed only, as DCE/RPC's privacy signs header and trailer where header signing was agreed on
   * (MS-RPCE 2.2.2.11).
   *
   * @throws NtlmError `invalid-argument`; `session-unavailable` without SEAL (without SIGN where no part is sealed) or
   * once closed
   */
  seal(message: Uint8Array, options?: MessageOptions): SealedMessage<ArrayBuffer>;
  seal(parts: readonly MessagePart[], options?: MessageOptions): SealedParts;
  seal(message: Uint8Array | readonly MessagePart[], options?: MessageOptions): SealedMessage<ArrayBuffer> | SealedParts {
    const signature = new Uint8Array(SIGNATURE_LENGTH);
    if (Array.isArray(message)) {
      const stretches = this.#stretchesOf(message, 'message');
      this.#protection.protect(stretches, signature, options);
      return { parts: partsOf(stretches), signature };
    }
    const input = message as Uint8Array;
    checkBytes('message', input, 'session');
    this.#assertSeals();
    const output = new Uint8Array(input.length);
    this.#protection.protect([{ input, output }], signature, options);
    return { sealed: output, signature };
  }

  /**
   * `GSS_UnwrapEx` of what {@link seal} made (MS-NLMP 3.4.7), the parts cut and named as there.
   *
   * @returns the message, or its parts in clear
   * @throws NtlmError `signature-mismatch`, `out-of-sequence`, `wrong-length` (of the signature) from the peer;
   * `session-unavailable` as {@link seal}
   */
  unseal(message: SealedMessage, options?: MessageOptions): Uint8Array<ArrayBuffer>;
  unseal(message: SealedParts, options?: MessageOptions): MessagePart[];
  unseal(message: SealedMessage | SealedParts, options?: MessageOptions): Uint8Array<ArrayBuffer> | MessagePart[] {
    const { signature } = message;
    if ('parts' in message) {
      checkBytes('signature', signature, 'session');
      const stretches = this.#stretchesOf(message.parts, 'parts');
      return partsOf(this.#protection.open([stretches], signature, options));
    }
    const { sealed: input } = message;
    checkBytes('sealed', input, 'session');
    checkBytes('signature', signature, 'session');
    this.#assertSeals();
    const output = new Uint8Array(input.length);
    this.#protection.open([[{ input, output }]], signature, options);
    return output;
  }

  /**
   * A signature to send beside a message in clear, `GSS_GetMICEx` (MS-NLMP 3.4.8).
   *
   * @returns 16 bytes
   * @throws NtlmError `invalid-argument`; `session-unavailable` without SIGN or once closed
   */
  sign(message: Uint8Array, options?: MessageOptions): Uint8Array<ArrayBuffer> {
    checkBytes('message', message, 'session');
    this.#assertSigns();
    const signature = new Uint8Array(SIGNATURE_LENGTH);
    this.#protection.protect([{ input: message, output: undefined }], signature, options);
    return signature;
  }

  /**
   * Returns if `signature` is the other end's over `message`, `GSS_VerifyMICEx` (MS-NLMP 3.4.9).
   *
   * @throws NtlmError `signature-mismatch`, `out-of-sequence`, `wrong-length` (of the signature) from the peer;
   * `session-unavailable` without SIGN or once closed
   */
  verify(message: Uint8Array, signature: Uint8Array, options?: MessageOptions): void {
    checkBytes('message', message, 'session');
    checkBytes('signature', signature, 'session');
    this.#assertSigns();
    this.#protection.open([[{ input: message, output: undefined }]], signature, options);
  }

  /**
   * Starts the keystream anew, as SPNEGO needs it for each direction after its mechListMIC. Sequence numbers go on.
   * Without extended session security there is one keystream for both directions; a datagram has its own anyway.
   *
   * @param direction - default: both
   */
  resetSealing(direction?: 'outgoing' | 'incoming'): void {
    this.#protection.assertOpen();
    if (direction !== undefined && direction !== 'outgoing' && direction !== 'incoming') {
      throw invalidArgument('direction', "must be 'outgoing' or 'incoming'", 'session');
    }
    this.#protection.reset(direction);
  }

  /** Wraps each chunk into a frame of its own: 4 bytes of length, big-endian, then a token (RFC 4422 3.7). */
  wrapStream(options?: StreamOptions): TransformStream<Uint8Array, Uint8Array> {
    return wrapFrames((message) => this.wrap(message), options);
  }

  /**
   * Opens frames that arrive in chunks of any size, one chunk out for each. It errors as {@link unwrap} throws, and
   * with `too-long` for a frame over the limit (none of which is kept), `truncated` for one without its end.
   */
  unwrapStream(options?: StreamOptions): TransformStream<Uint8Array, Uint8Array> {
    return unwrapFrames((token) => this.unwrap(token), options);
  }

  /** Wipes the keys for good. */
  close(): void {
    this.#protection.end(unavailable('the session was closed'));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #stretchesOf(parts: readonly MessagePart[], argument: string): Stretch[] {
    const stretches = stretchesOf(parts, argument);
    if (stretches.some(({ output }) => output !== undefined)) this.#assertSeals();
    else this.#assertSigns();
    return stretches;
  }

  #assertSigns(): void {
    if (!this.integrity && !this.#protection.pretends) throw unavailable('the handshake did not agree on signing');
  }

  #assertSeals(): void {
    if (!this.confidentiality) throw unavailable('the handshake did not agree on sealing');
  }
}
