import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Credentials, type NtlmError } from '../../../src/index.ts';
import { NtlmAcceptor, type AcceptorOptions } from '../../../src/acceptor/index.ts';

export const ALICE = Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: 'wonderland' });
export const BOB = Credentials.fromPassword({ username: 'bob', domain: 'CORP', password: 'builder' });
export const WRONG = Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: 'looking glass' });
const USERS = [ALICE, BOB];

/** One request as it reached the server. */
export interface Seen {
  readonly connection: number;
  readonly method: string;
  readonly url: string;
  /** Which NTLM message it carried. */
  readonly message: 'none' | 1 | 3 | 'other';
  /** Bytes of body that came with it. */
  body: number;
  /** Who the connection belonged to when the handler ran; `undefined` where it did not run. */
  handledFor: string | undefined;
}

export interface OriginOptions {
  readonly acceptor?: Partial<AcceptorOptions>;
  /** Values of WWW-Authenticate; default `['NTLM']`. */
  readonly offers?: readonly string[];
  readonly scheme?: string;
  /** Which requests need authentication; default: all. */
  readonly protects?: (request: IncomingMessage) => boolean;
  /** Body of each 401. */
  readonly refusalBody?: string | Buffer;
  /** Called where a challenge would be sent; `true`: it was answered. */
  readonly onNegotiate?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean | undefined;
  /** Authentication lasts for one request only. */
  readonly singleRequest?: boolean;
  readonly proxy?: boolean;
  readonly handler?: (request: IncomingMessage, response: ServerResponse, user: string) => void;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly host?: string;
}

interface Connection {
  readonly id: number;
  acceptor: NtlmAcceptor;
  user: string | undefined;
}

/** A server that asks for NTLM and remembers what it saw. */
export class Origin implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly sockets = new Set<Socket>();
  connections = 0;
  negotiates = 0;
  readonly server: Server;
  readonly #options: OriginOptions;
  readonly #states = new WeakMap<object, Connection>();

  constructor(options: OriginOptions = {}) {
    this.#options = options;
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.server = options.tls === undefined ? createServer(listener) : createTlsServer({ ...options.tls }, listener);
    this.server.on('checkContinue', listener);
    this.server.keepAliveTimeout = 60_000;
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  static async listen(options: OriginOptions = {}): Promise<Origin> {
    const origin = new Origin(options);
    await new Promise<void>((resolve) => origin.server.listen(0, options.host ?? '127.0.0.1', resolve));
    return origin;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    const { host = '127.0.0.1', tls } = this.#options;
    return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  get handled(): Seen[] {
    return this.seen.filter(({ handledFor }) => handledFor !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  #connection(request: IncomingMessage): Connection {
    let connection = this.#states.get(request.socket);
    if (connection === undefined) {
      connection = { id: (this.connections += 1), acceptor: this.#acceptor(), user: undefined };
      this.#states.set(request.socket, connection);
    }
    return connection;
  }

  #acceptor(): NtlmAcceptor {
    return new NtlmAcceptor({
      target: { nbDomainName: 'CORP', nbComputerName: 'WEB' },
      credentials: ({ username }) => USERS.find((user) => user.username === username),
      ...this.#options.acceptor,
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { scheme = 'NTLM', proxy = false, protects = () => true, singleRequest = false } = this.#options;
    const connection = this.#connection(request);
    const field = request.headers[proxy ? 'proxy-authorization' : 'authorization'];
    const token = field?.startsWith(`${scheme} `)
      ? new Uint8Array(Buffer.from(field.slice(scheme.length + 1), 'base64'))
      : undefined;
    const type = token?.[8];
    const message =
      token === undefined ? (field === undefined ? 'none' : 'other') : type === 1 || type === 3 ? type : 'other';
    const entry: Seen = {
      connection: connection.id,
      method: request.method ?? '',
      url: request.url ?? '',
      message,
      body: 0,
      handledFor: undefined,
    };
    this.seen.push(entry);
    const expects = request.headers.expect !== undefined;
    const count = (): void => void request.on('data', (bytes: Buffer) => (entry.body += bytes.length));

    if (token !== undefined && message === 1 && protects(request)) {
      count();
      this.negotiates += 1;
      if (this.#options.onNegotiate?.(request, response, this.negotiates)) return;
      connection.user = undefined;
      connection.acceptor = this.#acceptor();
      const challenge = connection.acceptor.challenge(token);
      return this.refuse(response, [`${scheme} ${Buffer.from(challenge).toString('base64')}`]);
    }
    if (token !== undefined && message === 3) {
      const result = await connection.acceptor
        .authenticate(token)
        .catch((error: NtlmError) => ({ ok: false, error }) as const);
      if (!result.ok) {
        count();
        return this.refuse(response);
      }
      connection.user = result.identity.username;
    }
    if (connection.user === undefined && protects(request)) {
      count();
      return this.refuse(response);
    }
    entry.handledFor = connection.user ?? 'nobody';
    if (singleRequest) connection.user = undefined;
    if (expects) response.writeContinue();
    count();
    const { handler = answerWithUser } = this.#options;
    handler(request, response, entry.handledFor);
  }

  refuse(response: ServerResponse, offers: readonly string[] = this.#options.offers ?? ['NTLM']): void {
    const { proxy = false, refusalBody = 'no' } = this.#options;
    response.writeHead(proxy ? 407 : 401, { [proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate']: [...offers] });
    response.end(refusalBody);
  }
}

export function answerWithUser(request: IncomingMessage, response: ServerResponse, user: string): void {
  request.on('end', () => response.end(user)).resume();
}
