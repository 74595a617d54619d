/**
 * One request, relayed: sent on one of its ways, and its answer handed back.
 *
 * Rules
 * - Nothing of a body leaves before a connection stands: until then the next way may be tried.
 * - A request without a body whose method is safe is sent again, once, where a kept connection turned out to be gone.
 * - An answer belongs to the request that asked; where there is none, the client gets a 502 or 504 that says why.
 * - An upstream's own 407, and its refusal of our credentials, is never the client's: it could not answer it.
 */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { NtlmError } from '../errors.ts';
import { explainRefusal } from '../http/authentication/refusal.ts';
import { bodyTooLong, failureOf, refuse, type Failure } from './failure.ts';
import { endToEnd, isChunked, type RawFields } from './fields.ts';
import { countLegs, type LegCount } from './legs.ts';
import type { Connections } from './way.ts';

/** One way for a request, and what it looks like there. */
export interface Candidate {
  readonly connections: Connections;
  readonly options: RequestOptions;
  readonly path: string;
  readonly fields: RawFields;
  readonly onOpen?: (() => void) | undefined;
  readonly onUnreachable?: (() => void) | undefined;
}

export interface RelayOptions {
  /** To be tried in this order. */
  readonly candidates: readonly Candidate[];
  /** The client waits for a word before it sends its body. */
  readonly expectsContinue: boolean;
  readonly maxBodyLength: number;
  /** Milliseconds. */
  readonly idleTimeout: number;
  /** Told of an answer before anything of it is handed back. @returns its fields as the client gets them. */
  readonly onAnswer: (answer: IncomingMessage) => RawFields;
}

/** How it ended. `status` 0: the client left. */
export interface Relayed {
  readonly status: number;
  /** Requests that it cost on the wire. */
  readonly legs: number;
  readonly reason?: string | undefined;
}

/** Never rejects. */
export async function relay(request: IncomingMessage, response: ServerResponse, options: RelayOptions): Promise<Relayed> {
  let failure: Failure | undefined;
  let spent = 0;
  for (const candidate of options.candidates) {
    let attempt = new Attempt(request, response, candidate, options);
    let outcome = await attempt.outcome;
    spent += attempt.legs;
    if (outcome.kind === 'stale') {
      attempt = new Attempt(request, response, candidate, options);
      outcome = await attempt.outcome;
      spent += attempt.legs;
    }
    if (outcome.kind === 'over') return { ...outcome, legs: spent };
    failure = outcome.failure;
    if (outcome.kind === 'unreachable') candidate.onUnreachable?.();
  }
  const last = failure ?? failureOf(undefined);
  refuse(response, last);
  return { status: last.status, legs: spent, reason: last.reason };
}

type Outcome =
  | ({ readonly kind: 'over' } & Omit<Relayed, 'legs'>)
  | { readonly kind: 'unreachable' | 'stale'; readonly failure: Failure };

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** A request on one way, from its head to the end of its answer. */
class Attempt {
  readonly outcome: Promise<Outcome>;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: RelayOptions;
  #settle!: (outcome: Outcome) => void;
  #out: ClientRequest | undefined;
  #legs: LegCount | undefined;
  #open = false;
  #bodyBegun = false;

  constructor(request: IncomingMessage, response: ServerResponse, candidate: Candidate, options: RelayOptions) {
    this.#request = request;
    this.#response = response;
    this.#options = options;
    this.outcome = new Promise((resolve) => {
      this.#settle = (outcome) => {
        response.off('close', this.#onClientGone);
        resolve(outcome);
      };
    });
    response.once('close', this.#onClientGone);
    try {
      this.#send(candidate);
    } catch (error) {
      this.#fail(error);
    }
  }

  get legs(): number {
    return this.#legs?.() ?? 0;
  }

  #send({ connections, options, path, fields, onOpen }: Candidate): void {
    const headers = endToEnd(fields);
    if (isChunked(this.#request)) headers.push('Transfer-Encoding', 'chunked');
    const { idleTimeout, expectsContinue } = this.#options;
    const out = connections.send({ ...options, method: this.#request.method ?? 'GET', path, headers: flat(headers) });
    this.#out = out;
    out.on('error', (error) => this.#fail(error));
    out.setTimeout(idleTimeout, () => out.destroy(tooSlow()));
    out.once('socket', (socket) => {
      const begin = (): void => {
        this.#open = true;
        this.#legs = countLegs(socket);
        onOpen?.();
        if (expectsContinue) out.flushHeaders();
        else this.#sendBody(out);
      };
      if (socket.connecting) socket.once('connect', begin);
      else begin();
    });
    out.once('continue', () => {
      this.#response.writeContinue();
      this.#sendBody(out);
    });
    out.once('response', (answer) => this.#answer(out, answer));
  }

  #sendBody(out: ClientRequest): void {
    if (this.#bodyBegun || out.destroyed) return;
    this.#bodyBegun = true;
    const { maxBodyLength } = this.#options;
    let length = 0;
    this.#request.on('data', (bytes: Buffer) => {
      length += bytes.length;
      if (length > maxBodyLength) this.#end(bodyTooLong(maxBodyLength));
    });
    this.#request.once('error', () => out.destroy());
    this.#request.pipe(out);
  }

  #answer(out: ClientRequest, answer: IncomingMessage): void {
    const refusal = ownRefusal(answer);
    if (refusal !== undefined) return this.#end(refusal);
    const fields = endToEnd(this.#options.onAnswer(answer));
    if (isChunked(answer) && this.#request.httpVersion !== '1.0') fields.push('Transfer-Encoding', 'chunked');
    if (!this.#request.complete) fields.push('Connection', 'close'); // what is left of the body is nobody's
    const status = answer.statusCode ?? 502;
    this.#response.writeHead(status, answer.statusMessage, flat(fields));
    this.#response.flushHeaders();
    pipeline(answer, this.#response, (error) => {
      if (error) out.destroy();
      this.#settle({ kind: 'over', status, reason: error ? 'the answer broke off' : undefined });
    });
  }

  /** Answers in the place of the other end. */
  #end(failure: Failure): void {
    refuse(this.#response, failure);
    this.#settle({ kind: 'over', status: failure.status, reason: failure.reason });
    if (this.#out !== undefined) {
      this.#request.unpipe(this.#out);
      this.#out.destroy();
    }
  }

  #fail(error: unknown): void {
    const failure = failureOf(error);
    if (this.#response.headersSent) {
      this.#response.destroy(); // the client sees that its answer is not whole
      return this.#settle({ kind: 'over', status: this.#response.statusCode, reason: failure.reason });
    }
    if (!this.#open) return this.#settle({ kind: 'unreachable', failure });
    if (this.#out?.reusedSocket === true && this.#repeatable) return this.#settle({ kind: 'stale', failure });
    this.#end(failure);
  }

  get #repeatable(): boolean {
    const { method = '', headers } = this.#request;
    return SAFE_METHODS.has(method) && headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
  }

  readonly #onClientGone = (): void => {
    if (this.#response.writableFinished) return;
    this.#settle({ kind: 'over', status: 0, reason: 'the client left' });
    this.#out?.destroy();
  };
}

/** node takes the flat list of names and values; its types do not say so. */
const flat = (fields: RawFields): OutgoingHttpHeaders => fields as unknown as OutgoingHttpHeaders;

/** An answer that is about us and not about the client's request. */
export function ownRefusal(answer: IncomingMessage): Failure | undefined {
  if (answer.statusCode !== 401 && answer.statusCode !== 407) return undefined;
  const refusal = explainRefusal(answer);
  if (answer.statusCode === 407) {
    const reason = `the proxy asks for authentication: ${refusal?.message ?? 'it was given no credentials'}`;
    return { status: 502, error: 'http_request_denied', reason, code: refusal?.code };
  }
  if (refusal === undefined || refusal.code === 'ntlm-not-offered') return undefined;
  return { status: 502, error: 'http_request_denied', reason: refusal.message, code: refusal.code };
}

function tooSlow(): NtlmError {
  return new NtlmError('the other end took too long', { code: 'timed-out', phase: 'transport', side: 'peer' });
}
