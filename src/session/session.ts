import { equalBytes } from '@noble/ciphers/utils.js';
import { clean } from '@noble/hashes/utils.js';
import { checkBytes } from '../crypto/_arguments.ts';
import type { Side } from '../crypto/keys.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { invalidArgument, NtlmError, type NtlmErrorCode } from '../errors.ts';
import { DUMMY_SIGNATURE, flowsOf, SIGNATURE_LENGTH, type Flow } from './flow.ts';
import { unwrapFrames, wrapFrames, type StreamOptions } from './streams.ts';
import type { FinishedClient, FinishedHandshake, MessageOptions, SealedMessage, SessionOptions } from './types.ts';

// NegotiateFlags that say what a session does (MS-NLMP 2.2.2.5).
const NEGOTIATE_SIGN = 0x00000010;
const NEGOTIATE_SEAL = 0x00000020;
const NEGOTIATE_ALWAYS_SIGN = 0x00008000;

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
  /** Whether SEAL was agreed on: {@link wrap}, {@link seal} and their inverses encrypt. */
  readonly confidentiality: boolean;
  readonly #flows: { readonly outgoing: Flow; readonly incoming: Flow } | undefined;
  #end: NtlmError | undefined;

  private constructor({ sessionKey, negotiateFlags, side, dummySignatures = false }: FinishedHandshake) {
    this.side = side;
    this.integrity = (negotiateFlags & NEGOTIATE_SIGN) !== 0;
    this.confidentiality = (negotiateFlags & NEGOTIATE_SEAL) !== 0;
    if (this.integrity || this.confidentiality) {
      const key = sessionKey.bytes();
      this.#flows = flowsOf(negotiateFlags, key, side);
      clean(key);
    } else if (!dummySignatures || (negotiateFlags & NEGOTIATE_ALWAYS_SIGN) === 0) {
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
    return this.#end !== undefined;
  }

  /**
   * Protects a message in one token, as `GSS_Wrap` does for SASL: sealed where SEAL was agreed on, else only signed.
   *
   * @param message - any number of bytes
   * @returns signature (16 bytes), then the message, sealed or in clear
   * @throws NtlmError `invalid-argument`; `session-unavailable` once closed
   */
  wrap(message: Uint8Array, options?: MessageOptions): Uint8Array {
    checkBytes(message, 'message', undefined, 'session');
    const token = new Uint8Array(SIGNATURE_LENGTH + message.length);
    const signature = token.subarray(0, SIGNATURE_LENGTH);
    const body = token.subarray(SIGNATURE_LENGTH);
    if (!this.confidentiality) body.set(message);
    this.#protect(message, signature, this.confidentiality ? body : undefined, options);
    return token;
  }

  /**
   * Opens what the other end wrapped.
   *
   * @returns the message, in bytes of its own
   * @throws NtlmError `signature-mismatch`, `out-of-sequence`, `truncated` (under 16 bytes) from the peer;
   * `session-unavailable` once closed
   */
  unwrap(token: Uint8Array, options?: MessageOptions): Uint8Array {
    checkBytes(token, 'token', undefined, 'session');
    this.#assertOpen();
    if (token.length < SIGNATURE_LENGTH) throw this.#failed('truncated', 'a wrapped message is cut short');
    const signature = token.subarray(0, SIGNATURE_LENGTH);
    const body = token.subarray(SIGNATURE_LENGTH);
    return this.confidentiality
      ? this.#open(new Uint8Array(body.length), signature, body, options)
      : this.#open(Uint8Array.from(body), signature, undefined, options);
  }

  /**
   * `GSS_WrapEx` with its two results apart (MS-NLMP 3.4.6).
   *
   * @throws NtlmError `invalid-argument`; `session-unavailable` without SEAL or once closed
   */
  seal(message: Uint8Array, options?: MessageOptions): SealedMessage {
    checkBytes(message, 'message', undefined, 'session');
    this.#assertSeals();
    const sealed = new Uint8Array(message.length);
    const signature = new Uint8Array(SIGNATURE_LENGTH);
    this.#protect(message, signature, sealed, options);
    return { sealed, signature };
  }

  /**
   * `GSS_UnwrapEx` of the two parts (MS-NLMP 3.4.7).
   *
   * @returns the message
   * @throws NtlmError `signature-mismatch`, `out-of-sequence`, `wrong-length` (of the signature) from the peer;
   * `session-unavailable` without SEAL or once closed
   */
  unseal({ sealed, signature }: SealedMessage, options?: MessageOptions): Uint8Array {
    checkBytes(sealed, 'sealed', undefined, 'session');
    checkBytes(signature, 'signature', undefined, 'session');
    this.#assertSeals();
    return this.#open(new Uint8Array(sealed.length), signature, sealed, options);
  }

  /**
   * A signature to send beside a message in clear, `GSS_GetMICEx` (MS-NLMP 3.4.8).
   *
   * @returns 16 bytes
   * @throws NtlmError `invalid-argument`; `session-unavailable` without SIGN or once closed
   */
  sign(message: Uint8Array, options?: MessageOptions): Uint8Array {
    checkBytes(message, 'message', undefined, 'session');
    this.#assertSigns();
    const signature = new Uint8Array(SIGNATURE_LENGTH);
    this.#protect(message, signature, undefined, options);
    return signature;
  }

  /**
   * Returns if `signature` is the other end's over `message`, `GSS_VerifyMICEx` (MS-NLMP 3.4.9).
   *
   * @throws NtlmError `signature-mismatch`, `out-of-sequence`, `wrong-length` (of the signature) from the peer;
   * `session-unavailable` without SIGN or once closed
   */
  verify(message: Uint8Array, signature: Uint8Array, options?: MessageOptions): void {
    checkBytes(message, 'message', undefined, 'session');
    checkBytes(signature, 'signature', undefined, 'session');
    this.#assertSigns();
    this.#open(message, signature, undefined, options);
  }

  /**
   * Starts the keystream anew, as SPNEGO needs it for each direction after its mechListMIC. Sequence numbers go on.
   * Without extended session security there is one keystream for both directions; a datagram has its own anyway.
   *
   * @param direction - default: both
   */
  resetSealing(direction?: 'outgoing' | 'incoming'): void {
    this.#assertOpen();
    if (direction !== undefined && direction !== 'outgoing' && direction !== 'incoming') {
      throw invalidArgument('direction', "must be 'outgoing' or 'incoming'", 'session');
    }
    if (direction !== 'incoming') this.#flows?.outgoing.reset();
    if (direction !== 'outgoing') this.#flows?.incoming.reset();
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
    this.#finish(unavailable('the session was closed'));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #protect(
    message: Uint8Array,
    signature: Uint8Array,
    sealed: Uint8Array | undefined,
    options: MessageOptions | undefined,
  ): void {
    this.#assertOpen();
    if (this.#flows === undefined) {
      signature.set(DUMMY_SIGNATURE);
      return;
    }
    const { outgoing } = this.#flows;
    const number = outgoing.numbers.send(sequenceNumber(outgoing, options));
    outgoing.begin(number);
    if (sealed !== undefined) outgoing.crypt(message, sealed);
    outgoing.mac(number, message, signature);
  }

  /** Fills `message` from `sealed`, where given, and returns it if `signature` is its own. */
  #open(
    message: Uint8Array,
    signature: Uint8Array,
    sealed: Uint8Array | undefined,
    options: MessageOptions | undefined,
  ): Uint8Array {
    this.#assertOpen();
    const flow = this.#flows?.incoming;
    const told = flow && sequenceNumber(flow, options);
    if (signature.length !== SIGNATURE_LENGTH) throw this.#failed('wrong-length', 'the signature is not 16 bytes long');
    if (flow === undefined) {
      if (!equalBytes(signature, DUMMY_SIGNATURE)) throw this.#failed('signature-mismatch', 'not a dummy signature');
      return message;
    }
    const shown = flow.numberIn(signature);
    if (told !== undefined && shown !== undefined && told !== shown) {
      throw this.#failed('out-of-sequence', 'the message bears another number than its carrier says');
    }
    const number = shown ?? told ?? flow.numbers.next;
    const objection = flow.numbers.objection(number);
    if (objection !== undefined) throw this.#failed('out-of-sequence', objection);

    flow.begin(number);
    if (sealed !== undefined) flow.crypt(sealed, message);
    const expected = new Uint8Array(SIGNATURE_LENGTH);
    flow.mac(number, message, expected);
    if (!equalBytes(expected, flow.comparable(signature))) {
      if (sealed !== undefined) clean(message);
      throw this.#failed('signature-mismatch', 'the signature is not the one of this message');
    }
    flow.numbers.received(number);
    return message;
  }

  /** The error to throw for a message from the peer, after what it means for the session. */
  #failed(code: NtlmErrorCode, message: string): NtlmError {
    const error = new NtlmError(message, { code, phase: 'session', side: 'peer' });
    if (!this.#flows?.incoming.datagram) this.#finish(unavailable('a message from the peer ended the session', error));
    return error;
  }

  #finish(reason: NtlmError): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#flows?.outgoing.destroy();
    this.#flows?.incoming.destroy();
  }

  #assertOpen(): void {
    if (this.#end !== undefined) throw unavailable(this.#end.message, this.#end.cause);
  }

  #assertSigns(): void {
    if (!this.integrity && this.#flows !== undefined) throw unavailable('the handshake did not agree on signing');
  }

  #assertSeals(): void {
    if (!this.confidentiality) throw unavailable('the handshake did not agree on sealing');
  }
}

function sequenceNumber(flow: Flow, options: MessageOptions | undefined): number | undefined {
  const number = options?.sequenceNumber;
  if (number === undefined) return undefined;
  if (!flow.datagram) throw invalidArgument('sequenceNumber', 'is for datagrams: a stream counts itself', 'session');
  if (Number.isInteger(number) && number >= 0 && number <= 0xffffffff) return number;
  throw invalidArgument('sequenceNumber', 'must be an unsigned 32-bit integer', 'session');
}

function unavailable(message: string, cause?: unknown): NtlmError {
  return new NtlmError(message, { code: 'session-unavailable', phase: 'session', side: 'local', cause });
}
