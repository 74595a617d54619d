/** SASL's frames of a protected connection (RFC 4422 3.7): 4 bytes of length, big-endian, and as many of a token. */
import { checkBytes } from '../crypto/_arguments.ts';
import { invalidArgument, NtlmError, type NtlmErrorCode } from '../errors.ts';
import { SIGNATURE_LENGTH } from './flow.ts';

export interface StreamOptions {
  /**
   * The largest token in bytes, its 16 of signature included and the length prefix not: SASL's `maxbuf`.
   * Longer chunks are sent in several frames, longer frames refused. Default 65536; Active Directory's LDAP may
   * answer with more.
   */
  readonly maxSize?: number | undefined;
}

const PREFIX_LENGTH = 4;
const DEFAULT_MAX_SIZE = 65_536;

type Transform = (bytes: Uint8Array) => Uint8Array;

/** @throws NtlmError `invalid-argument`, also as the stream's error for a chunk that is not bytes. */
export function wrapFrames(wrap: Transform, options?: StreamOptions): TransformStream<Uint8Array, Uint8Array> {
  const largest = maxSizeOf(options) - SIGNATURE_LENGTH;
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      checkBytes(chunk, 'chunk', undefined, 'session');
      for (let at = 0; at < chunk.length; at += largest) {
        const token = wrap(chunk.subarray(at, at + largest));
        const frame = new Uint8Array(PREFIX_LENGTH + token.length);
        new DataView(frame.buffer).setUint32(0, token.length);
        frame.set(token, PREFIX_LENGTH);
        controller.enqueue(frame);
      }
    },
  });
}

/** Errors with NtlmError `too-long` and `truncated` from the peer, `invalid-argument`, and as `unwrap` throws. */
export function unwrapFrames(unwrap: Transform, options?: StreamOptions): TransformStream<Uint8Array, Uint8Array> {
  const maxSize = maxSizeOf(options);
  const prefix = new Uint8Array(PREFIX_LENGTH);
  /** What is being filled: the prefix, then the token it announces. */
  let part = prefix;
  let filled = 0;
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      checkBytes(chunk, 'chunk', undefined, 'session');
      for (let at = 0; at < chunk.length; ) {
        const taken = chunk.subarray(at, at + part.length - filled);
        part.set(taken, filled);
        filled += taken.length;
        at += taken.length;
        if (filled < part.length) return;
        filled = 0;
        if (part === prefix) {
          part = new Uint8Array(tokenLength(prefix, maxSize));
        } else {
          const message = unwrap(part);
          part = prefix;
          if (message.length > 0) controller.enqueue(message);
        }
      }
    },
    flush() {
      if (part !== prefix || filled > 0) throw badFrame('truncated', 'the stream ends within a frame');
    },
  });
}

function tokenLength(prefix: Uint8Array, maxSize: number): number {
  const length = new DataView(prefix.buffer).getUint32(0);
  if (length > maxSize) throw badFrame('too-long', `a frame of ${length} bytes is over the limit of ${maxSize}`);
  if (length < SIGNATURE_LENGTH) throw badFrame('truncated', 'a frame has no room for its signature');
  return length;
}

function maxSizeOf({ maxSize = DEFAULT_MAX_SIZE }: StreamOptions = {}): number {
  if (Number.isInteger(maxSize) && maxSize > SIGNATURE_LENGTH && maxSize <= 0xffffffff) return maxSize;
  throw invalidArgument('maxSize', `must be an integer above ${SIGNATURE_LENGTH}, of 32 bits at most`, 'session');
}

function badFrame(code: NtlmErrorCode, message: string): NtlmError {
  return new NtlmError(message, { code, phase: 'session', side: 'peer' });
}
