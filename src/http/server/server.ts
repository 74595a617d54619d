/**
 * NTLM for a node:http server. Authentication belongs to the connection (MS-NTHT): a socket that authenticated keeps
 * its identity for every later request on it.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { invalidArgument } from '../../errors.ts';
import { createGate } from './gate.ts';
import { guardAll } from './guard.ts';
import type { NtlmServerOptions } from './options.ts';
import type { NtlmRequest, NtlmRequestListener, Reply } from './respond.ts';

/**
 * A server that answers 401 until a connection has authenticated, then calls `listener` with `request.ntlm`. Whatever
 * else listens to it, to requests, upgrades or tunnels, hears of them no sooner. Without a listener it tells the client
 * who it is, as JSON. The server is node's own: `listen` it, `close` it.
 *
 * @throws NtlmError `invalid-argument`, naming the option.
 */
export function createNtlmServer(options: NtlmServerOptions, listener: NtlmRequestListener = tellIdentity): Server {
  if (typeof listener !== 'function') throw invalidArgument('listener', 'must be a function');
  const gate = createGate(options);
  return guardAll(createServer(listener as RequestListener), gate); // none comes to it without `ntlm`
}

function tellIdentity({ ntlm }: NtlmRequest, response: Reply): void {
  const body = Buffer.from(`${JSON.stringify(ntlm)}\n`);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}
