/** A stand-in for a server that asks for NTLM. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocketServer, WebSocket } from 'ws';
import { createNtlmServer } from '../../src/http/index.ts';
import { NtlmClient } from '../../src/index.ts';
import { ALICE, BOB, Origin, WRONG } from '../http/support/origin.ts';
import { makeCertificate } from '../http/support/certificate.ts';
import { RunningGateway, oneConnection } from './support/client.ts';

test('answers the 401 of its server, and says whose names are whose', async () => {
  await using origin = await Origin.listen({
    handler: (request, response, user) => {
      response.writeHead(302, [
        ...['Location', `${origin.url}/next?a=b#c`, 'Content-Location', 'relative/path'],
        ...['Set-Cookie', 'one=1; Domain=127.0.0.1; Path=/; Secure; HttpOnly', 'Set-Cookie', 'two=2; Domain=elsewhere.example; SameSite=None; Secure'],
        ...['Set-Cookie', '__Host-three=3; Secure; Path=/'],
      ]);
      request.resume().on('end', () => response.end(JSON.stringify({ user, ...request.headers })));
    },
  });
  await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE });
  const host = `127.0.0.1:${gateway.port}`;
  const answer = await gateway.ask('/here', {
    method: 'POST',
    body: 'x',
    headers: { Host: host, Origin: gateway.url, Referer: `${gateway.url}/from`, Destination: `${gateway.url}/to` },
  });
  expect(answer.status).toBe(302);
  expect(JSON.parse(answer.text)).toMatchObject({
    user: 'alice',
    host: new URL(origin.url).host,
    origin: origin.url,
    referer: `${origin.url}/from`,
    destination: `${origin.url}/to`,
  });
  expect(answer.headers.location).toBe(`${gateway.url}/next?a=b#c`);
  expect(answer.headers['content-location']).toBe('relative/path');
  expect(answer.headers['set-cookie']).toEqual([
    'one=1; Path=/; HttpOnly',
    'two=2; Domain=elsewhere.example',
    '__Host-three=3; Secure; Path=/',
  ]);
});

test('a redirect to elsewhere is handed on as it is', async () => {
  await using origin = await Origin.listen({
    handler: (_request, response) => response.writeHead(301, { Location: 'https://elsewhere.example/x' }).end(),
  });
  await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE });
  const answer = await gateway.ask('/', { headers: { Host: `localhost:${gateway.port}` } });
  expect(answer.headers.location).toBe('https://elsewhere.example/x');
});

test('over TLS, with channel bindings demanded', async () => {
  const tls = await makeCertificate();
  await using origin = await Origin.listen({ tls, host: '127.0.0.1' });
  await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE, ca: tls.ca });
  for (let i = 0; i < 3; i += 1) {
    const answer = await gateway.ask('/', { headers: { Host: `127.0.0.1:${gateway.port}`, Connection: 'close' } });
    expect([answer.status, answer.text]).toEqual([200, 'alice']);
  }
});

test('a refused password is a 502 that says so', async () => {
  await using origin = await Origin.listen();
  await using gateway = await RunningGateway.start({ to: origin.url, credentials: WRONG });
  const answer = await gateway.ask('/', { headers: { Host: `127.0.0.1:${gateway.port}` } });
  expect(answer.status).toBe(502);
  expect(answer.headers['www-authenticate']).toBeUndefined();
  expect(answer.text).toContain('refused the credentials');
});

test('WebSockets pass, authenticated', async () => {
  const server = createNtlmServer({ credentials: ({ username }) => (username === 'alice' ? ALICE : undefined) });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(`echo ${text}`)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await using gateway = await RunningGateway.start({ to: `http://127.0.0.1:${port}`, credentials: ALICE });
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/feed`);
  await once(socket, 'open');
  socket.send('hello');
  const [text] = await once(socket, 'message');
  expect(String(text)).toBe('echo hello');
  socket.close();
  await once(socket, 'close');
  sockets.close();
  server.close();
  server.closeAllConnections();
});

describe('web pages are not users', () => {
  const pages: [string, Record<string, string>, number][] = [
    ['its own page', { 'Sec-Fetch-Site': 'same-origin' }, 200],
    ['an address typed by hand', { 'Sec-Fetch-Site': 'none' }, 200],
    ['another site', { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['another port of the same site', { 'Sec-Fetch-Site': 'same-site' }, 403],
    ['another origin', { Origin: 'https://evil.example' }, 403],
    ['no origin at all', { Origin: 'null' }, 403],
    ['a name that was bound anew', { Host: 'evil.example:PORT' }, 421],
    ['another port', { Host: '127.0.0.1:1' }, 421],
    ['a name beside ours', { Host: '127.0.0.1.evil.example:PORT' }, 421],
  ];
  test.each(pages)('%s', async (_name, headers, status) => {
    await using origin = await Origin.listen();
    await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE });
    const own = { Host: 'localhost:PORT', ...headers };
    const given = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, value.replace('PORT', String(gateway.port))]));
    expect((await gateway.ask('/', { headers: given })).status).toBe(status);
    const upgrade = { ...given, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'eA==', 'Sec-WebSocket-Version': '13' };
    const lines = Object.entries(upgrade).map(([name, value]) => `${name}: ${value}\r\n`);
    const text = await gateway.raw(`GET /socket HTTP/1.1\r\n${lines.join('')}\r\n`);
    if (status !== 200) expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(origin.handled.length > 0).toBe(status === 200);
  });

  test.each(['http://other.example/', '*', 'CONNECT'])('a request for %s is no request to a server', async (target) => {
    await using origin = await Origin.listen();
    await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE });
    const line = target === 'CONNECT' ? 'CONNECT other.example:443' : `${target === '*' ? 'OPTIONS' : 'GET'} ${target}`;
    expect(await gateway.raw(`${line} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(origin.seen).toEqual([]);
  });
});

test('who speaks for himself is let through, on a connection that is nobody else’s', async () => {
  await using origin = await Origin.listen();
  await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE });
  const headers = { Host: `127.0.0.1:${gateway.port}` };
  using mine = oneConnection();
  using others = oneConnection();

  const client = new NtlmClient({ credentials: BOB });
  const field = (token: Uint8Array): string => `NTLM ${Buffer.from(token).toString('base64')}`;
  const first = await gateway.ask('/', { agent: mine, headers: { ...headers, Authorization: field(client.negotiate()) } });
  expect(first.status).toBe(401);
  expect((await gateway.ask('/', { agent: others, headers })).text).toBe('alice');
  const challenge = Buffer.from(/^NTLM (.*)$/.exec(String(first.headers['www-authenticate']))![1]!, 'base64');
  const token = client.respond(new Uint8Array(challenge));
  const second = await gateway.ask('/', { agent: mine, headers: { ...headers, Authorization: field(token) } });
  expect([second.status, second.text]).toEqual([200, 'bob']);
  expect((await gateway.ask('/', { agent: mine, headers })).text).toBe('bob');
  expect((await gateway.ask('/', { agent: others, headers })).text).toBe('alice');
  expect(gateway.entries.map(({ way }) => way)).toEqual(['pinned', 'pooled', 'pinned', 'pinned', 'pooled']);
});

test('a connection of one client ends with the other end’s', async () => {
  await using origin = await Origin.listen();
  await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE });
  const socket = connect(gateway.port, '127.0.0.1');
  socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nAuthorization: NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==\r\n\r\n`);
  await once(socket, 'data');
  for (const behind of origin.sockets) behind.destroy();
  await once(socket.resume(), 'close');
});

test('listening on every address, it knows itself by the one that a client came to', async () => {
  await using origin = await Origin.listen();
  const token = 'sixteen characters';
  await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE, clientTokens: [token], insecureListen: true }, '::');
  const socket = connect(gateway.port, '127.0.0.2');
  socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.2:${gateway.port}\r\nAuthorization: Basic ${Buffer.from(`me:${token}`).toString('base64')}\r\nConnection: close\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
});
