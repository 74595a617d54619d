/** A proxy of node's own parts that asks by 407, and remembers who came. */
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import { createNtlmServer, identityOf } from '../../../src/http/index.ts';
import { ALICE, BOB } from '../../http/support/origin.ts';

export class Upstream implements AsyncDisposable {
  connections = 0;
  /** Of each type 3, whether it was accepted. */
  readonly verdicts: boolean[] = [];
  /** Of each request that it let through: who, on which connection. */
  readonly passed: { readonly method: string; readonly user: string; readonly connection: Socket }[] = [];
  readonly server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #agents = new WeakMap<Socket, Agent>();

  private constructor() {
    this.server = createNtlmServer(
      {
        side: 'proxy',
        trustedProxy: true,
        target: { nbDomainName: 'CORP', nbComputerName: 'PROXY' },
        credentials: ({ username }) => [ALICE, BOB].find((user) => user.username === username),
        onVerdict: (verdict) => this.verdicts.push('ok' in verdict && verdict.ok),
      },
      (request, response) => this.#relay(request, response),
    )
      .on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => this.#tunnel(request, client, head))
      .on('connection', (socket: Socket) => {
        this.connections += 1;
        this.#sockets.add(socket);
        socket.on('close', () => this.#sockets.delete(socket));
      });
  }

  static async listen(port = 0): Promise<Upstream> {
    const upstream = new Upstream();
    upstream.server.listen(port, '127.0.0.1');
    await once(upstream.server, 'listening');
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ends every connection at once, and listens on. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    this.cut();
    await new Promise((resolve) => setImmediate(resolve));
  }

  #relay(request: IncomingMessage, response: ServerResponse): void {
    const { socket, method = '' } = request;
    this.passed.push({ method, user: identityOf(socket)?.username ?? '', connection: socket });
    const target = new URL(request.url ?? '');
    const { 'proxy-connection': _connection, 'proxy-authorization': _authorization, connection: _hop, ...headers } = request.headers;
    const out = httpRequest({ agent: this.#agentOf(socket), host: target.hostname, port: target.port, method, path: `${target.pathname}${target.search}`, headers });
    out.on('error', () => response.destroy());
    out.on('response', (answer) => {
      const { connection: _answerHop, 'keep-alive': _keepAlive, 'transfer-encoding': _coding, ...answerHeaders } = answer.headers;
      response.writeHead(answer.statusCode ?? 0, answer.statusMessage, answerHeaders);
      pipeline(answer, response, () => {});
    });
    pipeline(request, out, () => {});
  }

  /** As Squid does: a connection in front that speaks of its own authentication has one behind to itself. Here: each. */
  #agentOf(socket: Socket): Agent {
    let agent = this.#agents.get(socket);
    if (agent === undefined) {
      const own = (agent = new Agent({ keepAlive: true, maxSockets: 1 }));
      this.#agents.set(socket, own);
      socket.once('close', () => own.destroy());
    }
    return agent;
  }

  #tunnel(request: IncomingMessage, client: Duplex, head: Buffer): void {
    this.passed.push({ method: 'CONNECT', user: identityOf(request.socket)?.username ?? '', connection: request.socket });
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(request.url ?? '') ?? [];
    const behind = connect(Number(port), host.replace(/^\[(.*)\]$/, '$1'), () => {
      client.write('HTTP/1.1 200 Connected\r\n\r\n');
      behind.write(head);
      behind.pipe(client).pipe(behind);
    });
    behind.on('error', () => client.destroy());
    client.on('error', () => behind.destroy()).on('close', () => behind.destroy());
    behind.on('close', () => client.destroy());
  }
}
