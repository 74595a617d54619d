import { NtlmError } from '../../errors.ts';
import { BodyReader, responseBodyLength } from './body.ts';
import { HeadReader, malformed, parseResponseHead, withoutInterims, type ResponseHead } from './head.ts';
import { http2Only, speaksHttp2 } from './http2.ts';

/** A response up to the end of its head; the rest of it waits in the reader and on the connection. */
export interface Answer {
  readonly head: ResponseHead;
  readonly raw: Buffer;
  /** Of the request that was answered. */
  readonly method: string;
}

export interface ResponseSink {
  /** Bytes that are the client's. */
  flow(bytes: Buffer): void;
  /** A response of status 1xx but 101. */
  interim(raw: Buffer): void;
  answer(answer: Answer): void;
  /** A response went through unseen: neither 401 nor 407. */
  passed(): void;
  failed(error: Error): void;
  pause(): void;
  resume(): void;
}

const NOTHING: Buffer = Buffer.alloc(0);
const SLOW_HEAD = 'the head of a response took too long';

/**
 * Reads what the other end of one connection writes. Between the head it was told to expect and the next one,
 * bytes flow through unread.
 */
export class ResponseReader {
  readonly #sink: ResponseSink;
  readonly #timeout: number;
  #mode: 'flow' | 'head' | 'held' | 'drain' = 'flow';
  #everything = false;
  #limited = false;
  #method = '';
  /** Of a head of which it is not clear yet whose it is. */
  #start = NOTHING;
  #heads: HeadReader | undefined;
  /** What came behind the head of an answer. */
  #rest = NOTHING;
  #timer: NodeJS.Timeout | undefined;
  #drained: { readonly body: BodyReader; left: number; readonly resolve: (reusable: boolean) => void } | undefined;

  /**
   * `timeout`: milliseconds that the head of a 401 may take once it has begun, its body once it is read for
   * nobody, and the whole answer to a CONNECT.
   */
  constructor(sink: ResponseSink, timeout: number) {
    this.#sink = sink;
    this.#timeout = timeout;
  }

  /** Whether bytes go straight to the client. */
  get flows(): boolean {
    return this.#mode === 'flow';
  }

  /**
   * The response to a request comes next. `everything`: whatever its status, it is an answer, not the client's.
   * `limited`: its head has to be there within the limit, from now on.
   */
  expect(method: string, { everything, limited }: { readonly everything: boolean; readonly limited: boolean }): void {
    this.#mode = 'head';
    this.#everything = everything || method === 'CONNECT';
    this.#limited = limited || (method === 'CONNECT' && !everything); // nobody above waits for a tunnel
    this.#method = method;
    if (this.#limited) this.#limit(SLOW_HEAD);
    this.#sink.resume();
  }

  /** Whatever comes now was not asked for. */
  hold(): void {
    this.#mode = 'held';
  }

  /** Whether nothing came that is not accounted for; a 100 behind its answer is nothing. */
  get isQuiet(): boolean {
    this.#rest = withoutInterims(this.#rest);
    return this.#rest.length === 0;
  }

  /** Lets the rest of an answer through to the client. */
  flow(): void {
    this.#mode = 'flow';
    if (this.#rest.length > 0) this.#sink.flow(this.#takeRest());
    this.#sink.resume();
  }

  /** Reads the body of an answer that nobody wants, up to `most` bytes. Resolves with whether the connection can go on after it. */
  async drain({ head, method }: Answer, most: number): Promise<boolean> {
    const length = responseBodyLength(head, method);
    const rest = this.#takeRest();
    if (!head.persistent || length === 'until-close') return false;
    const body = new BodyReader(length, 'peer');
    if (!isAll(rest, body)) return false; // bytes that no request asked for
    if (body.done) return true;
    this.#limit('the body of a response took too long');
    return new Promise((resolve) => {
      this.#drained = { body, left: most - rest.length, resolve };
      this.#mode = 'drain';
      this.#sink.resume();
    });
  }

  /** The connection is gone: nothing more will come. @returns what was read of an unfinished head. */
  end(): Buffer {
    this.#unlimit();
    this.#drained?.resolve(false);
    this.#drained = undefined;
    const partial = this.#heads?.take() ?? NOTHING;
    const start = this.#start;
    this.#start = NOTHING;
    return start.length > 0 ? start : partial;
  }

  push(bytes: Buffer): void {
    try {
      if (this.#mode === 'flow') this.#sink.flow(bytes);
      else if (this.#mode === 'head') this.#readHead(bytes);
      else if (this.#mode === 'drain') this.#drain(bytes);
      else this.#rest = Buffer.concat([this.#rest, bytes]); // paused; what was under way
    } catch (error) {
      this.#sink.failed(error as Error);
    }
  }

  #takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  #readHead(bytes: Buffer): void {
    if (this.#heads !== undefined) return this.#readOurs(bytes);
    const start = this.#start.length === 0 ? bytes : Buffer.concat([this.#start, bytes]);
    if (this.#everything) this.#limit(SLOW_HEAD);
    const concern = concernOf(start, this.#everything);
    this.#start = concern === 'unclear' ? start : NOTHING;
    if (concern === 'client') {
      this.#unlimit();
      this.#mode = 'flow';
      this.#sink.passed();
      this.#sink.flow(start);
    } else if (concern !== 'unclear') {
      if (concern === 'ours') this.#limit(SLOW_HEAD);
      this.#readOurs(start);
    }
  }

  #readOurs(bytes: Buffer): void {
    this.#heads ??= new HeadReader('peer');
    const whole = this.#heads.read(bytes);
    if (whole === undefined) return;
    this.#heads = undefined;
    const { raw, rest } = whole;
    const head = parseResponseHead(raw);
    const final = head.status >= 200 || head.status === 101;
    if (final || !this.#limited) this.#unlimit();
    if (!final) {
      this.#sink.interim(raw);
      if (rest.length > 0) this.#readHead(rest);
      return;
    }
    this.#rest = rest;
    this.#mode = 'held';
    this.#sink.pause();
    this.#sink.answer({ head, raw, method: this.#method });
  }

  #drain(bytes: Buffer): void {
    const drained = this.#drained;
    if (drained === undefined) return;
    drained.left -= bytes.length;
    const clean = isAll(bytes, drained.body);
    if (clean && !drained.body.done && drained.left > 0) return;
    this.#drained = undefined;
    this.#unlimit();
    this.#mode = 'held';
    this.#sink.pause();
    drained.resolve(clean && drained.body.done);
  }

  /** From now on, unless it runs already. */
  #limit(message: string): void {
    this.#timer ??= setTimeout(() => this.#sink.failed(timedOut(message)), this.#timeout);
  }

  #unlimit(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

const STATUS_LINE = Buffer.from('HTTP/1.', 'latin1');
/** Whether bytes begin as every response does, as far as they go. */
function isStatusLine(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, STATUS_LINE.length);
  for (let at = 0; at < length; at++) if (bytes[at] !== STATUS_LINE[at]) return false;
  return true;
}
const STATUS_END = 'HTTP/1.1 401'.length;

/** Whether nothing but the body, and a 100 that comes late, is in these bytes. */
function isAll(bytes: Buffer, body: BodyReader): boolean {
  const behind = bytes.subarray(body.take(bytes));
  return behind.length === 0 || withoutInterims(behind).length === 0;
}

/** Whose response begins with these bytes. Cheap: it runs once for each. @throws NtlmError `http2-only`, `malformed-token`. */
function concernOf(bytes: Buffer, everything: boolean): 'client' | 'ours' | 'interim' | 'unclear' {
  if (!isStatusLine(bytes)) {
    const spoken = speaksHttp2(bytes);
    if (spoken === true) throw http2Only('the other end', 'answers HTTP/1.1 in HTTP/2');
    if (spoken === 'unclear') return 'unclear';
    if (everything) throw malformed('no HTTP/1.x status line', 'peer'); // and no line may ever come
    return 'client';
  }
  if (bytes.length < (everything ? STATUS_LINE.length : STATUS_END)) return 'unclear';
  if (everything) return 'ours';
  const hundreds = bytes[9]! - 0x30;
  const tens = bytes[10]! - 0x30;
  const ones = bytes[11]! - 0x30;
  if (hundreds === 1) return 'interim';
  return hundreds === 4 && tens === 0 && (ones === 1 || ones === 7) ? 'ours' : 'client';
}

function timedOut(message: string): NtlmError {
  return new NtlmError(message, { code: 'timed-out', phase: 'transport', side: 'peer' });
}
