/** A gateway that listens, and clients that know nothing of NTLM. */
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createGateway, type GatewayEntry, type GatewayOptions } from '../../../src/gateway/index.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly text: string;
  readonly trailers: IncomingMessage['trailers'];
}

export interface Asked {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  /** Keeps the client's connection. */
  readonly agent?: Agent;
  /** Bytes of an answer's head; node's default is 16 KiB. */
  readonly maxHeaderSize?: number;
}

export class RunningGateway implements AsyncDisposable {
  readonly entries: GatewayEntry[] = [];
  readonly server;

  private constructor(options: GatewayOptions) {
    this.server = createGateway({ onExchange: (entry) => this.entries.push(entry), ...options });
  }

  static async start(options: GatewayOptions, address = '127.0.0.1'): Promise<RunningGateway> {
    const gateway = new RunningGateway(options);
    gateway.server.listen(0, address);
    await once(gateway.server, 'listening');
    return gateway;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A request as a client of a proxy writes it, or for a path as one of a server does. */
  async ask(target: string, { method = 'GET', headers = {}, body, agent, maxHeaderSize }: Asked = {}): Promise<Answer> {
    const absolute = target.startsWith('http:');
    const out = httpRequest({
      host: '127.0.0.1',
      port: this.port,
      method,
      path: target,
      headers: { ...(absolute ? { Host: new URL(target).host } : {}), ...headers },
      agent: agent ?? false,
      ...(maxHeaderSize === undefined ? {} : { maxHeaderSize }),
    });
    out.end(body);
    const [answer] = (await once(out, 'response')) as [IncomingMessage];
    return read(answer);
  }

  /** A tunnel; `undefined` where there is none. */
  async tunnel(authority: string, headers: OutgoingHttpHeaders = {}): Promise<{ status: number; socket: Socket }> {
    const out = httpRequest({ host: '127.0.0.1', port: this.port, method: 'CONNECT', path: authority, headers, agent: false });
    out.end();
    const [answer, socket] = (await once(out, 'connect')) as [IncomingMessage, Socket];
    return { status: answer.statusCode ?? 0, socket };
  }

  /** Bytes as they are, in parts with a pause between them, and all that came back until the gateway closed or nothing more came for a while. */
  async raw(text: string | readonly string[], patience = 300): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    let received = '';
    socket.on('data', (bytes: Buffer) => (received += bytes.toString('latin1'))).on('error', () => {});
    for (const [index, part] of [text].flat().entries()) {
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      socket.write(part, 'latin1');
    }
    await Promise.race([
      once(socket, 'close'),
      new Promise<void>((resolve) => {
        let timer = setTimeout(resolve, patience);
        socket.on('data', () => (clearTimeout(timer), (timer = setTimeout(resolve, patience))));
      }),
    ]);
    socket.destroy();
    return received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function read(answer: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const bytes of answer) chunks.push(bytes as Buffer);
  const { statusCode: status = 0, headers, rawHeaders, trailers } = answer;
  return { status, headers, rawHeaders, trailers, text: Buffer.concat(chunks).toString('utf8') };
}

/** One connection for all that is asked with it. */
export function oneConnection(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}
