import { NtlmError, type NtlmErrorCode, type NtlmErrorPhase } from '../errors.ts';

/** Where a field lies in a message. `name` is MS-NLMP's, nested by dots: `TargetInfo.MsvAvTimestamp.Value`. */
export interface FieldSpan {
  readonly name: string;
  /** Bytes from the start of the message. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** The name of a field, or how it is made where one is needed: a recorder or an error asks for it, nothing else. */
export type FieldName = string | (() => string);

/** Told of each field in the order of reading; what it is never told of, the decoder did not read. */
export type FieldRecorder = (span: FieldSpan) => void;

/** `Len`, `MaxLen` and `BufferOffset` of a payload field (MS-NLMP 2.2.1). `MaxLen` is ignored, as the section demands. */
export interface PayloadField {
  readonly name: string;
  readonly length: number;
  readonly offset: number;
  /** Where the descriptor itself stands. */
  readonly descriptorOffset: number;
}

/**
 * A cursor over a peer's bytes, little-endian. Every step checks first, and a failed check throws
 * and leaves the cursor where it was. Offsets are plain numbers, so `offset + length` cannot wrap. A `part` is added to
 * its field's name.
 */
export class ByteReader {
  /** No Buffer, whose slices are views. */
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #phase: NtlmErrorPhase;
  readonly #record: FieldRecorder | undefined;
  #offset: number;

  constructor(bytes: Uint8Array, phase: NtlmErrorPhase, record?: FieldRecorder, start = 0, end = bytes.length) {
    this.#bytes = plain(bytes);
    this.#end = end;
    this.#phase = phase;
    this.#record = record;
    this.#offset = start;
  }

  /** Bytes from the start of the message to the cursor. */
  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  uint8(name: FieldName): number {
    const at = this.#take(name, 1);
    return this.#bytes[at]!;
  }

  uint16(name: FieldName, part?: string): number {
    const at = this.#take(name, 2, part);
    return uint16At(this.#bytes, at);
  }

  /** The next 16 bits without reading them; the caller has checked `remaining`. */
  peekUint16(): number {
    return uint16At(this.#bytes, this.#offset);
  }

  uint32(name: FieldName): number {
    const at = this.#take(name, 4);
    return uint32At(this.#bytes, at);
  }

  uint64(name: FieldName): bigint {
    const at = this.#take(name, 8);
    return uint64At(this.#bytes, at);
  }

  /** A copy of the next `length` bytes. */
  bytes(name: FieldName, length: number, part?: string): Uint8Array {
    const at = this.#take(name, length, part);
    return this.#bytes.slice(at, at + length);
  }

  /** Passes over bytes whose value says nothing. */
  skip(name: FieldName, length: number, part?: string): void {
    this.#take(name, length, part);
  }

  /** The 8 bytes that describe a payload field. */
  payloadField(name: string): PayloadField {
    const descriptorOffset = this.#take(`${name}Fields`, 8);
    return {
      name,
      length: uint16At(this.#bytes, descriptorOffset),
      offset: uint32At(this.#bytes, descriptorOffset + 4),
      descriptorOffset,
    };
  }

  /**
   * A reader over the payload of `field`. An empty field may carry any offset.
   *
   * @throws NtlmError `field-out-of-bounds` where it leaves the message or begins before `headerEnd`.
   */
  payload(field: PayloadField, headerEnd: number): ByteReader {
    const { name, length, offset, descriptorOffset } = field;
    if (length === 0) return new ByteReader(this.#bytes, this.#phase, this.#record, headerEnd, headerEnd);
    if (offset < headerEnd) {
      throw this.error('field-out-of-bounds', `${name} points into the fixed header`, descriptorOffset);
    }
    if (offset + length > this.#bytes.length) {
      throw this.error('field-out-of-bounds', `${name} leaves the message`, descriptorOffset);
    }
    return new ByteReader(this.#bytes, this.#phase, this.#record, offset, offset + length);
  }

  error(code: NtlmErrorCode, message: string, offset = this.#offset): NtlmError {
    return new NtlmError(message, { code, phase: this.#phase, side: 'peer', offset });
  }

  #take(name: FieldName, length: number, part = ''): number {
    if (length > this.remaining) {
      throw this.error('truncated', `${textOf(name)}${part} needs ${length} bytes, ${this.remaining} are left`);
    }
    const at = this.#offset;
    this.#offset += length;
    if (this.#record && length > 0) this.#record({ name: textOf(name) + part, offset: at, length });
    return at;
  }
}

/** Little-endian, as all of these; a byte that is missing counts as zero. */
export function uint16At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function uint32At(bytes: Uint8Array, at: number): number {
  return (uint16At(bytes, at) | (uint16At(bytes, at + 2) << 16)) >>> 0;
}

export function uint64At(bytes: Uint8Array, at: number): bigint {
  return (BigInt(uint32At(bytes, at + 4)) << 32n) | BigInt(uint32At(bytes, at));
}

const textOf = (name: FieldName): string => (typeof name === 'string' ? name : name());

function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
