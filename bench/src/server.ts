/** The servers of the parts that need some, in a process of their own; they count. */
import { Credentials } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';
import { createNtlmServer } from 'ntlmachine/http';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { account } from './scenario.ts';

/** What went over the wire since the server started. */
export interface WireCounts {
  readonly connections: number;
  readonly requests: number;
}

export interface ServerReady {
  /** `http://127.0.0.1:port/` */
  readonly ntlm: string;
  readonly anonymous: string;
  /**
   * Asks once a connection, and then looks at a mark on it and at nothing else, whoever sends: what differs is the client's
   * own. `/in` marks a connection without a handshake.
   */
  readonly marking: string;
}

let connections = 0;
let requests = 0;

/** Of what `/download` sends. */
const DOWNLOAD = 50 * 1024 * 1024;
const block = Buffer.alloc(64 * 1024, 'x');

function* blocks(): Generator<Buffer> {
  for (let sent = 0; sent < DOWNLOAD; sent += block.length) yield block;
}

const answer = ({ url }: IncomingMessage, response: ServerResponse): void => {
  if (url === '/download') {
    response.writeHead(200, { 'Content-Length': DOWNLOAD });
    return void Readable.from(blocks(), { objectMode: false }).pipe(response);
  }
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 3 }).end('ok\n');
};

const inside = new WeakSet<Socket>();
const acceptors = new WeakMap<Socket, NtlmAcceptor>();

const answerOnceIn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { socket } = request;
  if (inside.has(socket)) return answer(request, response);
  const token = Buffer.from(/^NTLM (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '', 'base64');
  const acceptor = acceptors.get(socket);
  if (request.url === '/in' || (acceptor !== undefined && (await acceptor.authenticate(token)).ok)) {
    inside.add(socket);
    return answer(request, response);
  }
  let field = 'NTLM';
  if (token.length > 0) {
    const opened = new NtlmAcceptor({ target: { nbDomainName: 'BENCH', nbComputerName: 'SERVER' }, credentials: () => credentials });
    acceptors.set(socket, opened);
    field = `NTLM ${Buffer.from(opened.challenge(token)).toString('base64')}`;
  }
  response.writeHead(401, { 'WWW-Authenticate': field, 'Content-Length': 0 }).end();
};

async function open(server: Server): Promise<string> {
  server.keepAliveTimeout = 0;
  server.on('connection', () => connections++);
  server.on('request', () => requests++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const credentials = Credentials.fromPassword(account);
const ready: ServerReady = {
  ntlm: await open(createNtlmServer({ credentials }, answer)),
  anonymous: await open(createServer(answer)),
  marking: await open(createServer((request, response) => void answerOnceIn(request, response))),
};
process.on('message', () => process.send?.({ connections, requests } satisfies WireCounts));
process.on('disconnect', () => process.exit());
process.send?.(ready);
