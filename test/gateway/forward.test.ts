/** A proxy in front of a proxy that asks for NTLM. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createGateway } from '../../src/gateway/index.ts';
import { ALICE, Origin, WRONG } from '../http/support/origin.ts';
import { Proxy } from '../http/support/proxy.ts';
import { Upstream } from './support/upstream.ts';
import { RunningGateway, oneConnection, read } from './support/client.ts';

const open = (): Promise<Origin> => Origin.listen({ protects: () => false });

describe('plain requests', () => {
  test('go on connections of a pool that authenticate once', async () => {
    await using proxy = await Upstream.listen();
    await using origin = await open();
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    for (let i = 0; i < 5; i += 1) expect((await gateway.ask(`${origin.url}/x?secret=1`)).status).toBe(200);
    expect(proxy.verdicts).toEqual([true]);
    expect(origin.handled).toHaveLength(5);
    expect(origin.handled.every(({ url }) => url.endsWith('/x?secret=1'))).toBe(true);
    expect(gateway.entries.map(({ method, status, way, legs }) => `${method} ${status} ${way} ${legs}`)).toEqual(
      [3, 1, 1, 1, 1].map((legs) => `GET 200 pooled ${legs}`),
    );
    expect(JSON.stringify(gateway.entries)).not.toContain('secret');
  });

  test.each(['length', 'chunked'] as const)('a body (%s) arrives whole, once, and streams', async (framing) => {
    await using proxy = await Upstream.listen();
    await using origin = await Origin.listen({
      protects: () => false,
      handler: (request, response) => {
        const hash = createHash('sha256');
        request.on('data', (bytes: Buffer) => hash.update(bytes)).on('end', () => response.end(hash.digest('hex')));
      },
    });
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const body = Buffer.alloc(3_000_000, 'abc');
    const headers = framing === 'chunked' ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(body.length) };
    const answer = await gateway.ask(`${origin.url}/`, { method: 'PUT', body, headers });
    expect(answer.text).toBe(createHash('sha256').update(body).digest('hex'));
    expect(origin.handled).toHaveLength(1);
    expect(origin.handled[0]?.body).toBe(body.length);
  });

  test('fields of the connection stay on it, all others go on in their order', async () => {
    await using proxy = await Upstream.listen();
    const fields: string[][] = [];
    await using origin = await Origin.listen({
      protects: () => false,
      handler: (request, response) => {
        fields.push(request.rawHeaders);
        response.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-End', 'yes']);
        response.end();
      },
    });
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const answer = await gateway.ask(`${origin.url}/`, {
      headers: { 'Proxy-Authorization': 'Basic c2VjcmV0OnNlY3JldA==', Connection: 'x-mine, close', 'X-Mine': 'no', TE: 'trailers', 'X-Other': ['1', '2'] },
    });
    const sent = fields[0]!.map((text) => text.toLowerCase());
    expect(sent.filter((text) => ['x-mine', 'te'].includes(text))).toEqual([]);
    expect(fields[0]!.join('\n')).not.toContain('Basic');
    expect(sent[sent.indexOf('x-other') + 1]).toBe('1, 2'); // joined by the proxy
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.headers['x-end']).toBe('yes');
    expect(answer.headers.via).toMatch(/^1\.1 ntlmachine-/);
  });

  test('an Expect of the client waits for the word of the server', async () => {
    await using proxy = await Upstream.listen();
    await using origin = await open();
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const out = httpRequest({
      host: '127.0.0.1',
      port: gateway.port,
      method: 'POST',
      path: `${origin.url}/`,
      headers: { Host: new URL(origin.url).host, Expect: '100-continue', 'Content-Length': '5' },
      agent: false,
    });
    out.flushHeaders();
    await once(out, 'continue');
    out.end('hello');
    const [answer] = (await once(out, 'response')) as [IncomingMessage];
    expect((await read(answer)).status).toBe(200);
    expect(origin.handled[0]?.body).toBe(5);
  });

  test('HEAD has no body, 204 and 304 neither, and the connection goes on', async () => {
    await using proxy = await Upstream.listen();
    await using origin = await Origin.listen({
      protects: () => false,
      handler: ({ url }, response) => response.writeHead(Number(url?.slice(1))).end(url?.endsWith('/200') ? 'text' : undefined),
    });
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    using agent = oneConnection();
    expect((await gateway.ask(`${origin.url}/200`, { method: 'HEAD', agent })).text).toBe('');
    expect((await gateway.ask(`${origin.url}/204`, { agent })).status).toBe(204);
    expect((await gateway.ask(`${origin.url}/304`, { agent })).status).toBe(304);
    expect((await gateway.ask(`${origin.url}/200`, { agent })).text).toBe('text');
  });

  test('many at once share few connections, and each gets its own answer', async () => {
    await using proxy = await Upstream.listen();
    await using origin = await Origin.listen({
      protects: () => false,
      handler: (request, response) => request.resume().on('end', () => response.end(request.url)),
    });
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE, maxUpstreamConnections: 8 });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => gateway.ask(`${origin.url}/${i}`)));
    expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => `/${i}`));
    expect(proxy.connections).toBeLessThanOrEqual(8);
  });
});

describe('tunnels', () => {
  test('carry bytes both ways, also those that came early', async () => {
    await using proxy = await Proxy.listen();
    await using origin = await open();
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const authority = new URL(origin.url).host;
    const text = await gateway.raw(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\nGET /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 2000);
    expect(text).toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\nHTTP\/1\.1 200 OK/);
    expect(origin.handled.map(({ url }) => url)).toEqual(['/early']);
    expect(gateway.entries).toMatchObject([{ method: 'CONNECT', host: authority, status: 200, way: 'tunnel' }]);
  });

  test('carry the WebSockets of ws', async () => {
    await using proxy = await Proxy.listen();
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(sockets, 'listening');
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${String(data)}`)));
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const authority = `127.0.0.1:${(sockets.address() as AddressInfo).port}`;
    const tunnel = await gateway.tunnel(authority);
    const socket = new WebSocket(`ws://${authority}/`, { createConnection: () => tunnel.socket });
    await once(socket, 'open');
    socket.send('you');
    expect(String((await once(socket, 'message'))[0])).toBe('heard you');
    socket.close();
    await once(socket, 'close');
    sockets.close();
  });

  test('that the upstream refuses are refused with its status', async () => {
    await using proxy = await Proxy.listen({ refusesTunnels: '403 Forbidden' });
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const { status, socket } = await gateway.tunnel('intranet.example:443');
    socket.destroy();
    expect(status).toBe(403);
    expect(gateway.entries[0]?.reason).toContain('opened no tunnel: 403');
  });

  test('end with either side', async () => {
    await using proxy = await Proxy.listen();
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => void sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const first = await gateway.tunnel(authority);
    first.socket.write('x');
    await once(sockets[0]!, 'data');
    sockets[0]!.destroy();
    await once(first.socket.resume(), 'close');
    const second = await gateway.tunnel(authority);
    second.socket.write('x');
    await once(sockets[1]!, 'data');
    const gone = once(sockets[1]!.resume(), 'close');
    second.socket.destroy();
    await gone;
    server.close();
  });
});

describe('upstreams', () => {
  test('one that cannot be reached gives way to the next, and is tried last for a while', async () => {
    await using proxy = await Proxy.listen();
    await using origin = await open();
    const dead = createTcpServer().listen(0, '127.0.0.1');
    await once(dead, 'listening');
    const gone = `http://127.0.0.1:${(dead.address() as AddressInfo).port}`;
    dead.close();
    await using gateway = await RunningGateway.start({ upstream: [gone, proxy.url], credentials: ALICE });
    expect((await gateway.ask(`${origin.url}/`, { method: 'POST', body: 'whole' })).status).toBe(200);
    expect(origin.handled[0]?.body).toBe(5);
    expect((await gateway.tunnel(new URL(origin.url).host)).status).toBe(200);
    await using alone = await RunningGateway.start({ upstream: gone, credentials: ALICE });
    const answer = await alone.ask(`${origin.url}/`);
    expect(answer.status).toBe(502);
    expect(answer.headers['proxy-status']).toMatch(/^ntlmachine; error=connection_refused; details="/);
    expect((await alone.tunnel(new URL(origin.url).host)).status).toBe(502);
  });

  test('one that refuses the password is named by a 502, never by its 407', async () => {
    await using proxy = await Proxy.listen();
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: WRONG });
    const answer = await gateway.ask('http://intranet.example/');
    expect(answer.status).toBe(502);
    expect(answer.headers['proxy-authenticate']).toBeUndefined();
    expect(answer.text).toContain('the proxy refused the credentials');
    const { status } = await gateway.tunnel('intranet.example:443');
    expect(status).toBe(502);
    for (let i = 0; i < 10; i += 1) await gateway.ask('http://intranet.example/');
    expect(proxy.seen.filter(({ message }) => message === 3).length).toBeLessThanOrEqual(2);
  });

  test('one that takes Basic only is given nothing', async () => {
    await using proxy = await Proxy.listen({ offers: 'Basic realm="x"' });
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
    const answer = await gateway.ask('http://intranet.example/');
    expect(answer.status).toBe(502);
    expect(answer.text).toContain('Basic');
  });

  test('one that ends with half an answer leaves half an answer, not a whole one', async () => {
    const server = createTcpServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using gateway = await RunningGateway.start({ upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials: ALICE });
    await expect(gateway.ask('http://intranet.example/')).rejects.toThrow(/aborted/);
    server.close();
  });

  test.each(['/a/../b', '/a//b/./c', '/%7euser/%2e%2E/"x"?a=\'b\'|c', '?only=query', ''])('a path is no proxy’s to change: "%s"', async (path) => {
    await using origin = await open();
    await using gateway = await RunningGateway.start({ upstream: 'http://127.0.0.1:1', credentials: ALICE, noProxy: ['127.0.0.1'] });
    expect(await gateway.raw(`GET ${origin.url}${path} HTTP/1.1\r\nHost: ${new URL(origin.url).host}\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(origin.handled.map(({ url }) => url)).toEqual([path.startsWith('/') ? path : `/${path}`]);
  });

  test('hosts of noProxy are reached directly', async () => {
    await using proxy = await Proxy.listen();
    await using origin = await open();
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE, noProxy: ['127.0.0.1'] });
    expect((await gateway.ask(`${origin.url}/a?b`)).status).toBe(200);
    expect((await gateway.tunnel(new URL(origin.url).host)).status).toBe(200);
    expect(proxy.connections).toBe(0);
    expect(origin.handled[0]?.url).toBe('/a?b');
  });
});

test('closing it ends its upstream connections', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.end()).on('connection', (socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = createGateway({ upstream, credentials: ALICE }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const out = httpRequest({ host: '127.0.0.1', port: (gateway.address() as AddressInfo).port, path: 'http://x.example/', headers: { Host: 'x.example' } }).end();
  const [answer] = (await once(out, 'response')) as [IncomingMessage];
  await read(answer);
  const [socket] = sockets;
  const closed = once(socket!, 'close');
  gateway.close();
  gateway.closeAllConnections();
  await closed;
  server.close();
});
