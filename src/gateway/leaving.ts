/**
 * Clients that leave while they wait for another protocol. Their sockets are no longer read by HTTP, and what is not read
 * tells of no end.
 */
import type { Duplex } from 'node:stream';

/** How an exchange ended whose client is gone. */
export const LEFT = { status: 0, reason: 'the client left' } as const;

export interface Waiting {
  /** Aborts when the client has left. */
  readonly left: AbortSignal;
  /** It waits no longer: its bytes, and their end, are the other protocol's. */
  readonly over: () => void;
}

/**
 * A client that ends its connection without a byte behind its request has left, as it would have with any other request.
 * An end behind bytes (a hello of TLS, say) is that of one direction: the other goes on. `head` came with the request.
 */
export function waiting(client: Duplex, head: Buffer): Waiting {
  const leaving = new AbortController();
  const leave = (): void => void client.destroy();
  const left = (): void => leaving.abort();
  client.once('close', left);
  if (head.length === 0) client.once('end', leave);
  client.read(0); // so many bytes are kept as its buffer takes, and an end behind none is seen
  return { left: leaving.signal, over: () => void client.off('end', leave).off('close', left) };
}
