/** Bodies larger than memory should ever see: they flow, whichever end is slow. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { requireNtlm } from '../../src/http/index.ts';
import { ALICE } from '../http/support/origin.ts';
import { HostilePeer } from '../http/support/hostile.ts';
import { RunningGateway } from './support/client.ts';
import { Upstream } from './support/upstream.ts';

const BLOCK = Buffer.alloc(64 * 1024, 'x');
const LENGTH = 96 * 1024 * 1024;
/** What kernels and streams hold on up to four connections; who collects a body takes all of it. */
const MOST = LENGTH / 2;

/** Of the body under way. */
let sent = 0;
function* blocks(): Generator<Buffer> {
  for (sent = 0; sent < LENGTH; sent += BLOCK.length) yield BLOCK;
}

/** Takes nothing until whoever sends is held up, then everything. */
class SlowSink extends Writable {
  length = 0;
  /** Bytes that had left by then. */
  underWay = 0;

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.length += bytes.length;
    if (this.underWay > 0) return done();
    const look = setInterval(() => {
      if (sent !== this.underWay) return void (this.underWay = sent);
      clearInterval(look);
      done();
    }, 200);
  }
}

let sink = new SlowSink();

async function server(asks: boolean): Promise<{ readonly url: string } & AsyncDisposable> {
  const answer = async (request: IncomingMessage, response: import('node:http').ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      response.writeHead(200, request.url === '/chunks' ? {} : { 'Content-Length': LENGTH });
      return pipeline(Readable.from(blocks(), { objectMode: false }), response);
    }
    await pipeline(request, sink);
    response.end(String(sink.length));
  };
  const own = createServer(asks ? requireNtlm({ credentials: () => ALICE }, answer) : (request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(own, 'listening');
  return {
    url: `http://127.0.0.1:${(own.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => void (own.close(), own.closeAllConnections()),
  };
}

const WAYS = ['a proxy in front', 'a tunnel', 'a server in front'] as const;

beforeEach(() => void (sink = new SlowSink()));

describe.each(WAYS)('through %s', (way) => {
  const meet = async (use: (options: RequestOptions) => Promise<void>): Promise<void> => {
    const reverse = way === 'a server in front';
    await using upstream = await Upstream.listen();
    await using origin = await server(reverse);
    await using gateway = await RunningGateway.start(reverse ? { to: origin.url, credentials: ALICE } : { upstream: upstream.url, credentials: ALICE });
    const { host } = new URL(origin.url);
    if (way === 'a tunnel') {
      const { socket } = await gateway.tunnel(host);
      return await use({ createConnection: () => socket, path: '/', headers: { Host: host } });
    }
    const path = reverse ? '/' : `${origin.url}/`;
    await use({ host: '127.0.0.1', port: gateway.port, path, headers: { Host: reverse ? `127.0.0.1:${gateway.port}` : host }, agent: false });
  };

  test('96 MiB up', () =>
    meet(async (options) => {
      const out = httpRequest({ ...options, method: 'PUT', headers: { ...options.headers, 'Content-Length': LENGTH } });
      const answered = once(out, 'response');
      await pipeline(Readable.from(blocks(), { objectMode: false }), out);
      const [answer] = (await answered) as [IncomingMessage];
      let text = '';
      for await (const part of answer) text += part;
      expect(text).toBe(String(LENGTH));
      expect(sink.underWay).toBeLessThan(MOST);
    }));

  test.each(['', 'chunks'])('96 MiB down %s', (path) =>
    meet(async (options) => {
      const out = httpRequest({ ...options, path: `${options.path}${path}` }).end();
      const [answer] = (await once(out, 'response')) as [IncomingMessage];
      await pipeline(answer, sink);
      expect(sink.length).toBe(LENGTH);
      expect(sink.underWay).toBeLessThan(MOST);
    }),
  );
});

test('a body whose client lost patience with a server that says no 100 goes on all the same', async () => {
  await using peer = await HostilePeer.listen(({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  await using gateway = await RunningGateway.start({ upstream: 'http://127.0.0.1:1', credentials: ALICE, noProxy: ['*'] });
  const { host } = new URL(peer.url);
  const out = httpRequest({ host: '127.0.0.1', port: gateway.port, method: 'PUT', path: `${peer.url}/`, headers: { Host: host, Expect: '100-continue', 'Content-Length': 5 }, agent: false });
  out.flushHeaders();
  setTimeout(() => out.end('hello'), 50);
  const [answer] = (await once(out, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);
  answer.resume();
});
