/** Process: a server of long bodies, one that asks for NTLM and one that does not. `GET /N` sends N bytes, a PUT is counted. */
import { Credentials } from 'ntlmachine';
import { createNtlmServer } from 'ntlmachine/http';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { blocksOf } from './blocks.ts';

const [user = ''] = process.argv.slice(2);
const { username, domain, password } = JSON.parse(user) as { username: string; domain: string; password: string };

const answer = (request: IncomingMessage, response: ServerResponse): void => {
  if (request.method === 'GET') {
    const length = Number(request.url?.slice(1));
    response.writeHead(200, { 'Content-Length': length });
    return void Readable.from(blocksOf(length), { objectMode: false }).pipe(response);
  }
  let length = 0;
  request.on('data', (bytes: Buffer) => (length += bytes.length)).on('end', () => response.end(String(length)));
};

async function open(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const credentials = Credentials.fromPassword({ username, domain, password });
process.send?.({ open: await open(createServer(answer)), ntlm: await open(createNtlmServer({ credentials }, answer)) });
process.on('disconnect', () => process.exit());
