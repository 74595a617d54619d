/** Connections for bytes that are not looked at (RFC 9110 9.3.6). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { failureOf, refuseSocket, type Failure } from './failure.ts';
import type { RawFields } from './fields.ts';
import { join } from './join.ts';
import type { LegCount } from './legs.ts';
import { LEFT, type Waiting } from './leaving.ts';
import { ownRefusal, type Relayed } from './relay.ts';
import type { Way } from './way.ts';

/** One way for a tunnel. */
export interface TunnelCandidate {
  readonly way: Way;
  readonly fields: RawFields;
  readonly onOpen: () => void;
  readonly onUnreachable: () => void;
}

/** To `authority`. Never rejects. Resolves when it is over. */
export async function openTunnel(
  authority: string,
  client: Duplex,
  head: Buffer,
  { left, over }: Waiting,
  candidates: readonly TunnelCandidate[],
  idleTimeout: number,
): Promise<Relayed> {
  let failure: Failure = failureOf(undefined);
  let spent = 0;
  for (const { way, fields, onOpen, onUnreachable } of candidates) {
    let legs: LegCount | undefined;
    const opening = { signal: left, onOpen: (count: LegCount) => ((legs = count), onOpen()) };
    if (left.aborted) break;
    try {
      const tunnel = await way.tunnel(authority, fields, opening);
      spent += legs?.() ?? 0;
      if (tunnel.kind === 'refused') {
        const refusal = refusedTunnel(tunnel.answer, way.name);
        refuseSocket(client, refusal);
        return { status: refusal.status, legs: spent, reason: refusal.reason };
      }
      if (client.destroyed) {
        tunnel.socket.destroy();
        return { ...LEFT, legs: spent };
      }
      over();
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (tunnel.head.length > 0) client.write(tunnel.head);
      await join(client, tunnel.socket, head, idleTimeout);
      return { status: 200, legs: spent };
    } catch (error) {
      spent += legs?.() ?? 0;
      failure = failureOf(error);
      if (legs === undefined && !left.aborted) onUnreachable();
    }
  }
  if (left.aborted) return { ...LEFT, legs: spent };
  refuseSocket(client, failure);
  return { status: failure.status, legs: spent, reason: failure.reason };
}

function refusedTunnel(answer: IncomingMessage, name: string): Failure {
  const { statusCode = 0, statusMessage = '' } = answer;
  const status = statusCode < 400 ? 502 : statusCode;
  return ownRefusal(answer) ?? { status, error: 'http_request_denied', reason: `${name} opened no tunnel: ${statusCode} ${statusMessage}` };
}
