/** Clients that leave, or seem to, while their tunnel or upgrade is being opened. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, test, vi } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { makeCertificate } from '../http/support/certificate.ts';
import { ALICE } from '../http/support/origin.ts';
import { HostilePeer, ntlm, reply, until } from '../http/support/hostile.ts';
import { RunningGateway } from './support/client.ts';

const CONNECT = 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n';
const upgrade = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

const LEAVES: readonly (readonly [string, (client: Socket) => unknown])[] = [
  ['an end', (client) => client.end()],
  ['a reset', (client) => client.resetAndDestroy()],
  ['a close', (client) => client.destroy()],
];

function raw(port: number, text: string): Socket {
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {}).resume().write(text);
  return client;
}

describe.each(['tunnel', 'upgrade'] as const)('a %s that is being opened', (what) => {
  const begin = async (answer: Parameters<typeof HostilePeer.listen>[0] = () => {}, options = {}) => {
    const peer = await HostilePeer.listen(answer);
    const gateway = await RunningGateway.start({ ...(what === 'tunnel' ? { upstream: peer.url } : { to: peer.url }), credentials: ALICE, ...options });
    return { peer, gateway, ask: () => raw(gateway.port, what === 'tunnel' ? CONNECT : upgrade(`127.0.0.1:${gateway.port}`)) };
  };

  test.each(LEAVES)('ends with its client (%s), and the entry says so', async (_how, leave) => {
    const { peer, gateway, ask } = await begin();
    await using _peer = peer;
    await using _gateway = gateway;
    const client = ask();
    await until(() => peer.seen.length > 0);
    leave(client);
    await vi.waitFor(() => expect(gateway.entries).toMatchObject([{ status: 0, way: 'none', reason: 'the client left', legs: 1 }]));
    await vi.waitFor(() => expect(peer.open.size).toBe(0));
  });

  test.each(LEAVES)('spends no proof for a client that has left (%s)', async (_how, leave) => {
    const status = what === 'tunnel' ? 407 : 401;
    let go = (): void => {};
    const { peer, gateway, ask } = await begin(({ socket, token, message }) => {
      if (message === 'none') return void socket.write(reply({ status, challenge: 'NTLM' }));
      const acceptor = new NtlmAcceptor({ target: { nbDomainName: 'CORP', nbComputerName: 'PROXY' }, credentials: () => ALICE });
      if (message === 1) go = () => void socket.write(reply({ status, challenge: ntlm(acceptor.challenge(token)) }));
    });
    await using _peer = peer;
    await using _gateway = gateway;
    const client = ask();
    await until(() => peer.seen.includes(1));
    leave(client);
    await vi.waitFor(() => expect(gateway.entries).toMatchObject([{ status: 0, reason: 'the client left' }]));
    go();
    await until(() => peer.seen.includes(3), 50);
    expect(peer.seen).not.toContain(3);
  });

  test('ends for a client that waits for a connection of the pool', async () => {
    const { peer, gateway, ask } = await begin(() => {}, { maxUpstreamConnections: 1 });
    await using _peer = peer;
    await using _gateway = gateway;
    ask();
    await until(() => peer.seen.length > 0);
    const second = ask();
    await until(() => false, 30);
    second.end();
    await vi.waitFor(() => expect(gateway.entries).toMatchObject([{ status: 0, reason: 'the client left', legs: 0 }]));
    expect(peer.connections).toBe(1);
  });

  test('is no longer waited for where the other end says nothing for the idle time', async () => {
    const { peer, gateway, ask } = await begin(() => {}, { idleTimeout: 100 });
    await using _peer = peer;
    await using _gateway = gateway;
    let text = '';
    const client = ask().on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
    await once(client, 'end');
    expect(text).toMatch(/^HTTP\/1\.1 504 /);
    expect(gateway.entries).toMatchObject([{ status: 504, reason: 'the other end took too long' }]);
  });
});

test.each([
  ['with the head', (client: Socket) => client.end(`${CONNECT}hello`)],
  ['behind it', (client: Socket) => (client.write(CONNECT), setTimeout(() => client.end('hello'), 30))],
  ['more than is kept', (client: Socket) => (client.write(CONNECT), setTimeout(() => client.end('hello'.repeat(60_000)), 30))],
] as const)('a client that has said all it will (%s) gets the answer of the other end', async (_when, say) => {
  const server = createServer().listen(0, '127.0.0.1');
  server.on('connect', (_request, socket: Socket, head: Buffer) => {
    let length = head.length;
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\n\r\n'), 80);
    socket.on('error', () => {}).on('data', (bytes: Buffer) => (length += bytes.length)).on('end', () => socket.end(`got ${length}`));
  });
  await once(server, 'listening');
  await using gateway = await RunningGateway.start({ upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials: ALICE });
  let text = '';
  const client = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  say(client);
  await once(client, 'end');
  expect(text).toMatch(/ 200 [^]*\r\n\r\ngot (?:5|300000)$/);
  expect(gateway.entries).toMatchObject([{ status: 200 }]);
  server.close();
});

test('clients that leave the moment their answer comes harm nobody', async () => {
  const leaving: Socket[] = [];
  await using peer = await HostilePeer.listen(({ socket, head }) => {
    socket.write(head.startsWith('CONNECT') ? 'HTTP/1.1 200 OK\r\n\r\n' : reply({ status: head.includes('/101') ? 101 : 404, fields: 'Connection: Upgrade\r\nUpgrade: x\r\n' }));
    leaving.shift()?.resetAndDestroy();
  });
  await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE });
  const asked = ['/404', '/101', 'CONNECT'].flatMap((what) => Array.from({ length: 15 }, () => what));
  for (const what of asked) {
    const target = `http://a.example${what}`;
    const text = what === 'CONNECT' ? CONNECT : `GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`;
    leaving.push(raw(gateway.port, text));
    await until(() => leaving.length === 0);
  }
  await vi.waitFor(() => expect(gateway.entries).toHaveLength(asked.length));
});

test('a client over TLS leaves as any other, and has no more listeners than node finds usual', async () => {
  const { key, cert } = await makeCertificate();
  const warnings: Error[] = [];
  const warn = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warn);
  await using peer = await HostilePeer.listen(({ socket, head }) => void (head.includes('silent') || socket.write('HTTP/1.1 200 OK\r\n\r\n')));
  await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE, tls: { key, cert } });
  const ask = (authority: string): TLSSocket => {
    const client = connectTls({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false });
    client.on('error', () => {}).write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    return client;
  };
  const silent = ask('silent.example:443');
  await until(() => peer.seen.length === 1);
  silent.end();
  await vi.waitFor(() => expect(gateway.entries).toMatchObject([{ status: 0, reason: 'the client left' }]));
  const open = ask('a.example:443');
  await once(open, 'data');
  open.destroy();
  await vi.waitFor(() => expect(gateway.entries[1]).toMatchObject({ status: 200 }));
  process.off('warning', warn);
  expect(warnings).toEqual([]);
});

test.each(['', 'bytes of the tunnel'])('a client that was refused a tunnel keeps no socket, whether it ends or not (behind its head: "%s")', async (early) => {
  await using gateway = await RunningGateway.start({ upstream: 'http://127.0.0.1:1', credentials: ALICE });
  const connections = (): Promise<number> => new Promise((resolve) => gateway.server.getConnections((_error, count) => resolve(count)));
  const client = raw(gateway.port, CONNECT + early);
  await once(client, 'end');
  await vi.waitFor(async () => expect(await connections()).toBe(0), 3000);
  client.destroy();
});
