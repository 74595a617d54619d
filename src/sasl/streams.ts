import { checkObject } from '../checks.ts';
import { invalidArgument } from '../errors.ts';
import { NtlmSession } from '../session/session.ts';

/** How long frames may be, without the 4 bytes that say it (RFC 4422 3.7). */
export interface SecureOptions {
  /** The largest that is sent, 16 bytes of signature included; default 65536. */
  readonly maxSend?: number | undefined;
  /** The largest that is taken; default 1 MiB. Samba sends 128 KiB. */
  readonly maxReceive?: number | undefined;
}

/** A connection as two streams: what `WebSocketStream`, Deno's `Conn` and Workers' `Socket` have. */
export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

export const DEFAULT_MAX_SEND = 65_536;
export const DEFAULT_MAX_RECEIVE = 1_048_576;

/**
 * A connection whose bytes are sealed (signed, at the least: the session knows) from here on, in SASL's frames.
 *
 * A frame that is not right ends both directions with the NtlmError that `NtlmSession.unwrap` or the frame calls for,
 * after what was right before it was read. Whatever ends the connection closes the session.
 *
 * @throws NtlmError `invalid-argument`
 */
export function secureStreams(wire: ByteStreams, session: NtlmSession, options: SecureOptions = {}): ByteStreams {
  checkObject('wire', wire);
  checkSession(session);
  const outgoing = session.wrapStream({ maxSize: options.maxSend ?? DEFAULT_MAX_SEND });
  const incoming = session.unwrapStream({ maxSize: options.maxReceive ?? DEFAULT_MAX_RECEIVE });
  const stop = new AbortController();
  const sending = outgoing.readable.pipeTo(wire.writable, { signal: stop.signal });
  const receiving = wire.readable.pipeTo(incoming.writable);
  receiving.catch((error: unknown) => stop.abort(error)); // nothing of a broken session goes out
  void Promise.allSettled([sending, receiving]).then(() => session.close());
  return { readable: incoming.readable, writable: outgoing.writable };
}

/** @throws NtlmError `invalid-argument` */
export function checkSession(session: NtlmSession): void {
  if (!(session instanceof NtlmSession)) throw invalidArgument('session', 'must be a NtlmSession', 'session');
}
