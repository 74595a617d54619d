/**
 * Upgrades and tunnels that wait for a verdict. Node takes the socket away from its parser and hands it to whoever
 * listens, so a leg is answered on the bare socket, which then goes back to the server as if it were new, for the next.
 */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { fieldsOf, type Answer } from './decision.ts';
import type { Gate } from './gate.ts';
import { endGently } from './last-words.ts';
import { withIdentity } from './respond.ts';

/** The server's own `emit`. */
export type Emit = (event: string | symbol, ...values: unknown[]) => boolean;

/** Responses that a socket still owes, to requests that came before an upgrade. */
const open = new WeakMap<Duplex, Set<Promise<void>>>();

export function noteOpen({ socket }: IncomingMessage, response: ServerResponse): void {
  const owed = open.get(socket) ?? new Set();
  open.set(socket, owed);
  const over = new Promise<void>((resolve) => response.once('close', resolve));
  owed.add(over);
  void over.then(() => owed.delete(over));
}

export interface Held {
  readonly gate: Gate;
  readonly emit: Emit;
  readonly event: 'upgrade' | 'connect';
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Lets the event happen once its request passes. */
export async function hold(held: Held): Promise<void> {
  const { gate, emit, event, request, socket, head } = held;
  const destroy = (): void => void socket.destroy();
  socket.on('error', destroy); // nobody else listens meanwhile
  const decision = await gate.decide(request);
  await Promise.all(open.get(request.socket) ?? []); // `socket` may be node's wrapping of it
  if (socket.destroyed || !socket.writable) return destroy(); // an error that it ended with is still to come
  socket.off('error', destroy);
  if (decision.kind === 'pass') {
    const isTaken = emit(event, withIdentity(request, decision.identity), socket, head);
    if (!isTaken) socket.destroy(); // whoever listened is gone
  } else {
    giveBack(held, decision);
  }
}

function giveBack({ emit, request, socket, head }: Held, answer: Answer): void {
  const close = answer.close || !canGoOn(request, head.length + socket.readableLength);
  socket.write(headOf(answer, close) + (request.method === 'HEAD' ? '' : answer.body));
  if (close) endGently(socket);
  else emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket);
}

/**
 * Bytes behind a head that was refused may be the other protocol's: nobody may read them as the next request
 * (RFC 9110 7.8, 9.3.6). Node leaves an upgrade's body unread.
 */
function canGoOn({ headers, httpVersion }: IncomingMessage, behind: number): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length']);
  return httpVersion === '1.1' && !hasBody && behind === 0 && !/\bclose\b/i.test(headers.connection ?? '');
}

function headOf(answer: Answer, close: boolean): string {
  const lines = fieldsOf({ ...answer, close }).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  return [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
    ...lines,
    `Date: ${new Date().toUTCString()}`,
    `Content-Length: ${answer.body.length}`,
    ...(close ? [] : ['Connection: keep-alive']),
    '\r\n',
  ].join('\r\n');
}
