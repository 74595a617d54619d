/**
 * Upgrades and tunnels of a server, guarded. Node takes the socket away from its parser and hands it to whoever listens
 * to `upgrade` or `connect`, one beside the other: the event itself has to wait. A leg is answered on the bare socket,
 * which then goes back to the server as if it were new, for the next one.
 */
import { STATUS_CODES, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { invalidArgument } from '../../errors.ts';
import { fieldsOf, type Answer } from './decision.ts';
import { gateOf, type Gate } from './gate.ts';
import { noteGuarded, turnedAway, withIdentity } from './respond.ts';

export type GuardedServer = HttpServer | HttpsServer;

/**
 * Guards every `upgrade` and `connect` of `server`, whoever listens, before or after. Listeners get requests that
 * have `ntlm`, on sockets of which `identityOf` tells who is there.
 *
 * A socket that has been asked for authentication comes to the server's `connection` (over TLS `secureConnection`)
 * again.
 *
 * @param gate what `requireNtlm` returned
 * @throws NtlmError `invalid-argument`
 */
export function guardUpgrades<Server extends GuardedServer>(server: Server, gate: object): Server {
  if (typeof server?.emit !== 'function') throw invalidArgument('server', 'must be a server of node:http or node:https');
  return guard(server, gateOf(gate));
}

export function guard<Server extends GuardedServer>(server: Server, gate: Gate): Server {
  const emit = server.emit.bind(server) as Emit;
  const guardedEmit: Emit = (event, ...values) => {
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation':
        noteOpen(...(values as [IncomingMessage, ServerResponse]));
        return emit(event, ...values);
      case 'upgrade':
      case 'connect': {
        const [request, socket, head] = values as [IncomingMessage, Duplex, Buffer];
        if (!turnedAway(request)) void hold({ gate, emit, event, request, socket, head });
        return true;
      }
      default:
        return emit(event, ...values);
    }
  };
  server.emit = guardedEmit as Server['emit'];
  noteGuarded(server);
  return server;
}

type Emit = (event: string | symbol, ...values: unknown[]) => boolean;

/** Responses that a socket still owes, to requests that came before an upgrade. */
const open = new WeakMap<Duplex, Set<Promise<void>>>();

function noteOpen({ socket }: IncomingMessage, response: ServerResponse): void {
  const owed = open.get(socket) ?? new Set();
  open.set(socket, owed);
  const over = new Promise<void>((resolve) => response.once('close', resolve));
  owed.add(over);
  void over.then(() => owed.delete(over));
}

interface Held {
  readonly gate: Gate;
  readonly emit: Emit;
  readonly event: 'upgrade' | 'connect';
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

async function hold(held: Held): Promise<void> {
  const { gate, emit, event, request, socket, head } = held;
  const destroy = (): void => void socket.destroy();
  socket.on('error', destroy); // nobody else listens meanwhile
  const decision = await gate.decide(request);
  await Promise.all(open.get(socket) ?? []);
  socket.off('error', destroy);
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
  } else if (decision.kind === 'pass') {
    emit(event, withIdentity(request, decision.identity), socket, head);
  } else {
    giveBack(held, decision);
  }
}

function giveBack({ emit, request, socket, head }: Held, answer: Answer): void {
  const close = answer.close || !canGoOn(request, head);
  socket.write(headOf(answer, close) + (request.method === 'HEAD' ? '' : answer.body));
  if (close) {
    socket.on('error', () => void socket.destroy());
    socket.end();
    socket.resume(); // what still comes is read away, so that the answer is not lost to a reset
    socket.once('finish', () => void setTimeout(() => void socket.destroy(), LINGER).unref());
  } else {
    emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket);
  }
}

/** Milliseconds for a client to read a last answer. */
const LINGER = 1_000;

/**
 * Bytes behind a head that was refused may be the other protocol's: nobody may read them as the next request
 * (RFC 9110 7.8, 9.3.6). Node leaves an upgrade's body unread.
 */
function canGoOn({ headers, httpVersion }: IncomingMessage, head: Buffer): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length']);
  return httpVersion === '1.1' && !hasBody && head.length === 0 && !/\bclose\b/i.test(headers.connection ?? '');
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
