import { createHash } from 'node:crypto';
import { BodyReader, requestBodyLength } from './body.ts';
import { hasField, malformed, parseHead, renderHead, valuesOf, type Field, type MessageHead } from './head.ts';

/** What the path of a connection makes of every request. */
export interface RequestForm {
  /** `http://host:port` where a proxy takes the request in absolute form (RFC 9112 3.2.2). */
  readonly absolute?: string | undefined;
}

/** Fields that describe a body, or that could turn the answer to a stand-in into something else than a 401. */
const BODY_FIELDS = /^(?:content-.*|transfer-encoding|trailer|te|expect|if-.*|range)$/;
const CREDENTIALS_FIELD = /\r\n(?:proxy-)?authorization:/i;
const LENGTH_FIELD = /\r\n(?:content-length|transfer-encoding):/i;
const COOKIE_FIELD = /\r\ncookie:/i;
const CLOSE_OPTION = /\r\nconnection:[^\r]*\bclose\b/i;
const NO_BODY = new BodyReader(0, 'local');
/** They change nothing: they may be sent again (RFC 9110 9.2.1). */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** One request as the client above writes it, and what may be sent in its name. */
export class ClientRequest {
  readonly method: string;
  readonly hasBody: boolean;
  readonly body: BodyReader;
  /** A character a byte. */
  readonly #text: string;
  readonly #bringsCredentials: boolean;
  /** Whether the client wants the connection closed behind it. */
  readonly wantsClose: boolean;
  readonly #chunked: boolean;
  readonly #methodEnd: number;
  #parsed: MessageHead | undefined;
  readonly #form: RequestForm;
  /** What went out of it is kept; of chunks, as long as there is room. */
  #keepsBody: boolean;
  #room: number;
  #kept: Buffer[] | undefined;
  #bodyStarted = false;
  #continued = false;

  /** `plain`: of its head, that is known already. @throws NtlmError `malformed-token`. */
  constructor(text: string, plain: boolean, form: RequestForm, maxRepeatableBody: number) {
    this.#text = text;
    this.#form = form;
    this.#methodEnd = text.indexOf(' ');
    if (this.#methodEnd === -1 || this.#methodEnd > text.indexOf('\r')) throw malformed('no request line', 'local');
    this.method = text.slice(0, this.#methodEnd);
    this.#bringsCredentials = !plain && CREDENTIALS_FIELD.test(text);
    this.wantsClose = !plain && CLOSE_OPTION.test(text);
    const length = !plain && LENGTH_FIELD.test(text) ? requestBodyLength(this.#head) : 0;
    this.body = length === 0 ? NO_BODY : new BodyReader(length, 'local');
    this.hasBody = length !== 0;
    this.#chunked = length === 'chunked';
    this.#keepsBody = length === 'chunked' || length <= maxRepeatableBody;
    this.#room = maxRepeatableBody;
  }

  /** As it goes on the wire. */
  get #target(): string {
    const start = this.#methodEnd + 1;
    const target = this.#text.slice(start, this.#text.indexOf(' ', start));
    return this.#form.absolute !== undefined && target.startsWith('/') ? this.#form.absolute + target : target;
  }

  get #head(): MessageHead {
    return (this.#parsed ??= parseHead(this.#text, 'local'));
  }

  /** Method and path without its query: what a server protects or leaves open. */
  get key(): string {
    return `${this.method} ${this.#target.replace(/\?.*$/s, '')}`;
  }

  /** The same and the cookie it comes with: who is known by a cookie is not asked. */
  get identityKey(): string {
    if (!COOKIE_FIELD.test(this.#text)) return this.key;
    return `${this.key} ${createHash('sha256').update(valuesOf(this.#head, 'cookie').join()).digest('base64')}`;
  }

  /** The path without its query, in whichever form the target is (RFC 9112 3.2). */
  get path(): string {
    return this.#target.replace(/^[a-z]+:\/\/[^/?]*/i, '').replace(/\?.*$/s, '') || '/';
  }

  /** Values of the client's own Cookie. */
  get cookies(): readonly string[] {
    return valuesOf(this.#head, 'cookie');
  }

  /** Whether the client gives this field itself. The name is in lower case. */
  brings(field: string): boolean {
    if (!this.#bringsCredentials && field.endsWith('authorization')) return false;
    return hasField(this.#head, field);
  }

  /** Whether all of it can be sent again. */
  get repeatable(): boolean {
    return !this.#bodyStarted || this.#isKept;
  }

  /** Whether the body, once it goes out, is gone, as far as can be known by now. */
  get once(): boolean {
    return this.hasBody && !this.#isKept;
  }

  /** Of chunks nobody knows before their end how many they are. */
  get #isKept(): boolean {
    return this.#keepsBody && (!this.#chunked || this.body.done);
  }

  /** Whether it may be sent again though its first sending may have had an effect. A CONNECT without a 2xx had none (RFC 9110 9.3.6). */
  get safe(): boolean {
    return this.repeatable && (SAFE_METHODS.has(this.method) || this.method === 'CONNECT');
  }

  /** Whether the client itself waits for a 100 before it writes the body, and has written nothing of it. */
  get expects(): boolean {
    return this.bodyHeld && this.brings('expect');
  }

  /** Whether the client's own body comes in chunks. */
  get chunked(): boolean {
    return this.#chunked;
  }

  /** Whether the body was announced and held back: the other end may or may not wait for it. */
  get bodyHeld(): boolean {
    return this.hasBody && !this.#bodyStarted;
  }

  /** Whether a 100 is the client's: it waits for one, and has got none. */
  takeContinue(): boolean {
    if (this.#continued || !this.hasBody || !this.brings('expect')) return false;
    this.#continued = true;
    return true;
  }

  /** Body bytes that the client wrote and that went out. */
  noteSent(bytes: Buffer): void {
    this.#bodyStarted = true;
    if (!this.#keepsBody) return;
    this.#room -= bytes.length;
    if (this.#chunked && this.#room < 0) this.letGo();
    else (this.#kept ??= []).push(bytes);
  }

  /** The body bytes that went out before. */
  get sentBefore(): readonly Buffer[] {
    return this.#kept ?? [];
  }

  /** It is answered: nothing of it will go out again. */
  letGo(): void {
    this.#keepsBody = false;
    this.#kept = undefined;
  }

  /** The head for the wire, a character a byte. */
  render(credentials: readonly Field[], { keepAlive, chunked = false, expect }: HeadForm): string {
    const asItIs = credentials.length === 0 && !chunked && expect === undefined && this.#form.absolute === undefined;
    if (asItIs && !(keepAlive && this.wantsClose)) return this.#text;
    let { fields } = this.#head;
    if (chunked && !this.#chunked) fields = [...without(fields, 'content-length'), { name: 'Transfer-Encoding', value: 'chunked' }];
    if (expect !== undefined) fields = without(fields, 'expect');
    if (expect) fields = [...fields, { name: 'Expect', value: '100-continue' }];
    return this.#render(this.method, fields, credentials, keepAlive);
  }

  /** The same request without its body, under {@link STAND_IN_METHOD}. */
  renderStandIn(credentials: readonly Field[]): string {
    const fields = this.#head.fields.filter(({ name }) => !BODY_FIELDS.test(name.toLowerCase()));
    return this.#render(STAND_IN_METHOD, fields, credentials, true);
  }

  /** A piece of the body as it goes out where chunks replace the client's Content-Length (RFC 9112 7.1). */
  chunk(bytes: Buffer): Buffer {
    if (this.#chunked) return bytes;
    const end = this.body.done ? LAST_CHUNK : '';
    return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from(`\r\n${end}`)]);
  }

  #render(method: string, fields: readonly Field[], credentials: readonly Field[], keepAlive: boolean): string {
    const replaced = new Set(credentials.map(({ name }) => name.toLowerCase()));
    if (keepAlive && !hasField(this.#head, 'upgrade')) replaced.add('connection');
    const kept = fields.filter(({ name }) => !replaced.has(name.toLowerCase()));
    const added = replaced.has('connection') ? [{ name: 'Connection', value: 'keep-alive' }] : [];
    if (this.#form.absolute !== undefined || method === 'CONNECT') {
      added.push({ name: 'Proxy-Connection', value: 'keep-alive' });
    }
    const startLine = `${method} ${this.#target} HTTP/1.1`;
    const told = credentials.filter(({ value }) => value !== ''); // nothing left of it
    return renderHead({ startLine, fields: [...kept, ...added, ...told] });
  }
}

/** How a head differs from what the client wrote. */
export interface HeadForm {
  /** Overrules a client that wants the connection closed after this request. */
  readonly keepAlive: boolean;
  /** Whether it asks for a 100; `undefined`: as the client has it. */
  readonly expect?: boolean;
  /** The body comes in chunks, whose end does not have to be known. */
  readonly chunked?: boolean;
}

/** The end of a body in chunks, wherever it is. */
export const LAST_CHUNK = '0\r\n\r\n';

function without(fields: readonly Field[], unwanted: string): Field[] {
  return fields.filter(({ name }) => name.toLowerCase() !== unwanted);
}

/** Safe (RFC 9110 9.2.1), and every server that protects a path for other methods protects it for this one. */
export const STAND_IN_METHOD = 'HEAD';
