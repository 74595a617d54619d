/**
 * The one error of this library and its closed vocabularies.
 * Branch on `code`; messages are for people and may change.
 */

/** What went wrong. */
export type NtlmErrorCode =
  // a message that does not follow its format (side: 'peer')
  | 'truncated' // a fixed field or a promised part leaves the message
  | 'wrong-signature' // not "NTLMSSP\0"
  | 'wrong-message-type' // an NTLMSSP message, but not the one expected here
  | 'field-out-of-bounds' // a payload field leaves the message or points into its header
  | 'wrong-length' // a field whose size is fixed has another one
  | 'malformed-text' // UTF-16LE of an odd number of bytes
  | 'malformed-av-pairs' // no EOL, a cut pair, a known pair twice
  | 'malformed-token' // not the encoding promised (base64, DER, SPNEGO)
  // a value of the caller's (side: 'local')
  | 'invalid-argument' // wrong type, unknown name, wrong size
  | 'too-long' // does not fit the 16-bit length of its field
  | 'unencodable-text' // not ASCII where only an OEM character set is allowed
  | 'unexpected-call' // the state does not know this step; nothing changed
  | 'unsupported' // not available on this platform or in this build
  // a decision
  | 'downgrade-refused' // the other end allows or gives less protection than is demanded
  | 'charset-refused' // no character set both ends allow
  | 'target-refused' // the target information lacks what the options demand
  | 'credentials-refused' // the server said no to a complete response
  | 'credentials-unsuitable' // the handle lacks what the response needs
  | 'credentials-missing' // nobody gave any, or they were withdrawn
  | 'verification-failed' // acceptor: response, MIC or channel bindings do not match
  | 'too-many-refusals' // server: the limit of refused passwords is reached
  | 'service-failed' // an injected service, clock or source of randomness failed
  // session security
  | 'signature-mismatch'
  | 'out-of-sequence'
  | 'session-unavailable'
  // SPNEGO
  | 'mechanism-refused'
  | 'mech-list-mic-mismatch'
  // Kerberos
  | 'no-ticket' // none in the cache, and none to ask for one with
  | 'unknown-service' // the realm knows no such service principal name
  | 'ticket-expired'
  | 'clock-skew' // the clocks of two ends are too far apart
  | 'realm-unreachable' // no key distribution center answers
  | 'ticket-refused' // the server said no to a ticket
  | 'server-unproven' // the server let it through, and did not prove that it is the one asked for
  // carriers
  | 'ntlm-not-offered'
  | 'origin-refused'
  | 'authorization-given' // the request brought credentials of its own
  | 'not-tried-again' // refused before, and not sent again so that the account does not lock
  | 'too-many-legs'
  | 'timed-out'
  | 'aborted'
  | 'connection-closed'
  | 'proxy-refused'
  | 'http2-only' // the other end speaks no HTTP/1.1, and HTTP/2 cannot carry NTLM
  | 'bindings-unavailable' // a connection over TLS that shows nothing to bind the handshake to
  | 'body-unrepeatable'
  // sealed snapshots
  | 'snapshot-refused';

/** Which step of the work it belongs to. */
export type NtlmErrorPhase =
  | 'configure' // options and credentials
  | 'message' // an NTLMSSP message whose type is not known yet
  | 'negotiate' // NEGOTIATE_MESSAGE, type 1
  | 'challenge' // CHALLENGE_MESSAGE, type 2
  | 'authenticate' // AUTHENTICATE_MESSAGE, type 3
  | 'session' // signing and sealing
  | 'spnego'
  | 'kerberos'
  | 'transport'
  | 'snapshot';

/** Who erred: this end (`local`: the caller, its options, its services) or the other (`peer`). */
export type NtlmErrorSide = 'local' | 'peer';

export interface NtlmErrorDetails {
  readonly code: NtlmErrorCode;
  readonly phase: NtlmErrorPhase;
  readonly side: NtlmErrorSide;
  /** Byte offset in the message where parsing stopped; parse errors only. */
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

/** Every error this library throws, rejects with or keeps as a machine's `context.error`. */
export class NtlmError extends Error {
  override readonly name = 'NtlmError';
  readonly code: NtlmErrorCode;
  readonly phase: NtlmErrorPhase;
  readonly side: NtlmErrorSide;
  readonly offset: number | undefined;

  constructor(message: string, { code, phase, side, offset, cause }: NtlmErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.phase = phase;
    this.side = side;
    this.offset = offset;
  }

  /** The error as plain data: what a log or a trace may hold. */
  toJSON(): { name: string; message: string; code: NtlmErrorCode; phase: NtlmErrorPhase; side: NtlmErrorSide; offset?: number } {
    const { name, message, code, phase, side, offset } = this;
    return { name, message, code, phase, side, ...(offset === undefined ? {} : { offset }) };
  }
}

/** One whose fault is here. */
export function localError(message: string, code: NtlmErrorCode, phase: NtlmErrorPhase, cause?: unknown): NtlmError {
  return new NtlmError(message, { code, phase, side: 'local', cause });
}

/** What a service of a machine threw, typed. */
export function asNtlmError(error: unknown, phase: NtlmErrorPhase): NtlmError {
  if (error instanceof NtlmError) return error;
  return localError(`the service of phase "${phase}" failed`, 'service-failed', phase, error);
}

/** What `read` returns; `undefined` where it refuses what it was given: for bytes that may be anything. */
export function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    return undefined;
  }
}

/** @throws NtlmError `too-long` where `length` (bytes) does not fit 16 bits, as every length field of a message. */
export function checkLength16(argument: string, length: number, phase: NtlmErrorPhase): void {
  if (length <= 0xffff) return;
  throw localError(`"${argument}" takes ${length} bytes; its length field allows 65535`, 'too-long', phase);
}

/** A caller's value that cannot be used; `argument` is its name as the caller wrote it. */
export function invalidArgument(argument: string, expected: string, phase: NtlmErrorPhase = 'configure'): NtlmError {
  return localError(`"${argument}" ${expected}`, 'invalid-argument', phase);
}
