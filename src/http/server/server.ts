/**
 * NTLM for a node:http server. Authentication belongs to the connection (MS-NTHT): a socket that authenticated keeps
 * its identity for every later request on it.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { invalidArgument } from '../../errors.ts';
import { createGate } from './gate.ts';
import type { NtlmServerOptions } from './options.ts';
import { respond, type NtlmRequest, type NtlmRequestListener, type Reply } from './respond.ts';
import { guard } from './upgrades.ts';

/**
 * A server that answers 401 until a connection has authenticated, then calls `listener` with `request.ntlm`; upgrades
 * and tunnels are guarded too. Without a listener it tells the client who it is, as JSON. The server is node's own:
 * `listen` it, `close` it.
 *
 * @throws NtlmError `invalid-argument`, naming the option.
 */
export function createNtlmServer(options: NtlmServerOptions, listener: NtlmRequestListener = tellIdentity): Server {
  if (typeof listener !== 'function') throw invalidArgument('listener', 'must be a function');
  const gate = createGate(options);
  const server = createServer((request, response) => void respond(gate, request, response, listener));
  // Nobody is asked for a body that will not be read.
  server.on('checkContinue', (request: IncomingMessage, response: Reply) => {
    void respond(gate, request, response, listener, true);
  });
  return guard(server, gate);
}

function tellIdentity({ ntlm }: NtlmRequest, response: Reply): void {
  const body = Buffer.from(`${JSON.stringify(ntlm)}\n`);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}
