/**
 * A second reading of SPNEGO tokens (RFC 4178, MS-SPNG) and of the outline of certificates (RFC 5280), on a DER reader
 * of its own (X.690). It imports nothing of the library's. `undefined` means not valid.
 */
import type { Reading } from './reference-decoder.ts';

/** One element: identifier octet and contents, which are elements again if the caller asks. */
export interface Tlv {
  readonly id: number;
  readonly body: Uint8Array;
  readonly whole: Uint8Array;
}

/** Every element of `bytes`, or `undefined` unless they fill it, each with its shortest length. */
export function elements(bytes: Uint8Array): readonly Tlv[] | undefined {
  const found: Tlv[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const id = rest[0]!;
    if (rest.length < 2 || id % 32 === 31) return undefined;
    let size = rest[1]!;
    let start = 2;
    if (size >= 128) {
      const digits = Array.from(rest.subarray(2, 2 + size - 128));
      start += size - 128;
      if (digits.length !== size - 128 || digits[0] === 0 || digits.length === 0 || digits.length > 6) return undefined;
      size = digits.reduce((sum, digit) => sum * 256 + digit, 0);
      if (size < 128) return undefined;
    }
    if (start + size > rest.length) return undefined;
    found.push({ id, body: rest.subarray(start, start + size), whole: rest.subarray(0, start + size) });
    rest = rest.subarray(start + size);
  }
  return found;
}

export const only = (list: readonly Tlv[] | undefined): Tlv | undefined => (list?.length === 1 ? list[0] : undefined);
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Dotted decimal (X.690 8.19); at most 128 bytes. */
export function oid(tlv: Tlv | undefined): string | undefined {
  if (tlv?.id !== 0x06 || tlv.body.length === 0 || tlv.body.length > 128) return undefined;
  const arcs: bigint[] = [];
  let current: number[] = [];
  for (const byte of tlv.body) {
    current.push(byte % 128);
    if (byte >= 128) continue;
    if (current.length > 1 && current[0] === 0) return undefined; // a padded arc
    arcs.push(current.reduce((sum, septet) => sum * 128n + BigInt(septet), 0n));
    current = [];
  }
  if (current.length > 0) return undefined;
  const [head, ...tail] = arcs;
  const root = head! >= 80n ? 2n : head! / 40n;
  return [root, head! - root * 40n, ...tail].join('.');
}

/** `[n] value` fields of a SEQUENCE, by n ascending; each still in its tag. */
export function tagged(tlv: Tlv | undefined): Map<number, Tlv> | undefined {
  if (tlv?.id !== 0x30) return undefined;
  const members = elements(tlv.body);
  if (members === undefined) return undefined;
  const fields = new Map<number, Tlv>();
  for (const member of members) {
    const tag = member.id - 0xa0;
    if (tag < 0 || tag > 30 || tag <= Math.max(-1, ...fields.keys())) return undefined;
    fields.set(tag, member);
  }
  return fields;
}

const INVALID = Symbol('invalid');
type Field<T> = T | undefined | typeof INVALID;

/** What stands in an optional field, by a reader that says `undefined` for what is not valid. */
function field<T>(fields: Map<number, Tlv>, tag: number, read: (inner: Tlv) => T | undefined): Field<T> {
  const member = fields.get(tag);
  if (member === undefined) return undefined;
  const inner = only(elements(member.body));
  return (inner && read(inner)) ?? INVALID;
}

const octets = (tlv: Tlv): string | undefined => (tlv.id === 0x04 ? hex(tlv.body) : undefined);
const STATES = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic'];

export function readSpnego(bytes: Uint8Array): Reading | undefined {
  if (hex(bytes.subarray(0, 8)) === '4e544c4d53535000') return { type: 'raw-ntlmssp', token: hex(bytes) };
  const token = only(elements(bytes));
  if (token?.id === 0x60) return readInitial(token);
  if (token?.id === 0xa1) return readResponse(token);
  return undefined;
}

function readInitial(frame: Tlv): Reading | undefined {
  const members = elements(frame.body);
  if (members?.length !== 2 || oid(members[0]) !== '1.3.6.1.5.5.2' || members[1]!.id !== 0xa0) return undefined;
  const fields = tagged(only(elements(members[1]!.body)));
  const list = fields?.get(0) && only(elements(fields.get(0)!.body));
  if (fields === undefined || list?.id !== 0x30) return undefined;
  const mechTypes = elements(list.body)?.map(oid);
  if (mechTypes === undefined || mechTypes.length === 0 || mechTypes.includes(undefined)) return undefined;
  const mechToken = field(fields, 2, octets);
  const third = fields.get(3) && only(elements(fields.get(3)!.body));
  const isFirst = !fields.has(4) && (third === undefined || third.id === 0x04);
  const hints = isFirst ? undefined : field(fields, 3, readHints);
  const mic = field(fields, isFirst ? 3 : 4, octets);
  if ([mechToken, hints, mic].includes(INVALID)) return undefined;
  return { type: isFirst ? 'init' : 'init2', mechTypes, list: hex(list.whole), mechToken, hints, mic };
}

function readHints(tlv: Tlv): string | undefined {
  const fields = tagged(tlv);
  if (fields === undefined) return undefined;
  const name = field(fields, 0, (inner) => (inner.id === 0x1b ? hex(inner.body) : undefined));
  const address = field(fields, 1, octets);
  return name === INVALID || address === INVALID ? undefined : JSON.stringify([name, address]);
}

function readResponse(choice: Tlv): Reading | undefined {
  const fields = tagged(only(elements(choice.body)));
  if (fields === undefined) return undefined;
  const state = field(fields, 0, (inner) => (inner.id === 0x0a && inner.body.length === 1 ? STATES[inner.body[0]!] : undefined));
  const mech = field(fields, 1, oid);
  const responseToken = field(fields, 2, octets);
  const mic = field(fields, 3, octets);
  if (state === INVALID || mech === INVALID || responseToken === INVALID || mic === INVALID) return undefined;
  return { type: 'resp', state, mech, responseToken, mic: mic === responseToken ? undefined : mic };
}

/** The hash of a certificate's signature algorithm as node:crypto names it; `none` where there is no single one. */
export function readSignatureHash(bytes: Uint8Array): string | undefined {
  const certificate = only(elements(bytes));
  const members = certificate?.id === 0x30 ? elements(certificate.body) : undefined;
  if (members?.length !== 3 || members[0]!.id !== 0x30 || members[1]!.id !== 0x30 || members[2]!.id !== 0x03) return undefined;
  const algorithm = algorithmOf(members[1]!);
  if (algorithm === undefined) return undefined;
  if (algorithm.name !== '1.2.840.113549.1.1.10') return SIGNATURES.get(algorithm.name) ?? 'none';
  if (algorithm.parameters === undefined) return 'sha256';
  const parameters = tagged(algorithm.parameters);
  if (parameters === undefined) return undefined;
  const hash = field(parameters, 0, algorithmOf);
  if (hash === undefined) return 'sha256';
  return hash === INVALID ? undefined : (DIGESTS.get(hash.name) ?? 'none');
}

function algorithmOf(tlv: Tlv): { name: string; parameters: Tlv | undefined } | undefined {
  const members = tlv.id === 0x30 ? elements(tlv.body) : undefined;
  const name = oid(members?.[0]);
  if (members === undefined || name === undefined || members.length > 2) return undefined;
  return { name, parameters: members[1] };
}

/** RFC 3279, 4055, 5758, 8017; MD5 and SHA-1 count as SHA-256 (RFC 5929 4.1). */
const table = (base: string, names: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(names).map(([arc, name]) => [`${base}.${arc}`, name]);
const DIGESTS = new Map([
  ...table('1.2.840.113549.2', { 5: 'sha256' }),
  ...table('1.3.14.3.2', { 26: 'sha256' }),
  ...table('2.16.840.1.101.3.4.2', { 1: 'sha256', 2: 'sha384', 3: 'sha512', 4: 'sha224', 5: 'sha512-224', 6: 'sha512-256' }),
]);
const SIGNATURES = new Map([
  ...table('1.2.840.113549.1.1', { 4: 'sha256', 5: 'sha256', 11: 'sha256', 12: 'sha384', 13: 'sha512', 14: 'sha224', 15: 'sha512-224', 16: 'sha512-256' }),
  ...table('1.3.14.3.2', { 29: 'sha256' }),
  ...table('1.2.840.10045.4', { '1': 'sha256', '3.1': 'sha224', '3.2': 'sha256', '3.3': 'sha384', '3.4': 'sha512' }),
  ...table('1.2.840.10040.4', { 3: 'sha256' }),
  ...table('2.16.840.1.101.3.4.3', { 1: 'sha224', 2: 'sha256' }),
]);
