/** SASL's frames of a protected connection (RFC 4422 3.7): 4 bytes of length, big-endian, and as many of a token. */
import { invalidArgument, NtlmError, type NtlmErrorCode } from '../errors.ts';
import { SIGNATURE_LENGTH } from './flow.ts';

const PREFIX_LENGTH = 4;

export type Transform = (bytes: Uint8Array) => Uint8Array;

/** The frames of `message`, of tokens of `maxSize` bytes at most; none of a message without bytes. */
export function* framesOf(message: Uint8Array, wrap: Transform, maxSize: number): Generator<Uint8Array, void> {
  const largest = maxSize - SIGNATURE_LENGTH;
  for (let at = 0; at < message.length; at += largest) {
    const token = wrap(message.subarray(at, at + largest));
    const frame = new Uint8Array(PREFIX_LENGTH + token.length);
    new DataView(frame.buffer).setUint32(0, token.length);
    frame.set(token, PREFIX_LENGTH);
    yield frame;
  }
}

/** Finds the tokens in what comes over a wire in chunks of any size; the caller asks for one after the other. */
export class FrameReader {
  readonly #maxSize: number;
  readonly #prefix = new Uint8Array(PREFIX_LENGTH);
  readonly #chunks: Uint8Array[] = [];
  /** What is being filled: the prefix, then the token that it announces. */
  #part = this.#prefix;
  #filled = 0;
  #waiting = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** Bytes that came and that nobody has asked for yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * The next token; `undefined` until more has come.
   *
   * @throws NtlmError `too-long`, `truncated` (no room for a signature) from the peer
   */
  next(): Uint8Array<ArrayBuffer> | undefined {
    while (this.#fill()) {
      const part = this.#part;
      this.#filled = 0;
      if (part !== this.#prefix) {
        this.#part = this.#prefix;
        return part;
      }
      this.#part = new Uint8Array(tokenLength(this.#prefix, this.#maxSize));
    }
    return undefined;
  }

  /** Nothing more comes. @throws NtlmError `truncated` from the peer where that is within a frame */
  end(): void {
    if (this.#part !== this.#prefix || this.#filled > 0) throw badFrame('truncated', 'the stream ends within a frame');
  }

  #fill(): boolean {
    while (this.#filled < this.#part.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return false;
      const taken = chunk.subarray(0, this.#part.length - this.#filled);
      this.#part.set(taken, this.#filled);
      this.#filled += taken.length;
      this.#waiting -= taken.length;
      if (taken.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(taken.length);
    }
    return true;
  }
}

/** @throws NtlmError `invalid-argument`. */
export function checkMaxSize(maxSize: number, argument = 'maxSize'): number {
  if (Number.isInteger(maxSize) && maxSize > SIGNATURE_LENGTH && maxSize <= 0xffffffff) return maxSize;
  throw invalidArgument(argument, `must be an integer above ${SIGNATURE_LENGTH}, of 32 bits at most`, 'session');
}

function tokenLength(prefix: Uint8Array, maxSize: number): number {
  const length = new DataView(prefix.buffer).getUint32(0);
  if (length > maxSize) throw badFrame('too-long', `a frame of ${length} bytes is over the limit of ${maxSize}`);
  if (length < SIGNATURE_LENGTH) throw badFrame('truncated', 'a frame has no room for its signature');
  return length;
}

function badFrame(code: NtlmErrorCode, message: string): NtlmError {
  return new NtlmError(message, { code, phase: 'session', side: 'peer' });
}
