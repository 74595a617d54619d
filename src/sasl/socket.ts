import { Duplex } from 'node:stream';
import { invalidArgument, NtlmError } from '../errors.ts';
import { checkMaxSize, FrameReader, framesOf } from '../session/frames.ts';
import type { NtlmSession } from '../session/session.ts';
import { checkSession, DEFAULT_MAX_RECEIVE, DEFAULT_MAX_SEND, type SecureOptions } from './streams.ts';

/** How much is taken from the socket before it is wanted: stopping it and starting it again costs system calls. */
const READ_AHEAD = 65_536;

/**
 * A socket whose bytes are sealed (signed, at the least: the session knows) from here on, in SASL's frames; it takes
 * the place of `socket`, which nobody else may read or write any more.
 *
 * A frame that is not right closes the socket, and ends this in the NtlmError that `NtlmSession.unwrap` or the frame
 * calls for, after what was right before it was read. A write is called back once the socket has it. Whatever ends
 * the connection closes the session.
 *
 * @param socket - `net.Socket`, `tls.TLSSocket`, or any other Duplex of bytes
 * @throws NtlmError `invalid-argument`
 */
export function secureSocket(socket: Duplex, session: NtlmSession, options: SecureOptions = {}): Duplex {
  if (!(socket instanceof Duplex)) throw invalidArgument('socket', 'must be a Duplex', 'session');
  checkSession(session);
  return new SecureSocket(socket, session, options);
}

class SecureSocket extends Duplex {
  readonly #socket: Duplex;
  readonly #session: NtlmSession;
  readonly #maxSend: number;
  readonly #frames: FrameReader;
  #wanted = false;
  /** That nothing more comes over the socket, and why not. */
  #end: { readonly error: NtlmError | undefined } | undefined;

  constructor(socket: Duplex, session: NtlmSession, options: SecureOptions) {
    // One message at a time: an error ends a stream with all that waits in it, and must find nothing waiting.
    super({ readableHighWaterMark: 0, decodeStrings: true });
    this.#socket = socket;
    this.#session = session;
    this.#maxSend = checkMaxSize(options.maxSend ?? DEFAULT_MAX_SEND, 'maxSend');
    this.#frames = new FrameReader(checkMaxSize(options.maxReceive ?? DEFAULT_MAX_RECEIVE, 'maxReceive'));
    socket.on('data', (chunk: Uint8Array) => {
      this.#frames.push(chunk);
      this.#deliver();
    });
    socket.on('end', () => this.#ended(undefined));
    socket.on('error', (cause: Error) => this.#ended(connectionClosed(cause.message, cause)));
    socket.on('close', () => this.#ended(connectionClosed('the connection was closed')));
    socket.pause();
  }

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    try {
      const frames = [...framesOf(chunk, (message) => this.#session.wrap(message), this.#maxSend)];
      const last = frames.pop();
      if (last === undefined) return callback();
      this.#socket.cork();
      for (const frame of frames) this.#socket.write(frame);
      this.#socket.write(last, closed(callback));
      this.#socket.uncork();
    } catch (error) {
      callback(error as NtlmError);
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#socket.end(closed(callback));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#session.close();
    this.#socket.destroy();
    callback(error);
  }

  /** The next message, if one is wanted and there; what ended the wire behind the last. */
  #deliver(): void {
    while (this.#wanted && !this.destroyed) {
      const message = this.#next();
      if (message === undefined) return;
      if (message.length === 0) continue;
      this.#wanted = false;
      this.push(message);
    }
    if (this.#frames.waiting > READ_AHEAD) this.#socket.pause();
  }

  #next(): Uint8Array | undefined {
    try {
      const token = this.#frames.next();
      if (token !== undefined) return this.#session.unwrap(token);
      if (this.#end === undefined) {
        this.#socket.resume();
        return undefined;
      }
      if (this.#end.error !== undefined) throw this.#end.error;
      this.#frames.end();
      this.push(null);
    } catch (error) {
      this.destroy(error as NtlmError);
    }
    this.#wanted = false;
    return undefined;
  }

  #ended(error: NtlmError | undefined): void {
    this.#end ??= { error };
    this.#deliver();
  }
}

/** A callback that hears of a socket's end in this library's words. */
function closed(callback: (error?: Error | null) => void): (error?: Error | null) => void {
  return (error) => callback(error && connectionClosed(error.message, error));
}

function connectionClosed(message: string, cause?: Error): NtlmError {
  return new NtlmError(message, { code: 'connection-closed', phase: 'transport', side: 'peer', cause });
}
