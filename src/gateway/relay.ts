/**
 * One request, relayed: sent on one of its ways, and its answer handed back.
 *
 * Rules
 * - Nothing of a body leaves before a connection stands: until then the next way may be tried.
 * - A request without a body whose method is safe is sent again, once, where a kept connection turned out to be gone.
 * - An answer belongs to the request that asked; where there is none, the client gets a 502 or 504 that says why.
 * - An upstream's own 407, and its refusal of our credentials, is never the client's: it could not answer it.
 */
import type { ClientRequest, IncomingMessage, InformationEvent, RequestOptions, ServerResponse } from 'node:http';
import { explainRefusal } from '../http/authentication/refusal.ts';
import { SAFE_METHODS } from '../http/wire/request.ts';
import { bodyTooLong, clientTooSlow, failureOf, isGone, refuse, switchedUnasked, tooSlow, type Failure } from './failure.ts';
import { announcesBody, endToEnd, flat, isChunked, pairsOf, valuesOf, type RawFields } from './fields.ts';
import { countLegs, type LegCount } from './legs.ts';
import { LEFT } from './leaving.ts';
import { onceOpen, type Connections } from './way.ts';

/** One way for a request, and what it looks like there. */
export interface Candidate {
  readonly connections: Connections;
  readonly options: RequestOptions;
  readonly path: string;
  /** None of the connection it came on. */
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
    let outcome = await attempt(request, response, candidate, options);
    spent += outcome.legs;
    if (outcome.kind === 'stale') {
      outcome = await attempt(request, response, candidate, options);
      spent += outcome.legs;
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
  | ({ readonly kind: 'over' } & Relayed)
  | { readonly kind: 'unreachable' | 'stale'; readonly legs: number; readonly failure: Failure };

/** Of these node sends no length unless it is told one (RFC 9110 8.6). */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/**
 * A request on one way, from its head to the end of its answer. Never rejects. A function and not a class: closures in
 * fields keep every request alive until the next full collection (bench/findings.md).
 */
function attempt(request: IncomingMessage, response: ServerResponse, candidate: Candidate, options: RelayOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    const { method = 'GET' } = request;
    const hasBody = announcesBody(request);
    let out: ClientRequest | undefined;
    let answer: IncomingMessage | undefined;
    let legs: LegCount = () => 0;
    let open = false;
    let bodyIsDue = !options.expectsContinue;

    const over = (status: number, reason?: string): void => {
      response.off('close', onClose).off('timeout', onTimeout);
      resolve({ kind: 'over', status, legs: legs(), reason });
    };
    const onClose = (): void => {
      if (response.writableFinished) return over(response.statusCode);
      over(LEFT.status, LEFT.reason);
      out?.destroy();
    };
    /** Whether nothing moves because the client reads nothing, or sends no more of its body. */
    const isClientAwaited = (): boolean => {
      if (response.writableEnded || response.writableNeedDrain) return true;
      return open && bodyIsDue && !request.complete && answer === undefined && out?.writableNeedDrain === false;
    };
    /** Of the client's socket: while the other end is awaited its own clock counts. */
    const onTimeout = (): void => void (isClientAwaited() && endClient());
    const endClient = (): void => {
      if (!response.headersSent) return end(clientTooSlow());
      over(response.statusCode, 'the client took too long');
      response.destroy();
      out?.destroy();
    };
    /** Answers in the place of the other end. */
    const end = (failure: Failure): void => {
      refuse(response, failure);
      over(failure.status, failure.reason);
      if (out === undefined) return;
      request.unpipe(out).resume();
      out.destroy();
    };
    const fail = (error: unknown): void => {
      if (answer?.complete === true) return; // it was whole: what came behind it is nobody's
      const failure = failureOf(error);
      if (response.headersSent) {
        over(response.statusCode, failure.reason);
        response.destroy(); // the client sees that its answer is not whole
        return;
      }
      const stale = open && out?.reusedSocket === true && isGone(failure) && SAFE_METHODS.has(method) && !hasBody;
      if (open && !stale) return end(failure);
      response.off('close', onClose).off('timeout', onTimeout);
      resolve({ kind: stale ? 'stale' : 'unreachable', legs: legs(), failure });
    };

    response.once('close', onClose).on('timeout', onTimeout);
    try {
      const { path, connections } = candidate;
      const onLate = (hasConnection: boolean): void => {
        if (isClientAwaited()) endClient();
        else if (hasConnection) sent.destroy(tooSlow());
        else end(failureOf(tooSlow()));
      };
      const sent = (out = connections.send({ ...candidate.options, method, path, headers: flat(outgoingFields(request, candidate)) }, onLate));
      sent.on('error', fail);
      onceOpen(sent, (socket) => {
        open = true;
        legs = countLegs(socket);
        candidate.onOpen?.();
        if (!hasBody) return;
        if (options.expectsContinue) sent.flushHeaders(); // its body comes when it got a 100, or has waited long enough
        sendBody(request, sent, options.maxBodyLength, end);
      });
      if (options.expectsContinue) {
        sent.once('continue', () => {
          bodyIsDue = true;
          response.writeContinue();
        });
      }
      sent.on('information', (interim) => handOnHints(interim, request, response));
      sent.once('upgrade', (_answer, socket) => {
        socket.destroy();
        fail(switchedUnasked());
      });
      sent.once('response', (incoming) => {
        answer = incoming;
        const refusal = ownRefusal(incoming);
        if (refusal !== undefined) return end(refusal);
        const fields = [...options.onAnswer(incoming)];
        if (isChunked(incoming) && request.httpVersion !== '1.0') fields.push('Transfer-Encoding', 'chunked');
        if (!request.complete && !bodyIsDue) fields.push('Connection', 'close'); // a body may follow, or not
        response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, flat(fields));
        handBack(incoming, response, () => over(response.statusCode, 'the answer broke off'));
      });
      if (!hasBody) sent.end();
    } catch (error) {
      fail(error);
    }
  });
}

function outgoingFields(request: IncomingMessage, { fields }: Candidate): string[] {
  const { method = 'GET', headers } = request;
  const outgoing = [...fields];
  if (isChunked(request)) outgoing.push('Transfer-Encoding', 'chunked');
  else if (headers['content-length'] === undefined && !BODILESS.has(method)) outgoing.push('Content-Length', '0');
  return outgoing;
}

function sendBody(request: IncomingMessage, out: ClientRequest, most: number, end: (failure: Failure) => void): void {
  if (out.destroyed) return;
  let length = 0;
  request.on('data', (bytes: Buffer) => {
    length += bytes.length;
    if (length > most) end(bodyTooLong(most));
  });
  const leave = (): void => void out.destroy();
  request.once('error', leave).pipe(out);
  request.socket.once('close', leave); // behind an answer a request has no errors
  out.once('close', () => {
    request.socket.off('close', leave);
    request.resume(); // the client sends on, and its next request stands behind that
  });
}

/** What is said before an answer is not a proxy's to keep (RFC 9110 15.2). */
function handOnHints({ statusCode, rawHeaders }: InformationEvent, { httpVersion }: IncomingMessage, response: ServerResponse): void {
  if (httpVersion === '1.0') return;
  if (statusCode === 102) response.writeProcessing();
  if (statusCode !== 103) return;
  const hints: Record<string, string | string[]> = {};
  for (const [name] of pairsOf(endToEnd(rawHeaders))) hints[name.toLowerCase()] = valuesOf(rawHeaders, name.toLowerCase());
  try {
    response.writeEarlyHints(hints);
  } catch {
    // node takes no links but in their strictest form: without the hint the answer is as good
  }
}

/** By hand: `pipeline` costs more than all else of a small answer, and a head that goes alone costs a system call. */
function handBack(answer: IncomingMessage, response: ServerResponse, onBroken: () => void): void {
  let begun = false;
  answer
    .on('data', (bytes: Buffer) => {
      begun = true;
      if (response.write(bytes)) return;
      answer.pause();
      response.once('drain', () => answer.resume());
    })
    .once('end', () => {
      begun = true;
      response.end();
    })
    .once('error', () => {
      onBroken();
      response.destroy(); // the client sees that its answer is not whole
    });
  setImmediate(() => {
    if (!begun && !response.destroyed) response.flushHeaders();
  });
}

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
