/** Upgrades on connections that fail, and upgrades with a body. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { ALICE } from '../http/support/origin.ts';
import { HostilePeer, reply } from '../http/support/hostile.ts';
import { RunningGateway } from './support/client.ts';

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\n`;
const isUpgrade = (head: string): boolean => /\r\nupgrade:/i.test(head);
const ok = (body: string): string => reply({ status: 200, body });

test.each([
  ['an upgrade', `GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n${UPGRADE}\r\n`],
  ['a tunnel', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n'],
])('an upstream that ends the connection of %s is not taken for one that cannot be reached', async (_what, text) => {
  await using first = await HostilePeer.listen(({ socket, head }) => void (isUpgrade(head) || head.startsWith('CONNECT') ? socket.destroy() : socket.write(ok('first'))));
  await using second = await HostilePeer.listen(({ socket, head }) => void socket.write(isUpgrade(head) ? SWITCH : ok('second')));
  await using gateway = await RunningGateway.start({ upstream: [first.url, second.url], credentials: ALICE });
  await gateway.raw(text);
  expect(second.seen).toHaveLength(1); // a failure costs nothing: the next may have better luck
  expect((await gateway.ask('http://a.example/')).text).toBe('first');
});

test.each(['forward', 'reverse'] as const)('%s: an upgrade goes once more where a kept connection was gone', async (mode) => {
  await using peer = await HostilePeer.listen(({ socket, head, connection }) => {
    if (!isUpgrade(head)) socket.write(ok('plain'));
    else if (connection === 1) socket.destroy();
    else socket.write(SWITCH);
  });
  await using gateway = await RunningGateway.start({ ...(mode === 'forward' ? { upstream: peer.url } : { to: peer.url }), credentials: ALICE });
  const host = mode === 'forward' ? 'a.example' : `127.0.0.1:${gateway.port}`;
  const target = mode === 'forward' ? 'http://a.example/' : '/';
  expect((await gateway.ask(target, { headers: { Host: host } })).text).toBe('plain');
  expect(await gateway.raw(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${UPGRADE}\r\n`)).toMatch(/^HTTP\/1\.1 101 /);
  expect(peer.connections).toBe(2);
});

test.each([
  ['a length', 'Content-Length: 5\r\n', ['hello']],
  ['a length, in two parts', 'Content-Length: 5\r\n', ['he', 'llo']],
  ['chunks', 'Transfer-Encoding: chunked\r\n', ['5\r\nhello\r\n0\r\n\r\n']],
])('an upgrade with a body (%s) is a request like any other, and the next is its own', async (_framing, field, parts) => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += bytes.toString())).on('end', () => {
      seen.push(`${request.method} ${request.url} ${body}`);
      response.end(request.url);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using gateway = await RunningGateway.start({ to: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials: ALICE });
  const host = `127.0.0.1:${gateway.port}`;
  const head = `POST /first HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n${field}\r\n`;
  const answers = await gateway.raw([`${head}${parts[0]}`, ...parts.slice(1), `GET /second HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`]);
  expect(answers).toMatch(/\r\n\r\n\/firstHTTP[^]*\r\n\r\n\/second$/);
  expect(seen.filter((line) => !line.startsWith('HEAD '))).toEqual(['POST /first hello', 'GET /second ']);
  expect(gateway.entries).toMatchObject([{ method: 'POST', status: 200, way: 'pooled' }, { method: 'GET', status: 200 }]);
  server.closeAllConnections();
  server.close();
});

test('a 101 that names no protocol is no answer of the client’s', async () => {
  await using peer = await HostilePeer.listen(({ socket }) => void socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\nbytes'));
  await using gateway = await RunningGateway.start({ to: peer.url, credentials: ALICE });
  expect(await gateway.raw(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n${UPGRADE}\r\n`)).toMatch(/^HTTP\/1\.1 502 /);
});
