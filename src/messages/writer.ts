import { checkLength16, localError, type NtlmErrorPhase } from '../errors.ts';
import { checkBytes } from '../checks.ts';

/** The payload of a message: its fields by name, in the order in which they stand. */
export type Payload = Readonly<Record<string, Uint8Array>>;

/**
 * Fills one buffer of an exact size, little-endian: a fixed header, then the payload fields that
 * the header describes. `finish` hands the buffer out only when it is full, so a message and the
 * lengths it announces cannot drift apart.
 */
export class ByteWriter {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #phase: NtlmErrorPhase;
  readonly #payload: Payload;
  readonly #offsets: Record<string, number> = {};
  readonly #headerLength: number;
  #offset = 0;

  /** @throws NtlmError `too-long` where a payload field does not fit a 16-bit length. */
  constructor(headerLength: number, phase: NtlmErrorPhase, payload: Payload = {}) {
    this.#phase = phase;
    this.#headerLength = headerLength;
    this.#payload = payload;
    let end = headerLength;
    for (const name in payload) {
      const value = payload[name]!;
      checkBytes(name, value, phase);
      checkLength16(name, value.length, phase);
      this.#offsets[name] = end;
      end += value.length;
    }
    this.#bytes = new Uint8Array(end);
    for (const name in payload) this.#bytes.set(payload[name]!, this.#offsets[name]);
  }

  uint8(value: number): void {
    this.#bytes[this.#offset++] = value;
  }

  uint16(value: number): void {
    this.uint8(value & 0xff);
    this.uint8(value >>> 8);
  }

  uint32(value: number): void {
    this.uint16(value & 0xffff);
    this.uint16(value >>> 16);
  }

  uint64(value: bigint): void {
    new DataView(this.#bytes.buffer).setBigUint64(this.#offset, value, true);
    this.#offset += 8;
  }

  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#offset);
    this.#offset += value.length;
  }

  zeros(length: number): void {
    this.#offset += length;
  }

  /** The 8-byte descriptor of a payload field (MS-NLMP 2.2.1); zeros where the payload has no such field. */
  payloadField(name: string): void {
    const length = this.#payload[name]?.length ?? 0;
    this.uint16(length);
    this.uint16(length);
    this.uint32(this.#offsets[name] ?? 0);
  }

  /** @throws NtlmError `service-failed` where the header is not exactly full: a fault of an encoder. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#offset !== this.#headerLength) {
      throw localError(`encoder wrote ${this.#offset} of ${this.#headerLength} bytes`, 'service-failed', this.#phase);
    }
    return this.#bytes;
  }
}
