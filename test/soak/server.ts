import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Credentials } from '../../src/index.ts';
import { createNtlmServer } from '../../src/http/index.ts';

export const USERNAME = 'alice';
const DOMAIN = 'CORP';
export const RIGHT = Credentials.fromPassword({ username: USERNAME, domain: DOMAIN, password: 'wonderland' });
export const WRONG = Credentials.fromPassword({ username: USERNAME, domain: DOMAIN, password: 'looking glass' });

/** A part of the requests that carry a handshake is answered by the end of the connection. */
export interface Faults {
  readonly random: () => number;
  readonly closes: number;
  /** Connections outlive their answers. */
  readonly keeps?: boolean;
}

/** Demands a handshake of every request, and closes at random: before a leg's answer, behind it, or in its midst. */
export class FaultyServer {
  readonly sockets = new Set<Socket>();
  accepted = 0;
  closed = 0;
  readonly #server: Server;

  constructor({ random, closes, keeps = false }: Faults) {
    this.#server = createNtlmServer({ credentials: RIGHT, maxRefusals: 1000, refusalLimit: { account: Infinity, address: Infinity } }, (request, response) => {
      this.accepted += 1;
      let length = 0;
      request.on('data', (bytes: Buffer) => (length += bytes.length));
      // The connection ends with its answer: the next request has to authenticate itself.
      request.on('end', () => {
        response.writeHead(200, keeps ? {} : { connection: 'close' }).end(`${request.url} ${request.ntlm.username} ${length}`);
      });
    });
    this.#server.keepAliveTimeout = 60_000;
    this.#server.prependListener('request', (request: IncomingMessage, response) => {
      if (random() >= closes) return;
      this.closed += 1;
      const when = random();
      if (when < 1 / 3) request.socket.destroy();
      else if (when < 2 / 3) response.once('finish', () => request.socket.destroy());
      else response.once('prefinish', () => request.socket.resetAndDestroy());
    });
    this.#server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
