import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { expect, test } from 'vitest';
import { NtlmAgent } from '../../../src/http/index.ts';
import { HostilePeer } from '../support/hostile.ts';
import { ALICE, Origin } from '../support/origin.ts';

test.each([
  [http, 'http://127.0.0.3/', 80],
  [https, 'https://127.0.0.3/', 443],
] as const)('one agent serves both modules, each by its own port: %#', async (module, url, port) => {
  const agent = new NtlmAgent({ credentials: ALICE });
  const request = module.get(url, { agent });
  const [error] = (await once(request, 'error')) as [NodeJS.ErrnoException & { port?: number }];
  expect([error.code, error.port]).toEqual(['ECONNREFUSED', port]);
  expect(request.getHeader('host')).toBe('127.0.0.3');
  agent.destroy();
});

test("options of node's agents mean what they mean there", async () => {
  await using origin = await Origin.listen();
  const agent = new NtlmAgent({ credentials: ALICE, keepAlive: false, maxSockets: 1, localAddress: '127.0.0.2' });
  const peers: (string | undefined)[] = [];
  origin.server.on('request', ({ socket }) => peers.push(socket.remoteAddress));
  const get = async (): Promise<void> => {
    const [response] = (await once(http.get(origin.url, { agent }), 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(200);
    await once(response.resume(), 'end');
  };
  await get();
  await get();
  expect(new Set(peers)).toEqual(new Set(['127.0.0.2']));
  expect(origin.connections).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(origin.sockets.size).toBe(0);
});

test('the timeout of a request is told, and the socket of a response shows its ends', async () => {
  await using origin = await Origin.listen({ handler: () => {} });
  const agent = new NtlmAgent({ credentials: ALICE });
  const request = http.get(origin.url, { agent, timeout: 100 });
  await once(request, 'timeout');
  expect(request.socket?.remotePort).toBe(origin.port);
  request.destroy();
  await once(request, 'error');
  agent.destroy();
});

test('a server that never finishes TLS is given up', async () => {
  await using silent = await HostilePeer.listen(() => {});
  const agent = new NtlmAgent({ credentials: ALICE, legTimeout: 100 });
  const request = https.get(silent.url.replace('http:', 'https:'), { agent });
  const [error] = (await once(request, 'error')) as [Error];
  expect(error).toMatchObject({ code: 'timed-out', side: 'peer' });
  agent.destroy();
});

test('a head without end is given up', async () => {
  await using origin = await Origin.listen();
  const agent = new NtlmAgent({ credentials: ALICE });
  const socket = agent.createConnection({ host: '127.0.0.1', port: origin.port });
  socket.write(`GET / HTTP/1.1\r\nX: ${'x'.repeat(300_000)}`);
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error).toMatchObject({ name: 'NtlmError', code: 'too-long', side: 'local' });
  agent.destroy();
});
