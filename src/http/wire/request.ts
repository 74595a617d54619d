import { BodyReader, requestBodyLength } from './body.ts';
import { hasField, parseHead, renderHead, type Field, type MessageHead } from './head.ts';

/** What the path of a connection makes of every request. */
export interface RequestForm {
  /** `http://host:port` where a proxy takes the request in absolute form (RFC 9112 3.2.2). */
  readonly absolute?: string | undefined;
}

/** Fields that describe a body, or that could turn the answer to a stand-in into something else than a 401. */
const BODY_FIELDS = /^(?:content-.*|transfer-encoding|trailer|te|expect|if-.*|range)$/;
const CREDENTIALS_FIELD = /\r\n(?:proxy-)?authorization:/i;
const LENGTH_FIELD = /\r\n(?:content-length|transfer-encoding):/i;
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([...SAFE_METHODS, 'PUT', 'DELETE']);

/** One request as the client above writes it, and what may be sent in its name. */
export class ClientRequest {
  readonly method: string;
  readonly hasBody: boolean;
  readonly body: BodyReader;
  readonly #raw: Buffer;
  readonly #bringsCredentials: boolean;
  readonly #target: string;
  #parsed: MessageHead | undefined;
  readonly #form: RequestForm;
  readonly #keepsBody: boolean;
  readonly #kept: Buffer[] = [];
  #bodyStarted = false;

  /** @throws NtlmError `malformed-token`. */
  constructor(raw: Buffer, form: RequestForm, maxRepeatableBody: number) {
    this.#raw = raw;
    this.#form = form;
    const text = raw.toString('latin1');
    const [method = '', target = ''] = text.slice(0, text.indexOf('\r\n')).split(' ');
    this.method = method;
    this.#target = form.absolute !== undefined && target.startsWith('/') ? form.absolute + target : target;
    // Most requests have none of these, and are read no further.
    this.#bringsCredentials = CREDENTIALS_FIELD.test(text);
    const length = LENGTH_FIELD.test(text) ? requestBodyLength(this.#head) : 0;
    this.body = new BodyReader(length, 'local');
    this.hasBody = length !== 0;
    this.#keepsBody = length !== 'chunked' && length <= maxRepeatableBody;
  }

  get #head(): MessageHead {
    return (this.#parsed ??= parseHead(this.#raw, 'local'));
  }

  /** Method and path without its query: what a server protects or leaves open. */
  get key(): string {
    return `${this.method} ${this.#target.replace(/\?.*$/s, '')}`;
  }

  /** Whether the client gives this field itself. The name is in lower case. */
  brings(field: string): boolean {
    if (!this.#bringsCredentials && field.endsWith('authorization')) return false;
    return hasField(this.#head, field);
  }

  /** Whether all of it can be sent again. */
  get repeatable(): boolean {
    return !this.#bodyStarted || this.#keepsBody;
  }

  /** Whether the body, once it goes out, is gone. */
  get once(): boolean {
    return this.hasBody && !this.#keepsBody;
  }

  /** Whether it may be sent again though its first sending may have had an effect (RFC 9110 9.2.2). */
  get idempotent(): boolean {
    return this.repeatable && IDEMPOTENT_METHODS.has(this.method);
  }

  /** Whether it can carry a type 1 itself: nothing in it could be lost or take effect empty. */
  get carriesNegotiate(): boolean {
    return !this.hasBody && (SAFE_METHODS.has(this.method) || this.method === 'CONNECT');
  }

  /** Whether the body was announced and held back: the other end may or may not wait for it. */
  get bodyHeld(): boolean {
    return this.hasBody && !this.#bodyStarted;
  }

  /** Body bytes that the client wrote and that went out. */
  noteSent(bytes: Buffer): void {
    this.#bodyStarted = true;
    if (this.#keepsBody) this.#kept.push(bytes);
  }

  /** The body bytes that went out before. */
  get sentBefore(): readonly Buffer[] {
    return this.#kept;
  }

  /** The head for the wire. `keepAlive` overrules a client that wants the connection closed after this request. */
  render(fields: readonly Field[], { keepAlive }: { readonly keepAlive: boolean }): Buffer {
    if (fields.length === 0 && !keepAlive && this.#form.absolute === undefined) return this.#raw;
    return this.#render(this.method, this.#head.fields, fields, keepAlive);
  }

  /** The same request without its body, under another method or its own. */
  renderStandIn(method: string, credentials: readonly Field[]): Buffer {
    const fields = this.#head.fields.filter(({ name }) => !BODY_FIELDS.test(name.toLowerCase()));
    const empty = method === STAND_IN_METHOD ? [] : [{ name: 'Content-Length', value: '0' }];
    return this.#render(method, [...fields, ...empty], credentials, true);
  }

  #render(method: string, fields: readonly Field[], credentials: readonly Field[], keepAlive: boolean): Buffer {
    const replaced = new Set(credentials.map(({ name }) => name.toLowerCase()));
    if (keepAlive && !hasField(this.#head, 'upgrade')) replaced.add('connection');
    const kept = fields.filter(({ name }) => !replaced.has(name.toLowerCase()));
    const added = replaced.has('connection') ? [{ name: 'Connection', value: 'keep-alive' }] : [];
    if (this.#form.absolute !== undefined || method === 'CONNECT') {
      added.push({ name: 'Proxy-Connection', value: 'keep-alive' });
    }
    const startLine = `${method} ${this.#target} HTTP/1.1`;
    return renderHead({ startLine, fields: [...kept, ...added, ...credentials] });
  }
}

/** Safe (RFC 9110 9.2.1), and every server that protects a path for other methods protects it for this one. */
export const STAND_IN_METHOD = 'HEAD';
