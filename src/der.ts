/**
 * Strict DER (X.690) over `@oslojs/asn1`. The library finds the elements; this file adds what untrusted input needs
 * besides: the one canonical length, nothing left over, offsets, and `NtlmError` as the only error.
 */
import { concatBytes } from '@noble/hashes/utils.js';
import { ASN1Class, ASN1Form, encodeASN1, parseASN1, type ASN1Encodable, type ASN1Value } from '@oslojs/asn1';
import { NtlmError, type NtlmErrorPhase, type NtlmErrorSide } from './errors.ts';

/** Whose bytes they are: every error of a `DerElement` says it. */
export interface DerOrigin {
  /** What the bytes should be, for people: `SPNEGO token`, `certificate`. */
  readonly what: string;
  readonly phase: NtlmErrorPhase;
  readonly side: NtlmErrorSide;
}

/** One element of a message: where it lies and what it holds. */
export class DerElement {
  /** Identifier, length and contents as received: a view. */
  readonly bytes: Uint8Array;
  /** Byte offset of the identifier octet in the message. */
  readonly offset: number;
  readonly #value: ASN1Value;
  readonly #origin: DerOrigin;

  private constructor(bytes: Uint8Array, offset: number, value: ASN1Value, origin: DerOrigin) {
    this.bytes = bytes;
    this.offset = offset;
    this.#value = value;
    this.#origin = origin;
  }

  /**
   * The one element that fills `bytes`, which lie at `offset` in the message. They are copied first, so later changes to
   * them have no effect.
   */
  static decode(bytes: Uint8Array, origin: DerOrigin, offset = 0): DerElement {
    const [element, more] = DerElement.#read(Uint8Array.from(bytes), offset, origin);
    if (element === undefined) throw malformed(origin, 'is empty', offset);
    if (more !== undefined) throw malformed(origin, 'has bytes after its end', more.offset);
    return element;
  }

  static *#read(bytes: Uint8Array, offset: number, origin: DerOrigin): Generator<DerElement, void, undefined> {
    for (let start = 0; start < bytes.length; ) {
      const { value, size } = parse(bytes.subarray(start), offset + start, origin);
      yield new DerElement(bytes.subarray(start, start + size), offset + start, value, origin);
      start += size;
    }
  }

  /** A copy of its own, as are the values read from it. */
  get contents(): Uint8Array {
    return this.#value.contents();
  }

  isApplication(tag: number): boolean {
    return this.#is(ASN1Class.Application, ASN1Form.Constructed, tag);
  }

  isContext(tag: number): boolean {
    return this.#is(ASN1Class.ContextSpecific, ASN1Form.Constructed, tag);
  }

  /** Whether it is of that universal type (its tag number), in the form DER gives it. */
  isUniversal(tag: number): boolean {
    const form = tag === SEQUENCE ? ASN1Form.Constructed : ASN1Form.Primitive;
    return this.#is(ASN1Class.Universal, form, tag);
  }

  /** The elements that a constructed element holds, each read when it is asked for. */
  elements(): Iterable<DerElement> {
    const { contents } = this;
    return DerElement.#read(contents, this.offset + this.bytes.length - contents.length, this.#origin);
  }

  /** What an explicit tag (or another constructed element) holds: exactly one element. */
  inner(): DerElement {
    const [element, more] = this.elements();
    if (element === undefined) throw this.malformed('holds a tag around nothing');
    if (more !== undefined) throw more.malformed('holds a tag around more than one value');
    return element;
  }

  /** The elements of a SEQUENCE, in order, each read when it is asked for: who has seen enough pays for no more. */
  sequence(): Iterable<DerElement> {
    this.#demand(SEQUENCE, 'SEQUENCE');
    return this.elements();
  }

  /**
   * The elements of a SEQUENCE of explicitly tagged fields, by tag number. The tags must ascend, each once; numbers
   * that the reader does not know are the format's extensions and come along unread.
   */
  fields(): ReadonlyMap<number, DerElement> {
    const fields = new Map<number, DerElement>();
    let last = -1;
    for (const child of this.sequence()) {
      const { class: tagClass, tag } = child.#value;
      if (tagClass !== ASN1Class.ContextSpecific || child.#value.form !== ASN1Form.Constructed) {
        throw child.malformed('holds a value without its tag');
      }
      if (tag <= last) throw child.malformed('repeats a field or has its fields out of order');
      last = tag;
      fields.set(tag, child);
    }
    return fields;
  }

  octetString(): Uint8Array {
    this.#demand(OCTET_STRING, 'OCTET STRING');
    return this.contents;
  }

  /** The value of an ENUMERATED of one byte. */
  enumerated(): number {
    this.#demand(ENUMERATED, 'ENUMERATED');
    const [value, more] = this.contents;
    if (value === undefined || more !== undefined || value > 0x7f) throw this.malformed('holds an unknown ENUMERATED');
    return value;
  }

  /** An OBJECT IDENTIFIER in dotted decimal. */
  objectIdentifier(): string {
    this.#demand(OBJECT_IDENTIFIER, 'OBJECT IDENTIFIER');
    const text = oidText(this.contents);
    if (text === undefined) throw this.malformed('holds a malformed OBJECT IDENTIFIER');
    return text;
  }

  /** The characters of a GeneralString, one a byte. */
  generalString(): string {
    this.#demand(GENERAL_STRING, 'GeneralString');
    return Array.from(this.contents, (byte) => String.fromCharCode(byte)).join('');
  }

  /** The error to throw where this element is not what the format wants: "the certificate `problem`". */
  malformed(problem: string): NtlmError {
    return malformed(this.#origin, problem, this.offset);
  }

  #is(tagClass: ASN1Class, form: ASN1Form, tag: number): boolean {
    return this.#value.class === tagClass && this.#value.form === form && this.#value.tag === tag;
  }

  #demand(tag: number, name: string): void {
    if (!this.isUniversal(tag)) throw this.malformed(`holds something else where ${name} is due`);
  }
}

/** Universal tag numbers (X.680 8.4). */
export const BIT_STRING = 3;
export const OCTET_STRING = 4;
export const OBJECT_IDENTIFIER = 6;
export const ENUMERATED = 10;
export const SEQUENCE = 16;
export const GENERAL_STRING = 27;

/** An element under construction; `derBytes` gives its encoding. */
export type DerNode = ASN1Encodable;

/** Its types leave out that the array is a new one. */
export const derBytes = (node: DerNode): Uint8Array<ArrayBuffer> => encodeASN1(node) as Uint8Array<ArrayBuffer>;

/** A primitive universal element. */
export const primitive = (tag: number, contents: Uint8Array): DerNode => ({
  class: ASN1Class.Universal,
  form: ASN1Form.Primitive,
  tag,
  contents: () => contents,
});

export const sequence = (...children: readonly DerNode[]): DerNode =>
  constructed(ASN1Class.Universal, SEQUENCE, children);
export const context = (tag: number, child: DerNode): DerNode => constructed(ASN1Class.ContextSpecific, tag, [child]);
export const application = (tag: number, ...children: readonly DerNode[]): DerNode =>
  constructed(ASN1Class.Application, tag, children);

/** An OBJECT IDENTIFIER from dotted decimal, or `undefined` where the text is none. */
export function objectIdentifier(text: string): DerNode | undefined {
  const contents = oidContents(text);
  return contents && primitive(OBJECT_IDENTIFIER, contents);
}

function constructed(tagClass: ASN1Class, tag: number, children: readonly DerNode[]): DerNode {
  const contents = concatBytes(...children.map(derBytes));
  return { class: tagClass, form: ASN1Form.Constructed, tag, contents: () => contents };
}

function parse(bytes: Uint8Array, offset: number, origin: DerOrigin): { value: ASN1Value; size: number } {
  if (((bytes[0] ?? 0) & 0x1f) === 0x1f) throw malformed(origin, 'has a tag number above 30', offset);
  let value: ASN1Value;
  let size: number;
  try {
    [value, size] = parseASN1(bytes);
  } catch (cause) {
    throw malformed(origin, 'is cut or is not DER', offset, cause);
  }
  // X.690 10.1: the shortest encoding of a length only, which the library does not demand.
  const { length } = value.contents();
  if (1 + lengthOctets(length) + length !== size) throw malformed(origin, 'has a length that is not the shortest', offset);
  return { value, size };
}

/** X.690 8.1.3: how many octets the shortest encoding of a length takes. */
function lengthOctets(length: number): number {
  let octets = 1;
  if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 0x100)) octets += 1;
  return octets;
}

function malformed({ what, phase, side }: DerOrigin, problem: string, offset: number, cause?: unknown): NtlmError {
  return new NtlmError(`the ${what} ${problem} (at byte ${offset})`, {
    code: 'malformed-token',
    phase,
    side,
    offset,
    cause,
  });
}

// X.690 8.19. The library has no text for an identifier, and its encoder never ends for arcs of 30 bits and more.
const MAX_OID_BYTES = 128;

function oidText(contents: Uint8Array): string | undefined {
  if (contents.length > MAX_OID_BYTES) return undefined;
  const arcs: (number | bigint)[] = [];
  let arc: number | bigint = 0;
  let open = false;
  for (const byte of contents) {
    if (!open && byte === 0x80) return undefined;
    const septet: number = byte & 0x7f;
    arc = typeof arc === 'number' && arc < 2 ** 45 ? arc * 0x80 + septet : (BigInt(arc) << 7n) | BigInt(septet);
    open = byte >= 0x80;
    if (open) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [head, ...tail] = arcs;
  if (head === undefined || open) return undefined;
  if (typeof head === 'bigint') return [2, head - 80n, ...tail].join('.');
  const first = head < 80 ? Math.floor(head / 40) : 2;
  return [first, head - first * 40, ...tail].join('.');
}

function oidContents(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[012](\.(0|[1-9]\d{0,99}))+$/.test(text)) return undefined;
  const [first = 0n, second = 0n, ...tail] = text.split('.').map(BigInt);
  if (first < 2n && second > 39n) return undefined;
  const contents = Uint8Array.from([first * 40n + second, ...tail].flatMap(septets));
  return contents.length > MAX_OID_BYTES ? undefined : contents;
}

function septets(arc: bigint): number[] {
  const bytes = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80);
  return bytes;
}
