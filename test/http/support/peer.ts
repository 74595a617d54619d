import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { NtlmAcceptor, type AcceptorOptions } from '../../../src/acceptor/index.ts';
import { ALICE, BOB } from './origin.ts';

/** One request as the peer got it. */
export interface Exchange {
  readonly socket: Socket;
  /** Which NTLM message it carries. */
  readonly message: 'none' | 1 | 3;
  readonly token: Uint8Array;
  /** 1 for the first request of the peer's life. */
  readonly count: number;
  /** What an honest server would write. */
  readonly honest: string;
}

export const unauthorized = (challenge: string): string =>
  `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ${challenge}\r\nContent-Length: 2\r\n\r\nno`;
export const ok = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
export const asChallenge = (token: Uint8Array): string => unauthorized(`NTLM ${Buffer.from(token).toString('base64')}`);

/** A server of raw bytes that knows what an honest one would say, and may say something else. */
export class Peer implements AsyncDisposable {
  readonly exchanges: Exchange[] = [];
  readonly sockets = new Set<Socket>();
  connections = 0;
  readonly #server: Server;

  constructor(answer: (exchange: Exchange) => void, acceptorOptions: Partial<AcceptorOptions> = {}) {
    this.#server = createServer((socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket)).on('error', () => socket.destroy());
      let acceptor: NtlmAcceptor | undefined;
      let user: string | undefined;
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes.toString('latin1');
        const end = received.indexOf('\r\n\r\n');
        if (end === -1) return;
        const head = received.slice(0, end);
        received = received.slice(end + 4);
        const field = /^authorization: NTLM (.*)$/im.exec(head)?.[1];
        const token = Uint8Array.from(Buffer.from(field ?? '', 'base64'));
        const message = token[8] === 1 ? 1 : token[8] === 3 ? 3 : 'none';
        const respond = (honest: string): void => {
          const exchange = { socket, message, token, honest, count: this.exchanges.length + 1 } as const;
          this.exchanges.push(exchange);
          answer(exchange);
        };
        if (message === 1) {
          acceptor = new NtlmAcceptor({
            target: { nbDomainName: 'CORP', nbComputerName: 'WEB' },
            credentials: ({ username }) => [ALICE, BOB].find((known) => known.username === username),
            ...acceptorOptions,
          });
          return respond(asChallenge(acceptor.challenge(token)));
        }
        if (message === 'none' || acceptor === undefined) return respond(user === undefined ? unauthorized('NTLM') : ok(user));
        void acceptor.authenticate(token).then((verdict) => {
          if (verdict.ok) user = verdict.identity.username;
          respond(verdict.ok ? ok(verdict.identity.username) : unauthorized('NTLM'));
        });
      });
    });
  }

  static async listen(answer: (exchange: Exchange) => void, acceptorOptions: Partial<AcceptorOptions> = {}): Promise<Peer> {
    const peer = new Peer(answer, acceptorOptions);
    await new Promise<void>((resolve) => peer.#server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  count(message: Exchange['message']): number {
    return this.exchanges.filter((exchange) => exchange.message === message).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
