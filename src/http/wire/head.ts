/** Heads of HTTP/1.1 messages (RFC 9112 2 to 5): of requests, of responses, of the answer to a CONNECT. */
import { NtlmError, type NtlmErrorSide } from '../../errors.ts';

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
  /** Whether the connection outlives this response, and any reader would find the same end of it. */
  readonly persistent: boolean;
}

/** No head of a sane peer is longer. */
export const MAX_HEAD_LENGTH = 256 * 1024;
const NOTHING: Buffer = Buffer.alloc(0);
const END_OF_HEAD = '\r\n\r\n';
const LF = 0x0a;
const CR = 0x0d;

/** A head with its empty line, and what came along behind it. */
export interface WholeHead {
  readonly raw: Buffer;
  readonly rest: Buffer;
}

/** Finds the end of one head after another in what a peer writes, however it is cut. Nothing is searched twice. */
export class HeadReader {
  readonly #side: NtlmErrorSide;
  #pieces: Buffer[] = [];
  #length = 0;
  /** Bytes of the line under way, and the last of them. */
  #line = 0;
  #last = 0;

  /** `side`: whose head it is, and whose fault if it is none. */
  constructor(side: NtlmErrorSide) {
    this.#side = side;
  }

  /** @returns the head, once it is whole. @throws NtlmError `malformed-token` at the first line that ends in a bare LF; `too-long`. */
  read(bytes: Buffer): WholeHead | undefined {
    const end = this.#endIn(bytes);
    if (end === -1) {
      this.#pieces.push(bytes);
      this.#length += bytes.length;
      if (this.#length > MAX_HEAD_LENGTH) throw tooLong(this.#side);
      return undefined;
    }
    const alone = end === bytes.length;
    const tail = alone ? bytes : bytes.subarray(0, end);
    const raw = this.#length === 0 ? tail : Buffer.concat([...this.#pieces, tail]);
    this.#clear();
    if (raw.length > MAX_HEAD_LENGTH) throw tooLong(this.#side);
    return { raw, rest: alone ? NOTHING : bytes.subarray(end) };
  }

  /** Whether some of a head was read. */
  get started(): boolean {
    return this.#length > 0;
  }

  /** Begins anew. @returns what was read of a head that is not whole. */
  take(): Buffer {
    const received = this.#length === 0 ? NOTHING : Buffer.concat(this.#pieces);
    this.#clear();
    return received;
  }

  #clear(): void {
    if (this.#pieces.length > 0) this.#pieces = [];
    this.#length = this.#line = this.#last = 0;
  }

  #endIn(bytes: Buffer): number {
    let from = 0;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      const before = at === 0 ? this.#last : bytes[at - 1];
      if (before !== CR) throw malformed('a line that ends in a bare LF', this.#side);
      const length = this.#line + at - from;
      from = at + 1;
      this.#line = 0;
      // An empty line before the first one is refused where the start line is read.
      if (length === 1) return from;
    }
    this.#line += bytes.length - from;
    if (bytes.length > 0) this.#last = bytes[bytes.length - 1]!;
    return -1;
  }
}

/** RFC 9110 5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Control characters, and lines that go on in the next one (RFC 9112 5.2): Node's parser takes neither. */
const DOUBTFUL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\n[ \t]/;

/** OWS alone: a no-break space belongs to the value (RFC 9110 5.6.3). */
function trim(text: string): string {
  const isBlank = (at: number): boolean => text[at] === ' ' || text[at] === '\t';
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(start)) start += 1;
  while (end > start && isBlank(end - 1)) end -= 1;
  return text.slice(start, end);
}

/** Of a head as text, a character a byte. @throws NtlmError `malformed-token`. */
export function parseHead(text: string, side: NtlmErrorSide): MessageHead {
  const [startLine = '', ...lines] = text.slice(0, -END_OF_HEAD.length).split('\r\n');
  const fields: Field[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const last = fields.at(-1);
    if (/[\0\r\n]/.test(line)) throw malformed('a control character in a field line', side);
    if (/^[ \t]/.test(line) && last !== undefined) {
      fields[fields.length - 1] = { name: last.name, value: `${last.value} ${trim(line)}` }; // RFC 9112 5.2
    } else if (!TOKEN.test(line.slice(0, Math.max(colon, 0)))) {
      throw malformed('a field line without a name', side);
    } else {
      fields.push({ name: line.slice(0, colon), value: trim(line.slice(colon + 1)) });
    }
  }
  return { startLine, fields };
}

/** @throws NtlmError `malformed-token`, the peer's fault. */
export function parseResponseHead(bytes: Buffer): ResponseHead {
  const text = bytes.toString('latin1');
  const head = parseHead(text, 'peer');
  const match = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/.exec(head.startLine);
  if (match === null) throw malformed('no HTTP/1.x status line', 'peer');
  const options = [...listOf(head, 'connection'), ...listOf(head, 'proxy-connection')];
  const kept = !options.includes('close') && (match[1] === '1' || options.includes('keep-alive'));
  const doubtful = DOUBTFUL.test(text) || isFramedTwice(head);
  return { ...head, status: Number(match[2]), persistent: kept && !doubtful };
}

/** Interim responses that nobody asked for, whole ones: they answer nothing, wherever they come. 101 is none (RFC 9110 15.2). */
const INTERIM = /HTTP\/1\.1 1(?!01)\d\d(?: [^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n/y;

/** What is left behind them. */
export function withoutInterims(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1', 0, MAX_HEAD_LENGTH);
  let end = 0;
  for (INTERIM.lastIndex = 0; INTERIM.test(text); ) end = INTERIM.lastIndex;
  return bytes.subarray(end);
}

/** RFC 9112 6.1: one reader could go by its Content-Length, another by its chunks. */
function isFramedTwice(head: MessageHead): boolean {
  return hasField(head, 'content-length') && hasField(head, 'transfer-encoding');
}

/** As text, a character a byte. */
export function renderHead({ startLine, fields }: MessageHead): string {
  let text = `${startLine}\r\n`;
  for (const { name, value } of fields) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}

/** Every value of a field, one a line. */
export function valuesOf({ fields }: MessageHead, name: string): string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);
}

export function hasField({ fields }: MessageHead, name: string): boolean {
  return fields.some((field) => field.name.toLowerCase() === name);
}

/** The members of a comma-separated field, in lower case. */
export function listOf(head: MessageHead, name: string): string[] {
  return valuesOf(head, name).flatMap((value) => value.split(',').map((member) => trim(member).toLowerCase()));
}

export function malformed(what: string, side: NtlmErrorSide): NtlmError {
  const who = side === 'peer' ? 'the peer' : 'the client';
  return new NtlmError(`${who} does not speak HTTP/1.1: ${what}`, { code: 'malformed-token', phase: 'transport', side });
}

function tooLong(side: NtlmErrorSide): NtlmError {
  const whose = side === 'peer' ? 'response' : 'request';
  return new NtlmError(`the head of the ${whose} takes more than ${MAX_HEAD_LENGTH} bytes`, {
    code: 'too-long',
    phase: 'transport',
    side,
  });
}
