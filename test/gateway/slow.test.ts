/** Ends that take their time: who is awaited, and what is said of it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { ALICE } from '../http/support/origin.ts';
import { HostilePeer, reply } from '../http/support/hostile.ts';
import { RunningGateway } from './support/client.ts';

describe('nothing moves for the idle time', () => {
  test('because the other end says nothing: its client gets a 504', async () => {
    await using peer = await HostilePeer.listen(() => {});
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE, idleTimeout: 100 });
    const { status, headers } = await gateway.ask('http://a.example/');
    expect([status, headers['proxy-status']]).toEqual([504, expect.stringContaining('the other end took too long')]);
    expect(peer.seen).toHaveLength(1);
  });

  test('on a kept connection: it is not asked a second time', async () => {
    await using peer = await HostilePeer.listen(({ socket, head }) => void (head.includes('/silent') || socket.write(reply({ status: 200 }))));
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE, idleTimeout: 100 });
    await gateway.ask('http://a.example/');
    expect((await gateway.ask('http://a.example/silent')).status).toBe(504);
    expect(peer.seen).toHaveLength(2);
  });

  test.each([
    ['the client sends no more of its body: it gets a 408', '', 'hello', 408, 'the rest of the request took too long'],
    ['nobody asks for the body that the client would send: it gets a 504', 'Expect: 100-continue\r\n', '', 504, 'the other end took too long'],
  ] as const)('because %s', async (_why, field, body, status, reason) => {
    await using peer = await HostilePeer.listen(() => {});
    await using gateway = await RunningGateway.start({ upstream: 'http://127.0.0.1:1', noProxy: ['127.0.0.1'], credentials: ALICE, idleTimeout: 100 });
    const { host } = new URL(peer.url);
    const text = await gateway.raw(`POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n${field}\r\n${body}`, 1000);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close`));
    expect(gateway.entries).toMatchObject([{ status, reason }]);
  });

  test('because the client does not read: its connection ends', async () => {
    await using peer = await HostilePeer.listen(({ socket }) => void socket.write(reply({ status: 200, body: 'x'.repeat(30_000_000) })));
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE, idleTimeout: 1000 });
    const client = connect(gateway.port, '127.0.0.1');
    client.on('error', () => {}).write('GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await vi.waitFor(() => expect(gateway.entries).toMatchObject([{ status: 200, reason: 'the client took too long' }]), 4000);
    client.resume();
    await once(client, 'close');
  });
});

test.each([
  ['a request', 'GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n'],
  ['an upgrade', 'GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
  ['a tunnel', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n'],
])('%s that finds every connection taken is not waited for beyond the idle time, and the next finds one', async (_what, text) => {
  const drips: NodeJS.Timeout[] = [];
  await using first = await HostilePeer.listen(({ socket, head }) => {
    if (!head.includes('/stream')) return void socket.write(reply({ status: 200, body: 'first' }));
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    drips.push(setInterval(() => socket.write('1\r\nx\r\n'), 20));
  });
  await using gateway = await RunningGateway.start({ upstream: first.url, credentials: ALICE, idleTimeout: 500, maxUpstreamConnections: 1 });
  const stream = connect(gateway.port, '127.0.0.1');
  stream.on('error', () => {}).resume().write('GET http://a.example/stream HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await vi.waitFor(() => expect(drips).toHaveLength(1));
  expect(await gateway.raw(text, 2000)).toMatch(/^HTTP\/1\.1 504 /);
  expect(gateway.entries).toMatchObject([{ status: 504, legs: 0, reason: 'the other end took too long' }]);
  drips.forEach(clearInterval);
  stream.destroy();
  expect((await gateway.ask('http://a.example/')).text).toBe('first');
});

test('an answer that takes longer than the idle time in all, but moves, arrives', async () => {
  await using peer = await HostilePeer.listen(({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n');
    let sent = 0;
    const timer = setInterval(() => (socket.write('x'), (sent += 1) === 8 && clearInterval(timer)), 180);
  });
  await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE, idleTimeout: 1000 });
  expect((await gateway.ask('http://a.example/')).text).toBe('xxxxxxxx');
});
