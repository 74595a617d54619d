import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { ALICE, BOB } from './origin.ts';

export interface ProxyOptions {
  /** Default: NTLM. */
  readonly offers?: string;
  /** Whether it asks at all. */
  readonly asks?: boolean;
  /** The 407 to a request without credentials closes the connection. */
  readonly closesFirst?: boolean;
  /** Answer to an authenticated CONNECT; default: a tunnel. */
  readonly refusesTunnels?: string;
}

/** A proxy of raw bytes: one connection behind for each in front, once it knows who is there. */
export class Proxy implements AsyncDisposable {
  /** Start lines, and the NTLM message each carried. */
  readonly seen: { readonly line: string; readonly message: 'none' | 1 | 3; readonly connection: number }[] = [];
  /** Their heads. */
  readonly heads: string[] = [];
  /** Each type 3, right or wrong. */
  readonly responses: Uint8Array[] = [];
  /** Whom it took in. */
  readonly users: string[] = [];
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: ProxyOptions) {
    this.#server = createServer((socket) => this.#serve(socket, (this.connections += 1), options));
  }

  static async listen(options: ProxyOptions = {}): Promise<Proxy> {
    const proxy = new Proxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(
    socket: Socket,
    connection: number,
    { offers = 'NTLM', asks = true, closesFirst = false, refusesTunnels }: ProxyOptions,
  ): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy());
    let acceptor: NtlmAcceptor | undefined;
    let received = Buffer.alloc(0);
    let head = false;
    const refuse = (challenge: string, close = false): void =>
      void socket.write(
        `HTTP/1.1 407 Who\r\nProxy-Authenticate: ${challenge}\r\nContent-Length: 2\r\n${close ? 'Connection: close\r\n' : ''}\r\n${head ? '' : 'no'}`,
        () => close && socket.end(),
      );
    const onData = async (bytes: Buffer): Promise<void> => {
      received = Buffer.concat([received, bytes]);
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) return;
      const text = received.toString('latin1', 0, end);
      const [line = ''] = text.split('\r\n');
      head = line.startsWith('HEAD ');
      this.heads.push(text);
      const token68 = /^proxy-authorization: NTLM (.*)$/im.exec(text)?.[1];
      const token = token68 === undefined ? undefined : new Uint8Array(Buffer.from(token68, 'base64'));
      this.seen.push({ line, message: token === undefined ? 'none' : (token[8] as 1 | 3), connection });
      if (asks) {
        if (token?.[8] === 3 && acceptor !== undefined) {
          this.responses.push(token);
          const verdict = await acceptor.authenticate(token);
          if (!verdict.ok) return next(() => refuse(offers));
          this.users.push(verdict.identity.username);
        } else if (token?.[8] === 1) {
          acceptor = new NtlmAcceptor({
            target: { nbDomainName: 'CORP', nbComputerName: 'PROXY' },
            credentials: ({ username }) => [ALICE, BOB].find((user) => user.username === username),
          });
          const challenge = Buffer.from(acceptor.challenge(token)).toString('base64');
          return next(() => refuse(`NTLM ${challenge}`));
        } else {
          return next(() => refuse(offers, closesFirst));
        }
      }
      socket.off('data', onData);
      const tunnel = line.startsWith('CONNECT ');
      const target = tunnel ? (line.split(' ')[1] ?? '') : new URL(line.split(' ')[1] ?? '').host;
      if (tunnel && refusesTunnels !== undefined)
        return void socket.end(`HTTP/1.1 ${refusesTunnels}\r\nContent-Length: 0\r\n\r\n`);
      const upstream = connect(Number(target.split(':').pop()), '127.0.0.1', () => {
        if (tunnel) socket.write('HTTP/1.1 200 Connected\r\n\r\n');
        upstream.write(tunnel ? received.subarray(end + 4) : received);
        socket.pipe(upstream).pipe(socket);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
    };
    const next = (answer: () => void): void => {
      received = Buffer.alloc(0); // requests here have no body before they may go on
      answer();
    };
    socket.on('data', onData);
  }
}
