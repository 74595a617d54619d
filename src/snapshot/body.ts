import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { isBytes } from '../checks.ts';

/**
 * Plain data with byte strings and bigints as one byte string: the length of a JSON text (32 bits, little-endian),
 * the text, then every byte string one after the other. Byte strings never become text, so the caller can zero
 * what is secret among them.
 */
export function packBody(value: unknown): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const text = utf8ToBytes(JSON.stringify(toPlain(value, parts)));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return concatBytes(length, text, ...parts);
}

/** The value that `packBody` packed. Its byte strings are copies. Meant for authentic bytes only. */
export function unpackBody(bytes: Uint8Array): unknown {
  const start = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const plain = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start))) as Plain;
  let offset = start;
  return fromPlain(plain, (length) => bytes.slice(offset, (offset += length)));
}

/** What JSON has no form for stands in a list whose head says what it is. */
type Plain =
  | null
  | boolean
  | number
  | string
  | { readonly [name: string]: Plain }
  | readonly ['bytes', number]
  | readonly ['bigint', string]
  | readonly ['undefined']
  | readonly ['list', ...Plain[]];

function toPlain(value: unknown, parts: Uint8Array[]): Plain {
  switch (typeof value) {
    case 'undefined':
      return ['undefined'];
    case 'bigint':
      return ['bigint', value.toString()];
    case 'object':
      break;
    default:
      return value as Plain;
  }
  if (value === null) return null;
  if (isBytes(value)) {
    parts.push(value);
    return ['bytes', value.length];
  }
  if (Array.isArray(value)) return ['list', ...value.map((element) => toPlain(element, parts))];
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toPlain(member, parts)]));
}

function fromPlain(plain: Plain, take: (length: number) => Uint8Array): unknown {
  if (typeof plain !== 'object' || plain === null) return plain;
  if (!isTagged(plain)) {
    return Object.fromEntries(Object.entries(plain).map(([name, member]) => [name, fromPlain(member, take)]));
  }
  switch (plain[0]) {
    case 'bytes':
      return take(plain[1]);
    case 'bigint':
      return BigInt(plain[1]);
    case 'undefined':
      return undefined;
    case 'list':
      return plain.slice(1).map((element) => fromPlain(element as Plain, take));
  }
}

const isTagged = (plain: object): plain is Extract<Plain, readonly unknown[]> => Array.isArray(plain);
