/** Requests of node:http that a gate decides about: passed on, or answered here. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';
import { fieldsOf, type Answer, type Decision } from './decision.ts';
import type { Gate } from './gate.ts';
import type { NtlmServerIdentity } from './identity.ts';
import { readAway } from './last-words.ts';
import { warnOnce } from './warnings.ts';

/** A request on an authenticated connection. */
export interface NtlmRequest extends IncomingMessage {
  readonly ntlm: NtlmServerIdentity;
}

export type Reply = ServerResponse<IncomingMessage> & { req: IncomingMessage };
export type NtlmRequestListener = (request: NtlmRequest, response: Reply) => void;

/** Calls `listener` where the request passes; `expects`: the client waits with its body for "100 Continue". */
export async function respond(
  gate: Gate,
  request: IncomingMessage,
  response: Reply,
  listener: NtlmRequestListener,
  expects = false,
): Promise<void> {
  const decision = await admit(gate, request);
  if (decision === undefined) return;
  // A client that waits for "100 Continue" may keep its body: then nothing can follow on its connection.
  const keepsBody = expects && decision.kind === 'answer' && !decision.goesOn;
  for (const [name, value] of fieldsOf(decision)) response.setHeader(name, value);
  if (decision.kind === 'pass') {
    listener(withIdentity(request, decision.identity), response);
    return;
  }
  if (keepsBody) response.setHeader('Connection', 'close');
  else if (expects) response.writeContinue();
  write(request, response, decision, keepsBody);
}

/** Whether an answer is the last, and a body is on its way: closed at once, the connection would be reset, and the answer lost. */
export function isOverBody({ complete }: IncomingMessage, { close }: Answer): boolean {
  return close && !complete;
}

/** An answer without a framework. `keepsBody`: the client may send none of the body that it announced. */
export function write(request: IncomingMessage, response: ServerResponse, answer: Answer, keepsBody = false): void {
  response.setHeader('Content-Length', answer.body.length);
  response.writeHead(answer.status);
  if (keepsBody || !isOverBody(request, answer)) return void response.end(answer.body);
  response.write(answer.body);
  readAway(request, () => response.end());
}

/** What to do with `request`; `undefined` where nobody waits for it any more. The body waits in the paused request. */
export async function admit(gate: Gate, request: IncomingMessage): Promise<Decision | undefined> {
  if (turnedAway(request)) return undefined;
  warnOfUpgrades(gate, request);
  const decision = await gate.decide(request);
  if (request.socket.destroyed) return undefined;
  if (decision.kind === 'pass') withIdentity(request, decision.identity);
  return decision;
}

export function withIdentity(request: IncomingMessage, ntlm: NtlmServerIdentity): NtlmRequest {
  return Object.assign(request, { ntlm });
}

/** HTTP/2 shares a connection among requests of whomever: the client has to come back over HTTP/1.1 (RFC 9113 7). */
export function turnedAway(request: IncomingMessage | Http2ServerRequest): boolean {
  if (request.httpVersionMajor < 2) return false;
  if ('stream' in request) request.stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED);
  return true;
}

const guarded = new WeakSet<object>();

export const isGuarded = (server: object): boolean => guarded.has(server);

/** The upgrades of `server` are guarded. */
export function noteGuarded(server: object): void {
  guarded.add(server);
}

interface ListeningServer {
  listenerCount(event: string): number;
}

/** An upgrade never comes to the listeners of `request`: what stands there alone guards half a server. */
function warnOfUpgrades(gate: Gate, request: IncomingMessage): void {
  const { server } = request.socket as { server?: ListeningServer };
  if (server === undefined || isGuarded(server)) return;
  const events = ['upgrade', 'connect'].filter((event) => server.listenerCount(event) > 0);
  if (events.length === 0) return;
  const listeners = events.map((event) => `"${event}"`).join(' and ');
  warnOnce(
    gate,
    'NTLMACHINE_UNGUARDED_UPGRADES',
    `This server has listeners of ${listeners}, which requireNtlm does not guard: anybody gets a WebSocket or a tunnel. ` +
      'Call guardUpgrades(server, gate) with what requireNtlm returned.',
  );
}
