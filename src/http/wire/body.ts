/** Where a message's body ends (RFC 9112 6 and 7). No laxer than Node's own parser: where two readers differ, a response can be smuggled. */
import type { NtlmErrorSide } from '../../errors.ts';
import { TOKEN, listOf, malformed, valuesOf, type MessageHead, type ResponseHead } from './head.ts';

export type BodyLength = number | 'chunked' | 'until-close';

/** RFC 9112 6.3 for requests. @throws NtlmError `malformed-token`. */
export function requestBodyLength(head: MessageHead): number | 'chunked' {
  if (listOf(head, 'transfer-encoding').at(-1) === 'chunked') return 'chunked';
  return contentLength(head, 'local') ?? 0;
}

/** RFC 9112 6.3 for responses. @throws NtlmError `malformed-token`. */
export function responseBodyLength(head: ResponseHead, method: string): BodyLength {
  const { status } = head;
  const length = contentLength(head, 'peer');
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0;
  const codings = listOf(head, 'transfer-encoding');
  if (codings.length > 0) return codings.at(-1) === 'chunked' ? 'chunked' : 'until-close';
  return length ?? 'until-close';
}

/** Why a response is the last on its connection, where it says so itself. @throws NtlmError `malformed-token`. */
export function whyLast(head: ResponseHead, method: string): string | undefined {
  const options = [...listOf(head, 'connection'), ...listOf(head, 'proxy-connection')];
  if (options.includes('close')) return '"Connection: close"';
  if (head.startLine.startsWith('HTTP/1.0') && !options.includes('keep-alive')) return 'HTTP/1.0 without "keep-alive"';
  return responseBodyLength(head, method) === 'until-close' ? 'a body without a length' : undefined;
}

/** Whether the end of a response can be told. */
export function isFramed(head: ResponseHead): boolean {
  try {
    contentLength(head, 'peer');
    return true;
  } catch {
    return false; // the one thing that is thrown: a Content-Length that is none
  }
}

/** Whether no reader can take anything for the body of a response. @throws NtlmError `malformed-token`. */
export function isSurelyEmpty(head: ResponseHead): boolean {
  return head.status === 204 || head.status === 304 || contentLength(head, 'peer') === 0;
}

/** Whether a HEAD was answered as a body would be announced: some servers send it, too. */
export function announcesBody(head: ResponseHead): boolean {
  return listOf(head, 'transfer-encoding').length > 0 || (contentLength(head, 'peer') ?? 0) > 0;
}

function contentLength(head: MessageHead, side: NtlmErrorSide): number | undefined {
  const [text, ...others] = valuesOf(head, 'content-length');
  if (text === undefined) return undefined;
  if (others.length > 0) throw malformed('Content-Length is given twice', side);
  const length = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(length)) throw malformed('a Content-Length that is no number', side);
  return length;
}

type ChunkedStep =
  | 'size' // its first digit is due
  | 'size-more'
  | 'extension' // its name is due
  | 'extension-name'
  | 'extension-value'
  | 'extension-quoted'
  | 'extension-escaped'
  | 'extension-end'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer' // a line of it, or the empty one
  | 'trailer-name'
  | 'trailer-value'
  | 'trailer-lf'
  | 'last-lf';
const FRAMING_FIELD = /^(?:content-length|transfer-encoding)$/i;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Follows a body through the bytes of a connection without touching them. */
export class BodyReader {
  #length: BodyLength;
  #left: number;
  #step: ChunkedStep = 'size';
  #done: boolean;
  readonly #side: NtlmErrorSide;
  /** The name of the trailer under way. */
  #trailer = '';

  /** `side`: whose body it is, and whose fault if its chunks are none. */
  constructor(length: BodyLength, side: NtlmErrorSide) {
    this.#side = side;
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

    #next(byte: number): ChunkedStep {
    switch (this.#step) {
      case 'size':
      case 'size-more': {
        const digit = Number.parseInt(String.fromCharCode(byte), 16);
        if (!Number.isNaN(digit)) {
          this.#left = this.#left * 16 + digit;
          if (!Number.isSafeInteger(this.#left)) throw malformed('a chunk size', this.#side);
          return 'size-more';
        }
        if (this.#step === 'size') throw malformed('a chunk size', this.#side);
        if (byte === SEMICOLON) return 'extension';
        return this.#expect(byte, CR, 'size-lf', 'a chunk size');
      }
      case 'extension': // RFC 9112 7.1.1
        if (!isToken(byte)) throw malformed('a chunk extension', this.#side);
        return 'extension-name';
      case 'extension-name':
        if (byte === EQUALS) return 'extension-value';
        return isToken(byte) ? 'extension-name' : this.#endExtension(byte);
      case 'extension-value':
        if (byte === QUOTE) return 'extension-quoted';
        return isToken(byte) ? 'extension-value' : this.#endExtension(byte);
      case 'extension-quoted':
        if (byte === QUOTE) return 'extension-end';
        if (byte === BACKSLASH) return 'extension-escaped';
        if (!isText(byte)) throw malformed('a chunk extension', this.#side);
        return 'extension-quoted';
      case 'extension-escaped':
        if (!isText(byte)) throw malformed('a chunk extension', this.#side);
        return 'extension-quoted';
      case 'extension-end':
        return this.#endExtension(byte);
      case 'size-lf':
        return this.#expect(byte, LF, this.#left === 0 ? 'trailer' : 'data', 'a chunk size');
      case 'trailer':
        if (!isToken(byte)) return this.#expect(byte, CR, 'last-lf', 'a trailer');
        this.#trailer = String.fromCharCode(byte);
        return 'trailer-name';
      case 'trailer-name':
        if (isToken(byte)) {
          this.#trailer += String.fromCharCode(byte);
          return 'trailer-name';
        }
        if (FRAMING_FIELD.test(this.#trailer)) throw malformed('a second framing in the trailers', this.#side);
        return this.#expect(byte, COLON, 'trailer-value', 'a trailer');
      case 'trailer-value':
        return isText(byte) ? 'trailer-value' : this.#expect(byte, CR, 'trailer-lf', 'a trailer');
      case 'trailer-lf':
        return this.#expect(byte, LF, 'trailer', 'a trailer');
      case 'last-lf':
        this.#done = true;
        return this.#expect(byte, LF, 'last-lf', 'a trailer');
      case 'data-cr':
        return this.#expect(byte, CR, 'data-lf', 'the end of a chunk');
      default: // data-lf
        return this.#expect(byte, LF, 'size', 'the end of a chunk');
    }
  }

  #endExtension(byte: number): ChunkedStep {
    return byte === SEMICOLON ? 'extension' : this.#expect(byte, CR, 'size-lf', 'a chunk extension');
  }

  #expect(byte: number, due: number, next: ChunkedStep, what: string): ChunkedStep {
    if (byte !== due) throw malformed(what, this.#side);
    return next;
  }
}

function isToken(byte: number): boolean {
  return TOKEN.test(String.fromCharCode(byte));
}

/** Blanks, visible characters and those beyond ASCII. */
function isText(byte: number): boolean {
  return byte === TAB || (byte >= 0x20 && byte !== 0x7f);
}
