/** What a client does to its socket, byte by byte, and what the socket makes of an end. */
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { NtlmSocket } from '../../../src/http/exchange/socket.ts';
import { NtlmAgent } from '../../../src/http/index.ts';
import { HostilePeer, until } from '../support/hostile.ts';
import { honest } from '../support/meet.ts';
import { ALICE, Origin } from '../support/origin.ts';

const ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending.splice(0)) end();
});

function open(url: string, options: object = {}): NtlmSocket {
  const { hostname, port } = new URL(url);
  const agent = new NtlmAgent({ credentials: ALICE, ...options });
  const socket = agent.createConnection({ host: hostname, port: Number(port) }) as NtlmSocket;
  ending.push(() => socket.destroy());
  return socket;
}

const failure = (socket: NtlmSocket): Promise<unknown> => new Promise((resolve) => socket.once('error', resolve));
const text = (socket: NtlmSocket): (() => string) => {
  let read = '';
  socket.on('data', (bytes: Buffer) => (read += bytes.toString('latin1')));
  return () => read;
};
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('a head', () => {
  test.each([
    ['as text', 'hello\r\n\r\n'],
    ['as bytes', Buffer.from('hello\r\n\r\n')],
    ['in pieces', ['hel', 'lo\r\n', '\r\n']],
  ])('that is none, %s, is an error of the socket, and nothing goes out', async (_how, written) => {
    let received = false;
    await using peer = await HostilePeer.listen(() => void (received = true));
    const socket = open(peer.url);
    await once(socket, 'connect');
    const failed = failure(socket);
    for (const part of [written].flat()) socket.write(part as string, 'latin1');
    expect(await failed).toMatchObject({ name: 'NtlmError', side: 'local' });
    await until(() => socket.closed);
    expect([received, socket.closed]).toEqual([false, true]);
  });

  test('may come byte by byte, before there is a connection and after, as text or bytes', async () => {
    for (const asText of [true, false]) {
      await using origin = await Origin.listen();
      const socket = open(origin.url);
      const read = text(socket);
      for (const one of GET) socket.write(asText ? one : Buffer.from(one), 'latin1');
      await until(() => read().endsWith('alice'), 3000);
      for (const one of GET.replace('/', '/b')) socket.write(asText ? one : Buffer.from(one), 'latin1');
      await until(() => read().split('alice').length === 3, 3000);
      expect(read().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
      expect(origin.seen.map(({ url, message }) => `${url} ${message}`)).toEqual(['/ none', '/ 1', '/ 3', '/b none']);
    }
  });

  test('and a body in one write, or many behind each other, go out in their order', async () => {
    const bodies: string[] = [];
    await using origin = await Origin.listen({
      handler: (request, response) => {
        let body = '';
        request.on('data', (part: Buffer) => (body += part)).on('end', () => (bodies.push(body), response.end('done')));
      },
    });
    const socket = open(origin.url);
    const read = text(socket);
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\none');
    socket.cork();
    for (const part of ['', 'two', Buffer.alloc(0), Buffer.from('six')]) socket.write(part);
    socket.uncork();
    await until(() => read().endsWith('done'), 3000);
    socket.write(Buffer.from('PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n'));
    socket.write('end');
    socket.write('\r\n0\r\n\r\n');
    await until(() => read().split('done').length === 3, 3000);
    expect(bodies).toEqual(['onetwosix', 'end']);
  });
});

describe('a head that goes out as it is', () => {
  test('wants its connection closed only where nobody may ask for a handshake on it any more', async () => {
    const heads: string[] = [];
    await using peer = await HostilePeer.listen((leg) => {
      heads.push(leg.head);
      leg.socket.write(honest(heads.length > 3 ? { ...leg, message: 3 } : leg));
    });
    const socket = open(peer.url);
    const read = text(socket);
    for (const answers of [1, 2]) {
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 'latin1');
      await until(() => read().split('done').length > answers, 3000);
    }
    expect([peer.connections, peer.seen]).toEqual([1, ['none', 1, 3, 'none']]);
    expect(heads.map((head) => /connection: (.*)/i.exec(head)?.[1])).toEqual(['keep-alive', 'keep-alive', 'keep-alive', 'close']);
  });

  test('has each character as the byte that it is', async () => {
    const heads: string[] = [];
    await using peer = await HostilePeer.listen((leg) => (heads.push(leg.head), void leg.socket.write(honest(leg))));
    const socket = open(peer.url);
    const read = text(socket);
    socket.write('GET /\u00e4 HTTP/1.1\r\nHost: a\r\nX: \u00ff\r\n\r\n', 'latin1');
    await until(() => read().endsWith('done'), 3000);
    expect(heads).toHaveLength(3);
    for (const head of heads) expect(head).toMatch(/^GET \/\u00e4 HTTP\/1\.1\r\nHost: a\r\nX: \u00ff(\r\n|$)/);
  });
});

describe('what is no HTTP any more', () => {
  const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n';
  test.each([
    ['101', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n', switched],
    ['a 2xx to CONNECT', 'CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n', 'HTTP/1.1 200 Yes\r\n\r\n'],
  ])('goes through as it is, both ways, behind %s', async (_what, head, answer) => {
    const received: Buffer[] = [];
    await using peer = await HostilePeer.listen((leg) => {
      if (leg.message !== 3) return void leg.socket.write(honest(leg));
      leg.socket.removeAllListeners('data').on('data', (bytes: Buffer) => (received.push(bytes), leg.socket.write(bytes)));
      leg.socket.write(`${answer}raw`);
    });
    const socket = open(peer.url);
    const read = text(socket);
    socket.write(head, 'latin1');
    await until(() => read() === `${answer}raw`, 3000);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    socket.write(bytes);
    await until(() => read().length === answer.length + 3 + 256, 3000);
    socket.cork();
    for (const part of ['GET / ', 'HTTP/1.1\n\n']) socket.write(part, 'latin1');
    socket.uncork();
    await until(() => read().length === answer.length + 3 + 256 + 16, 3000);
    expect(read()).toBe(`${answer}raw${bytes.toString('latin1')}GET / HTTP/1.1\n\n`);
    expect(Buffer.concat(received).toString('latin1')).toBe(`${bytes.toString('latin1')}GET / HTTP/1.1\n\n`);
  });

  test('begins with no other answer', async () => {
    await using peer = await HostilePeer.listen((leg) => void leg.socket.write(leg.message === 3 ? 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n' : honest(leg)));
    const socket = open(peer.url);
    const read = text(socket);
    socket.write('CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n', 'latin1');
    await until(() => read().includes('503'), 3000);
    const failed = failure(socket);
    socket.write(Buffer.from('hello\r\n\r\n'));
    expect(await failed).toMatchObject({ name: 'NtlmError', side: 'local' });
  });
});

describe('a socket', () => {
  test('without a connection has no session, no layers, and is pending', async () => {
    await using origin = await Origin.listen();
    const socket = open(origin.url);
    expect([socket.session, socket.layers, socket.pending, socket.inner, socket.connecting, socket.legs]).toEqual([undefined, [], true, undefined, true, 0]);
    await once(socket, 'connect');
    expect([socket.layers.length, socket.pending, socket.connecting]).toEqual([1, false, false]);
    socket.destroy();
    expect([socket.session, socket.layers, socket.pending]).toEqual([undefined, [], true]);
  });

  test('counts each request that went out', async () => {
    await using origin = await Origin.listen();
    const socket = open(origin.url);
    const read = text(socket);
    socket.write(GET);
    await until(() => read().endsWith('alice'), 3000);
    expect(socket.legs).toBe(3);
    socket.write(GET);
    await until(() => read().split('alice').length === 3, 3000);
    expect(socket.legs).toBe(4);
  });

  test('whose other end goes while nothing is asked ends; a head that was cut off is handed on as it is', async () => {
    await using peer = await HostilePeer.listen(({ socket }) => void socket.end('HTTP/1.1 200 O'));
    const socket = open(peer.url);
    const read = text(socket);
    socket.write(GET);
    await once(socket, 'end');
    expect(read()).toBe('HTTP/1.1 200 O');
  });

  test('that is destroyed in the middle of a handshake takes its connection along', async () => {
    await using peer = await HostilePeer.listen((leg) => {
      if (leg.message === 'none') leg.socket.write(honest(leg));
    });
    const socket = open(peer.url);
    socket.write(GET);
    await until(() => peer.seen.includes(1));
    socket.destroy();
    await until(() => peer.open.size === 0);
    expect([peer.open.size, peer.connections]).toEqual([0, 1]);
  });

  test('gives its connection away as it is, once', async () => {
    await using origin = await Origin.listen();
    const socket = open(origin.url);
    const read = text(socket);
    socket.write(GET);
    await until(() => read().endsWith('alice'), 3000);
    const beneath = socket.detach()!;
    expect([beneath.destroyed, socket.destroyed, socket.detach()]).toEqual([false, true, undefined]);
    let answer = '';
    beneath.on('data', (bytes: Buffer) => (answer += bytes.toString())).resume();
    beneath.write(GET);
    await until(() => answer.endsWith('alice'), 3000);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    beneath.destroy();
  });
});
