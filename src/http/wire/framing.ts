/** Where HTTP/1.1 messages begin and end (RFC 9112), as far as a handshake has to know. */
import { NtlmError } from '../../errors.ts';

export interface Field {
  readonly name: string;
  readonly value: string;
}

/** Start line and fields, as they came. */
export interface MessageHead {
  readonly startLine: string;
  readonly fields: readonly Field[];
}

export interface ResponseHead extends MessageHead {
  readonly status: number;
  /** Whether the connection outlives this response. */
  readonly persistent: boolean;
}

/** No head of a sane peer is longer. */
export const MAX_HEAD_LENGTH = 256 * 1024;
const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1');

/** Length of the head that `bytes` start with, its empty line included; -1 where it is not complete. */
export function headLength(bytes: Buffer): number {
  const end = bytes.indexOf(END_OF_HEAD);
  return end === -1 ? -1 : end + END_OF_HEAD.length;
}

/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** OWS alone: a no-break space belongs to the value (RFC 9110 5.6.3). */
function trim(text: string): string {
  const isBlank = (at: number): boolean => text[at] === ' ' || text[at] === '\t';
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(start)) start += 1;
  while (end > start && isBlank(end - 1)) end -= 1;
  return text.slice(start, end);
}

/** @throws NtlmError `malformed-token`, the peer's fault. */
export function parseHead(bytes: Buffer): MessageHead {
  const [startLine = '', ...lines] = bytes.toString('latin1', 0, bytes.length - END_OF_HEAD.length).split('\r\n');
  const fields: Field[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const last = fields.at(-1);
    if (/[\0\r\n]/.test(line)) throw malformed('a control character in a field line');
    if (/^[ \t]/.test(line) && last !== undefined) {
      fields[fields.length - 1] = { name: last.name, value: `${last.value} ${trim(line)}` }; // RFC 9112 5.2
    } else if (!TOKEN.test(line.slice(0, Math.max(colon, 0)))) {
      throw malformed('a field line without a name');
    } else {
      fields.push({ name: line.slice(0, colon), value: trim(line.slice(colon + 1)) });
    }
  }
  return { startLine, fields };
}

/** @throws NtlmError `malformed-token`, the peer's fault. */
export function parseResponseHead(bytes: Buffer): ResponseHead {
  const head = parseHead(bytes);
  const match = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/.exec(head.startLine);
  if (match === null) throw malformed('no HTTP/1.x status line');
  const options = [...listOf(head, 'connection'), ...listOf(head, 'proxy-connection')];
  const persistent = !options.includes('close') && (match[1] === '1' || options.includes('keep-alive'));
  return { ...head, status: Number(match[2]), persistent };
}

export function renderHead({ startLine, fields }: MessageHead): Buffer {
  let text = `${startLine}\r\n`;
  for (const { name, value } of fields) text += `${name}: ${value}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}

/** Every value of a field, one a line. */
export function valuesOf({ fields }: MessageHead, name: string): string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);
}

export function hasField({ fields }: MessageHead, name: string): boolean {
  return fields.some((field) => field.name.toLowerCase() === name);
}

/** The members of a comma-separated field, in lower case. */
function listOf(head: MessageHead, name: string): string[] {
  return valuesOf(head, name).flatMap((value) => value.split(',').map((member) => trim(member).toLowerCase()));
}

export type BodyLength = number | 'chunked' | 'until-close';

/** RFC 9112 6.3 for requests. @throws NtlmError `malformed-token`. */
export function requestBodyLength(head: MessageHead): number | 'chunked' {
  if (listOf(head, 'transfer-encoding').at(-1) === 'chunked') return 'chunked';
  return contentLength(head) ?? 0;
}

/** RFC 9112 6.3 for responses. @throws NtlmError `malformed-token`. */
export function responseBodyLength(head: ResponseHead, method: string): BodyLength {
  const { status } = head;
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0;
  const codings = listOf(head, 'transfer-encoding');
  if (codings.length > 0) return codings.at(-1) === 'chunked' ? 'chunked' : 'until-close';
  return contentLength(head) ?? 'until-close';
}

function contentLength(head: MessageHead): number | undefined {
  const [text, ...others] = valuesOf(head, 'content-length');
  if (text === undefined) return undefined;
  const length = Number(text);
  if (others.length > 0 || !/^\d+$/.test(text) || !Number.isSafeInteger(length)) throw malformed('Content-Length');
  return length;
}

type ChunkedStep =
  | 'size' // its first digit is due
  | 'size-more'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer' // a line of it, or the empty one
  | 'trailer-name'
  | 'trailer-value'
  | 'trailer-lf'
  | 'last-lf';
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SEMICOLON = 0x3b;

/** Follows a body through the bytes of a connection without touching them. */
export class BodyReader {
  #length: BodyLength;
  #left: number;
  #step: ChunkedStep = 'size';
  #done: boolean;

  constructor(length: BodyLength) {
    this.#length = length;
    this.#left = typeof length === 'number' ? length : 0;
    this.#done = length === 0;
  }

  get done(): boolean {
    return this.#done;
  }

  /** How many bytes at the start of `bytes` belong to the body. @throws NtlmError `malformed-token`. */
  take(bytes: Buffer): number {
    if (this.#done) return 0;
    if (this.#length === 'until-close') return bytes.length;
    if (this.#length === 'chunked') return this.#takeChunked(bytes);
    const taken = Math.min(this.#left, bytes.length);
    this.#left -= taken;
    this.#done = this.#left === 0;
    return taken;
  }

  /** RFC 9112 7.1 */
  #takeChunked(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.#done) {
      if (this.#step === 'data') {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#step = 'data-cr';
        continue;
      }
      this.#step = this.#next(bytes[at]!);
      at += 1;
    }
    return at;
  }

  /** No laxer than Node's own parser: where two readers differ on the end of a body, a response can be smuggled. */
  #next(byte: number): ChunkedStep {
    switch (this.#step) {
      case 'size':
      case 'size-more': {
        const digit = Number.parseInt(String.fromCharCode(byte), 16);
        if (!Number.isNaN(digit)) {
          this.#left = this.#left * 16 + digit;
          if (!Number.isSafeInteger(this.#left)) throw malformed('a chunk size');
          return 'size-more';
        }
        if (this.#step === 'size') throw malformed('a chunk size');
        if (byte === SEMICOLON) return 'extension';
        return expect(byte, CR, 'size-lf', 'a chunk size');
      }
      case 'extension':
        return isText(byte) ? 'extension' : expect(byte, CR, 'size-lf', 'a chunk extension');
      case 'size-lf':
        return expect(byte, LF, this.#left === 0 ? 'trailer' : 'data', 'a chunk size');
      case 'trailer':
        return TOKEN.test(String.fromCharCode(byte)) ? 'trailer-name' : expect(byte, CR, 'last-lf', 'a trailer');
      case 'trailer-name':
        return TOKEN.test(String.fromCharCode(byte)) ? 'trailer-name' : expect(byte, COLON, 'trailer-value', 'a trailer');
      case 'trailer-value':
        return isText(byte) ? 'trailer-value' : expect(byte, CR, 'trailer-lf', 'a trailer');
      case 'trailer-lf':
        return expect(byte, LF, 'trailer', 'a trailer');
      case 'last-lf':
        this.#done = true;
        return expect(byte, LF, 'last-lf', 'a trailer');
      case 'data-cr':
        return expect(byte, CR, 'data-lf', 'the end of a chunk');
      default: // data-lf
        return expect(byte, LF, 'size', 'the end of a chunk');
    }
  }
}

function expect(byte: number, due: number, next: ChunkedStep, what: string): ChunkedStep {
  if (byte !== due) throw malformed(what);
  return next;
}

/** Blanks, visible characters and those beyond ASCII. */
function isText(byte: number): boolean {
  return byte === TAB || (byte >= 0x20 && byte !== 0x7f);
}

function malformed(what: string): NtlmError {
  return new NtlmError(`the peer does not speak HTTP/1.1: ${what}`, {
    code: 'malformed-token',
    phase: 'transport',
    side: 'peer',
  });
}
