/** The servers of part 3, in a process of their own: one that asks for NTLM, one that does not; both count. */
import { Credentials } from 'ntlmachine';
import { createNtlmServer } from 'ntlmachine/http';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
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

async function open(server: Server): Promise<string> {
  server.keepAliveTimeout = 0;
  server.on('connection', () => connections++);
  server.on('request', () => requests++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const ready: ServerReady = {
  ntlm: await open(createNtlmServer({ credentials: Credentials.fromPassword(account) }, answer)),
  anonymous: await open(createServer(answer)),
};
process.on('message', () => process.send?.({ connections, requests } satisfies WireCounts));
process.on('disconnect', () => process.exit());
process.send?.(ready);
