/**
 * Servers whose events wait for a gate. Whoever listens to an event listens beside all others, so the event itself has
 * to wait: no listener hears of it, whenever and by whom it was added.
 */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { invalidArgument } from '../../errors.ts';
import { gateOf, type Gate } from './gate.ts';
import { isGuarded, noteGuarded, respond, turnedAway, type Reply } from './respond.ts';
import { hold, noteOpen, type Emit } from './upgrades.ts';

export type GuardedServer = HttpServer | HttpsServer | Http2SecureServer;

/**
 * Guards every `upgrade` and `connect` of `server`. Listeners get requests that have `ntlm`, on sockets of which
 * `identityOf` tells who is there.
 *
 * A socket that has been asked for authentication comes to the server's `connection` (over TLS `secureConnection`)
 * again.
 *
 * @param gate what `requireNtlm` returned
 * @throws NtlmError `invalid-argument`
 */
export function guardUpgrades<Server extends GuardedServer>(server: Server, gate: object): Server {
  if (typeof server?.emit !== 'function') throw invalidArgument('server', 'must be a server of node:http or node:https');
  if (isGuarded(server)) throw invalidArgument('server', 'is guarded already, and two gates do not believe each other');
  return guard(server, gateOf(gate), (emit, event, ...values) => emit(event, ...values));
}

/** Guards requests as well. A client that waits for "100 Continue" waits for the verdict, too. */
export function guardAll(server: HttpServer, gate: Gate): HttpServer {
  const nobody = (): void => {};
  server.on('checkContinue', nobody); // without a listener node itself would ask for the body
  return guard(server, gate, (emit, event, request, response) => {
    const pass = (): void => {
      const isAsked = event === 'checkContinue' && server.listenerCount(event) === 1;
      if (isAsked) response.writeContinue();
      emit(isAsked ? 'request' : event, request, response);
    };
    void respond(gate, request, response, pass, event !== 'request');
    return true;
  });
}

type RequestEvent = 'request' | 'checkContinue' | 'checkExpectation';
type OnRequest = (emit: Emit, event: RequestEvent, request: IncomingMessage, response: Reply) => boolean;

function guard<Server extends GuardedServer>(server: Server, gate: Gate, onRequest: OnRequest): Server {
  const emit = server.emit.bind(server) as Emit;
  const guarded: Emit = (event, ...values) => {
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation': {
        const [request, response] = values as [IncomingMessage, Reply];
        noteOpen(request, response as ServerResponse);
        return onRequest(emit, event, request, response);
      }
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
  server.emit = guarded as Server['emit'];
  noteGuarded(server);
  return server;
}
