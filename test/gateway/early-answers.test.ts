/** Answers that come before the request is whole, and what is said before an answer. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ALICE } from '../http/support/origin.ts';
import { HostilePeer, reply, until } from '../http/support/hostile.ts';
import { RunningGateway } from './support/client.ts';

const TOKEN = '0123456789abcdef';
const BODY = Buffer.alloc(8_000_000, 'x');
const FORMS = [
  ['a length', `Content-Length: ${BODY.length}`, BODY],
  ['chunks', 'Transfer-Encoding: chunked', Buffer.concat([Buffer.from(`${BODY.length.toString(16)}\r\n`), BODY, Buffer.from('\r\n0\r\n\r\n')])],
] as const;

/** A client that sends all of its body before it looks at an answer, then a second request. @returns the statuses. */
async function upload(gateway: RunningGateway, fields: string, body: Buffer): Promise<string[]> {
  const client: Socket = connect(gateway.port, '127.0.0.1');
  client.write(`POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n\r\n`);
  await until(() => gateway.entries.length > 0); // answered, and not read yet
  await new Promise<void>((resolve, reject) => client.once('error', reject).write(body, () => resolve()));
  client.write('GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
  let text = '';
  client.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  await once(client, 'close');
  return text.match(/HTTP\/1\.1 \d\d\d/g) ?? [];
}

describe.each(FORMS)('a body (%s) that is still under way', (_form, field, body) => {
  test('does not cost its client the refusal, nor its connection', async () => {
    await using peer = await HostilePeer.listen(() => {});
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE, clientTokens: [TOKEN] });
    expect(await upload(gateway, field, body)).toEqual(['HTTP/1.1 407', 'HTTP/1.1 407']);
    expect(peer.seen).toEqual([]);
  });

  test.each(['Connection: close\r\n', ''])('does not cost it the answer of the other end (%j)', async (close) => {
    await using peer = await HostilePeer.listen(({ socket, head }) => {
      socket.write(reply({ status: head.startsWith('GET') ? 200 : 413, fields: head.startsWith('GET') ? '' : close }));
      if (close !== '' && head.startsWith('POST')) socket.end();
    });
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE });
    expect(await upload(gateway, field, body)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
  });
});

test.each(['end', 'destroy', 'resetAndDestroy'] as const)('a client that leaves (%s) behind such an answer, in the middle of its body, keeps no connection of the pool', async (leave) => {
  const server = createServer((_request, response) => response.end('early')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await using gateway = await RunningGateway.start({ upstream, credentials: ALICE, maxUpstreamConnections: 1, idleTimeout: 2000 });
  const client = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {}).resume().write('POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhello');
  await until(() => gateway.entries.length > 0);
  client[leave]();
  expect((await gateway.ask('http://a.example/')).text).toBe('early');
  server.closeAllConnections();
  server.close();
});

test('a client that waits with its body, and gets an answer instead, ends its connection', async () => {
  const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
  server.on('checkContinue', (_request, response: ServerResponse) => response.writeHead(417).end());
  await once(server, 'listening');
  await using gateway = await RunningGateway.start({ upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials: ALICE });
  const text = await gateway.raw('POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n', 1000);
  expect(text).toMatch(/^HTTP\/1\.1 417 [^]*\r\nConnection: close\r\n/);
  server.closeAllConnections();
  server.close();
});

test('what else a client expects is the other end’s to judge, and told', async () => {
  await using peer = await HostilePeer.listen(({ socket, head }) => void socket.write(reply({ status: 200, body: /expect: (\S+)/i.exec(head)?.[1] ?? '' })));
  await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE });
  const { text } = await gateway.ask('http://a.example/', { headers: { Expect: 'magic' } });
  expect(text).toBe('magic');
  expect(gateway.entries).toMatchObject([{ status: 200 }]);
});

describe('what is said before an answer', () => {
  const said =
    'HTTP/1.1 102 Processing\r\n\r\n' +
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\nConnection: X-Mine\r\nX-Mine: 1\r\n\r\n';
  const ask = async (version: string, before: string): Promise<string> => {
    await using peer = await HostilePeer.listen(({ socket }) => void socket.write(before + reply({ status: 200, body: 'answer' })));
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE });
    return await gateway.raw(`GET http://a.example/ HTTP/${version}\r\nHost: a.example\r\nConnection: close\r\n\r\n`);
  };

  test('reaches the client', async () => {
    const text = await ask('1.1', said);
    expect(text).toMatch(/^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\n[^]*\r\n\r\nHTTP\/1\.1 200 [^]*answer$/);
    expect(text).toContain('</a.css>; rel=preload, </b.js>; rel=preload');
    expect(text).not.toMatch(/x-mine/i);
  });

  test('is nothing for a client of HTTP/1.0', async () => expect(await ask('1.0', said)).toMatch(/^HTTP\/1\.1 200 [^]*answer$/));

  test('harms no answer where it is malformed', async () =>
    expect(await ask('1.1', 'HTTP/1.1 103 Early Hints\r\nLink: no link\r\n\r\nHTTP/1.1 199 ?\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 [^]*answer$/));
});

test.each([10_000, 40_000, 60_000])('an answer may have a head of %d bytes', async (length) => {
  await using peer = await HostilePeer.listen(({ socket }) => void socket.write(reply({ status: 200, fields: `X: ${'x'.repeat(length)}\r\n`, body: 'whole' })));
  await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE, noProxy: ['127.0.0.1'] });
  for (const target of ['http://a.example/', peer.url]) expect((await gateway.ask(target, { maxHeaderSize: 100_000 })).text).toBe('whole');
});
