import { NtlmError } from '../../errors.ts';
import { decodeMessage } from '../../messages/message.ts';
import type { FieldSpan } from '../../messages/reader.ts';
import { isNtlmMessage } from '../../messages/header.ts';
import { decodeSpnegoToken } from '../../spnego/messages/index.ts';
import { fromBase64, indexOfBytes, toLatin1 } from '../bytes.ts';
import { readKerberosToken } from '../../spnego/kerberos/token.ts';
import { bareHex, dumpsOf } from './hex-dump.ts';

/** A token and where it was. */
export interface FoundToken {
  readonly token: Uint8Array;
  /** For people: `WWW-Authenticate: NTLM`, `base64`, `hexadecimal, byte 54`. */
  readonly where: string;
  /** What was masked where it was saved, in bytes from its start. */
  readonly masked?: readonly FieldSpan[];
}

const SIGNATURE = Uint8Array.of(0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00);
const CREDENTIALS = /\b(NTLM|Negotiate)[ \t]+([A-Za-z0-9+/]{8,}={0,2})/gi;
const HEADER = /(?:^|[^A-Za-z-])([A-Za-z-]{1,32}-Authenticate|(?:Proxy-)?Authorization)[ \t]{0,8}:[^\r\n]*$/i;
/** How far before its credentials the name of a header is looked for. */
const HEADER_REACH = 256;
const BASE64_SIGNATURE = /TlRMTVNTUA[A-Za-z0-9+/]*={0,2}/g;
/** SPNEGO's envelope around a token is some object identifiers long. */
const LONGEST_ENVELOPE = 256;
/** A message has at most 64 KiB and some, and its envelope adds little. */
const LONGEST_TOKEN = 256 * 1024;
/** More than anyone looks at. */
const MOST_TOKENS = 1000;
const LARGEST_INPUT = 4 * 1024 * 1024;

/**
 * The tokens of NTLMSSP, SPNEGO and Kerberos in whatever a person has at hand: base64, hexadecimal, header
 * lines, a hex dump of packets, or the bytes themselves.
 *
 * @throws NtlmError `malformed-token` where there is none, with the offset up to which the text could be read.
 */
export function findTokens(input: string | Uint8Array): readonly FoundToken[] {
  if (input.length > LARGEST_INPUT) throw nothing(`nothing that is known to hold a conversation, and tokens alone are looked for in at most ${LARGEST_INPUT / 1024 / 1024} MiB`, LARGEST_INPUT);
  const found = typeof input === 'string' ? inText(input) : inBytes(input, 'bytes');
  if (found.length > 0) return found;
  const text = typeof input === 'string' ? input : toLatin1(input);
  const start = text.search(/\S/);
  if (start < 0) throw nothing('the input is empty', 0);
  throw nothing('no token of NTLMSSP, SPNEGO or Kerberos is in the input', start);
}

function inText(text: string): FoundToken[] {
  const headers = inHeaders(text);
  if (headers.length > 0) return headers;
  const dumped = hexIn(text);
  if (dumped !== undefined) return inBytes(dumped, 'hexadecimal');
  const whole = fromBase64(text.replace(/\s+/g, ''));
  if (whole !== undefined) {
    const found = inBytes(whole, 'base64');
    if (found.length > 0) return found;
  }
  return [...text.matchAll(BASE64_SIGNATURE)].flatMap(({ 0: match, index }) => {
    const token = fromBase64(match);
    return token === undefined ? [] : [{ token, where: `base64, character ${index}` }];
  });
}

function inHeaders(text: string): FoundToken[] {
  let behind = 0; // the credentials before
  return [...text.matchAll(CREDENTIALS)].flatMap(({ 0: match, 1: scheme = '', 2: base64 = '', index }) => {
    const header = HEADER.exec(text.slice(Math.max(behind, index - HEADER_REACH), index))?.[1];
    behind = index + match.length;
    const token = fromBase64(base64);
    const isToken = token !== undefined && (isNtlmMessage(token) || token[0] === 0x60 || token[0] === 0xa1);
    return isToken ? [{ token, where: header === undefined ? scheme : `${header}: ${scheme}` }] : [];
  });
}

function inBytes(bytes: Uint8Array, what: string): FoundToken[] {
  if (isNtlmMessage(bytes) && indexOfBytes(bytes, SIGNATURE, 1) < 0) return [{ token: bytes, where: what }];
  if (isSpnego(bytes) || isKerberos(bytes)) return [{ token: bytes, where: what }];
  const found: FoundToken[] = [];
  const envelopes = new Envelopes(bytes);
  for (let at = indexOfBytes(bytes, SIGNATURE); at >= 0 && found.length < MOST_TOKENS; ) {
    const envelope = envelopes.around(at);
    const start = envelope?.start ?? at;
    found.push({ token: envelope?.token ?? cut(bytes, at), where: start === 0 ? what : `${what}, byte ${start}` });
    at = indexOfBytes(bytes, SIGNATURE, envelope === undefined ? at + SIGNATURE.length : start + envelope.token.length);
  }
  if (found.length > 0) return found;
  return inHeaders(toLatin1(bytes)).map(({ token, where }) => ({ token, where: `${what}, ${where}` }));
}

/** A message in the midst of other bytes ends with its last field: it has no length of its own. */
function cut(bytes: Uint8Array, at: number): Uint8Array {
  const next = indexOfBytes(bytes, SIGNATURE, at + SIGNATURE.length);
  const rest = bytes.slice(at, next < 0 ? undefined : next);
  let end = 0;
  try {
    decodeMessage(rest, ({ offset, length }) => (end = Math.max(end, offset + length)));
    return rest.slice(0, end);
  } catch {
    return rest;
  }
}

/** SPNEGO tokens around messages; each place is looked at once, however many messages lie behind it. */
class Envelopes {
  readonly #bytes: Uint8Array;
  readonly #known = new Map<number, Uint8Array | undefined>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The outermost that ends in or behind the message at `at`. */
  around(at: number): { start: number; token: Uint8Array } | undefined {
    for (let start = Math.max(0, at - LONGEST_ENVELOPE); start < at; start++) {
      const first = this.#bytes[start];
      if (first !== 0x60 && first !== 0xa1) continue;
      if (!this.#known.has(start)) this.#known.set(start, this.#tokenAt(start));
      const token = this.#known.get(start);
      if (token !== undefined && start + token.length > at) return { start, token };
    }
    return undefined;
  }

  #tokenAt(start: number): Uint8Array | undefined {
    const bytes = this.#bytes;
    const length = derLength(bytes, start);
    if (length === undefined || length > LONGEST_TOKEN || start + length > bytes.length || !framesRight(bytes, start, length)) return undefined;
    return isSpnego(bytes.subarray(start, start + length)) ? bytes.slice(start, start + length) : undefined;
  }
}

const SPNEGO_OID = Uint8Array.of(0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02);

/** Whether the first element inside can be that of SPNEGO: its identifier, or a sequence that fills the rest. */
function framesRight(bytes: Uint8Array, start: number, length: number): boolean {
  const head = bytes[start + 1]! < 0x80 ? 2 : 2 + (bytes[start + 1]! & 0x7f);
  if (bytes[start] === 0x60) return SPNEGO_OID.every((byte, i) => bytes[start + head + i] === byte);
  return bytes[start + head] === 0x30 && derLength(bytes, start + head) === length - head;
}

/** Of the whole element, from its length octets (X.690 8.1.3). */
function derLength(bytes: Uint8Array, at: number): number | undefined {
  const first = bytes[at + 1];
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const count = first & 0x7f;
  if (count === 0 || count > 3) return undefined;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
  return 2 + count + length;
}

function isSpnego(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x60 && bytes[0] !== 0xa1) return false;
  try {
    return decodeSpnegoToken(bytes).type !== 'raw-ntlmssp';
  } catch {
    return false;
  }
}

/** In a frame of its own. */
function isKerberos(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x60) return false;
  try {
    return readKerberosToken(bytes).mechanism !== undefined;
  } catch {
    return false;
  }
}

function hexIn(text: string): Uint8Array | undefined {
  const dumps = dumpsOf(text);
  const length = dumps.reduce((sum, dump) => sum + dump.length, 0);
  if (length < SIGNATURE.length) return bareHex(text);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const dump of dumps) {
    whole.set(dump, at);
    at += dump.length;
  }
  return whole;
}

function nothing(message: string, offset: number): NtlmError {
  return new NtlmError(`${message} (at character ${offset})`, { code: 'malformed-token', phase: 'message', side: 'peer', offset });
}
