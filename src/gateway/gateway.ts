/**
 * A local proxy that speaks NTLM for programs that do not: in front of a proxy (`upstream`) or of a server (`to`).
 *
 * Theory of operation
 * - A client's request comes in by node's own server. Admission says whether it may have this gateway's identity,
 *   the mode which ways it may take, the relay moves it, and one entry tells how it ended.
 * - Requests leave on connections of a pool that authenticate themselves. All of them have one identity.
 * - Where a client or its server speaks of the authentication of a connection themselves (a 401 with NTLM or Negotiate
 *   that is not ours to answer, or an Authorization of the client's) that client has a connection of its own from then
 *   on. It carries nothing of ours but the proxy's authentication, never enters the pool, and ends with the client's.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tellsBy } from '../http/exchange/telling.ts';
import { Desk } from './desk.ts';
import { announcesBody } from './fields.ts';
import { ForwardMode } from './forward-mode.ts';
import { listeningObjection, resolveGatewayOptions, type GatewayOptions } from './options.ts';
import { readAsPlain } from './plain-again.ts';
import { ReverseMode } from './reverse-mode.ts';

/** A gateway: node's own server, with the identity of one user behind it. */
export type Gateway = Server;

/**
 * Makes a gateway; `listen` it on 127.0.0.1. Another address is refused with an `error` event unless `clientTokens` and
 * `tls` (or `insecureListen`) are given. `close` ends its upstream connections too.
 *
 * ```ts
 * import { createGateway } from 'ntlmachine/gateway';
 *
 * const gateway = createGateway({ upstream: 'http://proxy.castle.example:3128', credentials });
 * gateway.listen(3128, '127.0.0.1');
 * ```
 *
 * `visualize` and `record` of `ntlmachine/visualize` take it: what they show is its connections to servers and proxies.
 *
 * @throws NtlmError `invalid-argument`, naming the option.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const settings = resolveGatewayOptions(options);
  const mode = settings.mode.kind === 'forward' ? new ForwardMode(settings) : new ReverseMode(settings, settings.mode.to, settings.mode.hosts);
  const desk = new Desk(settings, mode);
  const { maxHeadLength, headTimeout, maxConnections, idleTimeout } = settings.limits;
  const serverOptions: ServerOptions & { readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean } = {
    maxHeaderSize: maxHeadLength,
    headersTimeout: headTimeout,
    requestTimeout: 0, // a body may take as long as it flows
    connectionsCheckingInterval: Math.min(headTimeout, 30_000),
    insecureHTTPParser: false,
    shouldUpgradeCallback: (request) => !announcesBody(request), // of node 24.9 and later
  };
  const server = settings.tls === undefined ? createServer(serverOptions) : createTlsServer({ ...serverOptions, ...settings.tls });
  if (mode.teller !== undefined) tellsBy(server, mode.teller);
  server.maxConnections = maxConnections;
  server.setTimeout(idleTimeout);
  server
    .on('request', (request, response) => void desk.request(request, response, false))
    .on('checkContinue', (request, response) => void desk.request(request, response, true))
    .on('checkExpectation', (request, response) => void desk.request(request, response, false)) // the other end's to judge
    .on('connect', (request, socket, head) => void desk.connect(request, socket, head))
    .on('upgrade', (request, socket, head) => {
      if (announcesBody(request)) readAsPlain(server, request, socket, head);
      else void desk.upgrade(request, socket, head);
    })
    .on('listening', () => {
      const address = server.address();
      const objection = typeof address === 'object' && address !== null ? listeningObjection(address.address, settings) : undefined;
      if (objection === undefined) return;
      server.close();
      server.emit('error', objection);
    })
    .on('close', () => mode.close());
  return server;
}
