/** What is told of an exchange when it is over: never a path, a query or a credential. */

export interface GatewayEntry {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly method: string;
  /** Host and port that were asked for. */
  readonly host: string;
  /** 0 where the client left before there was an answer. */
  readonly status: number;
  /** Requests on the wire that this exchange cost: its own, and those of a handshake before it. */
  readonly legs: number;
  readonly milliseconds: number;
  /** Over a connection of the pool, over one that belongs to this client alone, or through a tunnel. */
  readonly way: 'pooled' | 'pinned' | 'tunnel' | 'none';
  /** Why there was no answer of the other end. */
  readonly reason?: string | undefined;
}

/** One line: `GET intranet.corp 200 2 legs 14 ms`. */
export function renderEntry({ method, host, status, legs, milliseconds, way, reason }: GatewayEntry): string {
  const spent = `${legs} leg${legs === 1 ? '' : 's'}`;
  const kind = way === 'pooled' ? '' : ` ${way}`;
  return `${method} ${host} ${status === 0 ? '-' : status} ${spent} ${milliseconds} ms${kind}${reason === undefined ? '' : `: ${reason}`}`;
}
