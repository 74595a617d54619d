/** Upgrades that have a body, which node before 24.9 leaves unread. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { pairsOf } from './fields.ts';

/** Lets `server` read the request anew as one that asks for no upgrade, which any server may do (RFC 9110 7.8). */
export function readAsPlain(server: Server, { method, url, httpVersion, rawHeaders }: IncomingMessage, client: Duplex, head: Buffer): void {
  const fields = [...pairsOf(rawHeaders)].filter(([name]) => name.toLowerCase() !== 'upgrade');
  const lines = [`${method} ${url} HTTP/${httpVersion}`, ...fields.map(([name, value]) => `${name}: ${value}`)];
  client.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit(client instanceof TLSSocket ? 'secureConnection' : 'connection', client);
}
