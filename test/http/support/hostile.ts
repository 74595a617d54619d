import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { InspectionEvent } from 'xstate';

/** One request as it reached the peer. */
export interface Leg {
  readonly socket: Socket;
  readonly head: string;
  /** Which NTLM message it carried. */
  readonly message: 'none' | 1 | 3 | 'other';
  readonly token: Uint8Array;
  /** Requests with this message, this one included, over all connections. */
  readonly count: number;
  readonly connection: number;
}

export interface PeerOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A peer of raw bytes: it writes whatever `answer` makes it write, and remembers what it was sent. */
export class HostilePeer implements AsyncDisposable {
  readonly seen: Leg['message'][] = [];
  readonly open = new Set<Socket>();
  connections = 0;
  readonly #server: Server;
  readonly #tls: boolean;

  private constructor(answer: (leg: Leg) => void, { tls }: PeerOptions) {
    const serve = (socket: Socket): void => this.#serve(socket, (this.connections += 1), answer);
    this.#tls = tls !== undefined;
    this.#server = tls === undefined ? createTcpServer(serve) : createTlsServer({ ...tls }, serve);
  }

  static async listen(answer: (leg: Leg) => void, options: PeerOptions = {}): Promise<HostilePeer> {
    const peer = new HostilePeer(answer, options);
    await new Promise<void>((resolve) => peer.#server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get url(): string {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket, connection: number, answer: (leg: Leg) => void): void {
    this.open.add(socket);
    socket.on('close', () => this.open.delete(socket)).on('error', () => {});
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      for (let end = received.indexOf('\r\n\r\n'); end !== -1; end = received.indexOf('\r\n\r\n')) {
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(0, end + 2))?.[1] ?? 0);
        if (received.length < end + 4 + length) return;
        const head = received.slice(0, end);
        received = received.slice(end + 4 + length);
        const field = /authorization: (?:NTLM|Negotiate) (\S+)/i.exec(head)?.[1];
        const token = new Uint8Array(Buffer.from(field ?? '', 'base64'));
        const type = token[8];
        const message = field === undefined ? 'none' : type === 1 || type === 3 ? type : 'other';
        this.seen.push(message);
        const count = this.seen.filter((other) => other === message).length;
        answer({ socket, head, message, token, count, connection });
      }
    });
  }
}

export interface ReplyForm {
  readonly status?: number;
  readonly challenge?: string | undefined;
  readonly fields?: string;
  readonly body?: string;
}

/** A response as text; without `status`, a 401. */
export function reply({ status = 401, challenge, fields = '', body = '' }: ReplyForm = {}): string {
  const offer = challenge === undefined ? '' : `${status === 407 ? 'Proxy' : 'WWW'}-Authenticate: ${challenge}\r\n`;
  return `HTTP/1.1 ${status} Answer\r\n${offer}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** As the value of a field: scheme and type 2. */
export function ntlm(token: Uint8Array): string {
  return `NTLM ${Buffer.from(token).toString('base64')}`;
}

/** Writes the first `bytes` of a text, and no more. */
export function stall(socket: Socket, text: string, bytes: number): void {
  if (bytes > 0) socket.write(text.slice(0, bytes));
}

/** An inspector, and the states of the connections' machines that it saw, in order. */
export function stateWatcher(): { readonly inspect: (event: InspectionEvent) => void; readonly states: string[] } {
  const states: string[] = [];
  const inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.snapshot') return;
    const { value, context } = event.snapshot as { value?: unknown; context?: { side?: string } };
    if (value === undefined || context?.side === undefined) return;
    const state = pathOf(value);
    if (states.at(-1) !== state) states.push(state);
  };
  return { inspect, states };
}

function pathOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}.${pathOf(inner)}`)
    .join(', ');
}

/** Sockets, timers and listeners of this process, by kind. */
export function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (/^(?:TCP|TLS|Timeout)/.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts.set('listeners', process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0));
}

/** The kinds of which there are more than `before`, once what ends by itself had a moment to. */
export async function leftBehind(before: ReadonlyMap<string, number>): Promise<string[]> {
  const more = (): string[] => [...resources()].flatMap(([name, count]) => (count > (before.get(name) ?? 0) ? [`${name}: ${count}`] : []));
  await until(() => more().length === 0, 300);
  return more();
}

/** Waits until `holds`, at most `milliseconds`. */
export async function until(holds: () => boolean, milliseconds = 1000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!holds() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
}
