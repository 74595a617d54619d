/** Requests that two readers could read as different ones, and answers of an upstream that is up to no good. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { ALICE } from '../http/support/origin.ts';
import { HostilePeer, ntlm, reply, until } from '../http/support/hostile.ts';
import { RunningGateway, oneConnection, read } from './support/client.ts';
import { Upstream } from './support/upstream.ts';

/** What a form is written with: where it goes, and a request that nobody sends. */
interface Place {
  readonly target: (path: string) => string;
  readonly host: string;
}

type Form = (place: Place) => string;

const request = ({ target, host }: Place, fields: string, body = '', method = 'POST'): string =>
  `${method} ${target('/first')} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n${body}`;
const smuggled = ({ target, host }: Place): string => `GET ${target('/smuggled')} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
/** A body of one chunk of 5 bytes, written as `chunk` says, and the end of it. */
const chunked = (place: Place, chunk: string): string => request(place, 'Transfer-Encoding: chunked\r\n', chunk + smuggled(place));

const FORMS: readonly (readonly [string, Form])[] = [
  ['a length beside chunks', (to) => request(to, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled(to)}`)],
  ['chunks beside a length', (to) => request(to, 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${smuggled(to)}`)],
  ['two lengths', (to) => request(to, 'Content-Length: 0\r\nContent-Length: 5\r\n', smuggled(to))],
  ['the same length twice', (to) => request(to, 'Content-Length: 0\r\nContent-Length: 0\r\n', smuggled(to))],
  ['a list of lengths', (to) => request(to, 'Content-Length: 0, 5\r\n', smuggled(to))],
  ...['+0', '-1', '0x0', '0 0', '1e1', '', '99999999999999999999'].map(
    (length): [string, Form] => [`a length of "${length}"`, (to) => request(to, `Content-Length: ${length}\r\n`, smuggled(to))],
  ),
  ...['identity', 'xchunked', 'chunked, identity', 'chunked, chunked', '\x0bchunked', 'chunked\x00', '"chunked"', 'gzip'].map(
    (coding): [string, Form] => [`the coding ${JSON.stringify(coding)}`, (to) => request(to, `Transfer-Encoding: ${coding}\r\n`, `0\r\n\r\n${smuggled(to)}`)],
  ),
  ['a blank before the colon', (to) => request(to, 'Transfer-Encoding : chunked\r\n', `0\r\n\r\n${smuggled(to)}`)],
  ['a coding in a folded line', (to) => request(to, 'Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${smuggled(to)}`)],
  ['a length in a folded line', (to) => request(to, 'X: y\r\n Content-Length: 5\r\n', smuggled(to))],
  ['a first line that is folded', ({ target, host }) => `GET ${target('/first')} HTTP/1.1\r\n Host: ${host}\r\n\r\n`],
  ['a bare line feed between fields', (to) => request(to, 'X: y\nContent-Length: 5\r\n', smuggled(to))],
  ['a bare carriage return in a value', (to) => request(to, 'X: y\rContent-Length: 5\r\n', smuggled(to))],
  ['a null in a value', (to) => request(to, 'X: y\0z\r\n', '', 'GET')],
  ['a null in a name', (to) => request(to, 'X\0: y\r\n', '', 'GET')],
  ['a line without a colon', (to) => request(to, 'Content-Length\r\n', smuggled(to))],
  ['a field without a name', (to) => request(to, ': y\r\n', '', 'GET')],
  ['a length that Connection names', (to) => request(to, `Connection: Content-Length\r\nContent-Length: ${smuggled(to).length}\r\n`, smuggled(to), 'GET')],
  ['a Host that Connection names', (to) => request(to, 'Connection: Host\r\n', '', 'GET')],
  ['two Host fields', ({ target, host }) => `GET ${target('/first')} HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\n\r\n`],
  ['a Host of two', ({ target, host }) => `GET ${target('/first')} HTTP/1.1\r\nHost: ${host}, evil.example\r\n\r\n`],
  ['a Host of another', ({ target }) => `GET ${target('/first')} HTTP/1.1\r\nHost: evil.example\r\n\r\n`],
  ['a second blank in the start line', ({ target, host }) => `GET  ${target('/first')} HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a blank in the target', ({ target, host }) => `GET ${target('/first x')} HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['HTTP/1.10', ({ target, host }) => `GET ${target('/first')} HTTP/1.10\r\nHost: ${host}\r\n\r\n`],
  ['HTTP/0.9', ({ target }) => `GET ${target('/first')}\r\n\r\n`],
  ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['chunks to HTTP/1.0', ({ target, host }) => `POST ${target('/first')} HTTP/1.0\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a size with a sign', (to) => chunked(to, '+5\r\nhello\r\n0\r\n\r\n')],
  ['a size as 0x5', (to) => chunked(to, '0x5\r\nhello\r\n0\r\n\r\n')],
  ['a size beyond numbers', (to) => chunked(to, 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n')],
  ['a chunk longer than its size', (to) => chunked(to, '2\r\nhello\r\n0\r\n\r\n')],
  ['a chunk line that ends in a bare line feed', (to) => chunked(to, '5\nhello\r\n0\r\n\r\n')],
  ['a chunk that ends in a bare line feed', (to) => chunked(to, '5\r\nhello\n0\r\n\r\n')],
  ['a bare line feed in an extension', (to) => chunked(to, '5;x\ny\r\nhello\r\n0\r\n\r\n')],
  ['a length in a trailer', (to) => chunked(to, '5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n')],
  ['a null in an extension', (to) => chunked(to, '5;x\0y\r\nhello\r\n0\r\n\r\n')],
];

/** Remembers what arrived: `METHOD /path length-of-body`. */
async function witness(): Promise<{ readonly url: string; readonly seen: string[] } & AsyncDisposable> {
  const seen: string[] = [];
  const server = createServer((incoming, response) => {
    let length = 0;
    incoming.on('data', (bytes: Buffer) => (length += bytes.length)).on('end', () => {
      seen.push(`${incoming.method} ${incoming.url} ${length}`);
      response.end(incoming.url);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: async () => void (server.close(), server.closeAllConnections()),
  };
}

describe.each(['forward', 'reverse'] as const)('%s: a request that could be read in two ways', (mode) => {
  test.each(FORMS)('%s: is refused, or is one request', async (_name, form) => {
    await using upstream = await Upstream.listen();
    await using origin = await witness();
    await using gateway = await RunningGateway.start(mode === 'forward' ? { upstream: upstream.url, credentials: ALICE } : { to: origin.url, credentials: ALICE });
    const host = mode === 'forward' ? new URL(origin.url).host : `127.0.0.1:${gateway.port}`;
    const target = (path: string): string => (mode === 'forward' ? `${origin.url}${path}` : path);
    const answers = await gateway.raw(form({ target, host }), 1000);
    expect(answers).toMatch(/^HTTP\/1\.1 (?:4\d\d |200 [^]*\r\n\r\n\/first$)/);
    expect(answers.match(/HTTP\/1\.1 \d\d\d /g)).toHaveLength(1);
    await until(() => false, 20);
    expect(origin.seen).toEqual(answers.startsWith('HTTP/1.1 4') ? [] : ['GET /first 0']);
    const next = await gateway.ask(target('/next'), { headers: { Host: host } });
    expect([next.status, next.text]).toEqual([200, '/next']);
  });

  test.each([
    ['extensions of chunks', 'POST', 'Transfer-Encoding: chunked\r\n', '5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n', 5],
    ['a trailer', 'POST', 'Transfer-Encoding: chunked\r\nTrailer: X\r\n', '5\r\nhello\r\n0\r\nX: y\r\nHost: evil.example\r\n\r\n', 5],
    ['a GET with a body', 'GET', 'Content-Length: 5\r\n', 'hello', 5],
    ['a DELETE in chunks', 'DELETE', 'Transfer-Encoding: CHUNKED\r\n', '5\r\nhello\r\n0\r\n\r\n', 5],
    ['a POST without a body', 'POST', '', '', 0],
    ['a method of its own', 'PROPFIND', 'Content-Length: 5\r\n', 'hello', 5],
    ['a field that Connection names', 'POST', 'Connection: X-Mine\r\nX-Mine: 1\r\nContent-Length: 5\r\n', 'hello', 5],
  ] as const)('%s: pass as one request, and the next is its own', async (_name, method, fields, body, length) => {
    await using upstream = await Upstream.listen();
    await using origin = await witness();
    await using gateway = await RunningGateway.start(mode === 'forward' ? { upstream: upstream.url, credentials: ALICE } : { to: origin.url, credentials: ALICE });
    const host = mode === 'forward' ? new URL(origin.url).host : `127.0.0.1:${gateway.port}`;
    const place = { host, target: (path: string): string => (mode === 'forward' ? `${origin.url}${path}` : path) };
    const second = `GET ${place.target('/next')} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const answers = await gateway.raw(request(place, fields, body, method) + second, 2000);
    expect(answers.match(/HTTP\/1\.1 \d\d\d /g)).toEqual(['HTTP/1.1 200 ', 'HTTP/1.1 200 ']);
    const seen = origin.seen.filter((line) => !line.startsWith('HEAD ')); // those ask in a request's place
    expect(seen.toSorted()).toEqual(['GET /next 0', `${method} /first ${length}`].toSorted());
  });
});

const ok = (text: string, fields = ''): string => reply({ status: 200, body: text, fields });
const EVIL = ok('EVIL');

type Fate = 'own' | 'refused' | 'broken';

interface Hostile {
  /** Writes an answer to a request for /bad. */
  readonly write: (socket: Socket) => unknown;
  /** What the client may see of it. */
  readonly fate: Fate | readonly Fate[];
}

const says = (text: string, fate: Hostile['fate']): Hostile => ({ write: (socket) => void socket.write(text, 'latin1'), fate });
const ends = (text: string, fate: Hostile['fate']): Hostile => ({ write: (socket) => void socket.end(text, 'latin1'), fate });

const HOSTILE: readonly (readonly [string, Hostile])[] = [
  ['a 100 that comes late', says(`${ok('bad')}HTTP/1.1 100 Continue\r\n\r\n`, 'own')],
  ['a 100 that nobody asked for', says(`HTTP/1.1 100 Continue\r\n\r\n${ok('bad')}`, 'own')],
  ['a hundred of 103', says(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n`.repeat(100) + ok('bad'), 'own')],
  ['a 101 that nobody asked for', says('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nEVIL', 'refused')],
  ['byte by byte', { write: (socket) => void byByte(socket, ok('bad')), fate: 'own' }],
  ['another answer behind it', says(ok('bad') + EVIL, ['own', 'refused'])],
  ['another answer some time behind it', { write: (socket) => (socket.write(ok('bad')), later(socket, EVIL)), fate: 'own' }],
  ['bytes behind it', says(`${ok('bad')}EVIL`, ['own', 'refused'])],
  ['a head without an end', { write: (socket) => void endless(socket), fate: 'refused' }],
  ['a status line without an end', { write: (socket) => void socket.write(`HTTP/1.1 200 ${'x'.repeat(400_000)}`), fate: 'refused' }],
  ['half a body', ends('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', 'broken')],
  ['half of its chunks', ends('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal', 'broken')],
  ['chunks without a size', ends('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n', 'broken')],
  ['half a head', ends('HTTP/1.1 200 OK\r\nContent-Le', 'refused')],
  ['nothing', ends('', 'refused')],
  ['a reset', { write: (socket) => void socket.resetAndDestroy(), fate: 'refused' }],
  ['no HTTP', ends('hello there\r\n\r\n', 'refused')],
  ['HTTP/2', ends('HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nbad', 'refused')],
  ['status 99', ends('HTTP/1.1 99 OK\r\nContent-Length: 3\r\n\r\nbad', 'refused')],
  ['a length and chunks', says('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n', ['own', 'refused', 'broken'])],
  ['two lengths', says('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 43\r\n\r\nbad', 'refused')],
  ['a length of -3', says('HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nbad', 'refused')],
  ['a bare line feed', says('HTTP/1.1 200 OK\nContent-Length: 3\n\nbad', 'refused')],
  ['a folded field', says('HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nbad', ['own', 'refused'])],
  ['a null in a field', says('HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 3\r\n\r\nbad', 'refused')],
  ['a field that splits', says('HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: evil=1\r\nContent-Length: 3\r\n\r\nbad', 'refused')],
  ['a body until the end', ends('HTTP/1.0 200 OK\r\n\r\nbad', 'own')],
  ['a 204 with a body', says('HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nEVIL', ['own', 'refused'])],
  ['a 304 with a body', says(`HTTP/1.1 304 Not Modified\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`, ['own', 'refused'])],
  ['a 407 though it had its proof', says(reply({ status: 407, challenge: 'NTLM' }), 'refused')],
  ['a 407 of Basic', says(reply({ status: 407, challenge: 'Basic realm="x"' }), 'refused')],
  ['the length named by Connection', says('HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nbad', 'own')],
  ['a word that the connection ends, and it does not', says(ok('bad', 'Connection: close\r\n'), 'own')],
];

/** Resolves when it is out: behind a request that has left nobody could tell it from an answer. */
async function later(socket: Socket, text: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise<void>((resolve) => void socket.write(text, () => resolve()));
}

async function byByte(socket: Socket, text: string): Promise<void> {
  for (const letter of text) {
    socket.write(letter);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function endless(socket: Socket): Promise<void> {
  socket.write('HTTP/1.1 200 OK\r\n');
  while (!socket.destroyed) {
    socket.write(`X: ${'x'.repeat(1000)}\r\n`.repeat(20));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A proxy that asks for NTLM, says what `hostile` says for /bad, and is honest for every other path. */
function hostileProxy(write: (socket: Socket) => void, asks: boolean): Promise<HostilePeer> {
  const acceptors = new Map<Socket, NtlmAcceptor>();
  const proven = new Set<Socket>();
  return HostilePeer.listen(async ({ socket, head, message, token }) => {
    const path = new URL(/^\S+ (\S+)/.exec(head)?.[1] ?? '').pathname;
    if (asks && message === 1) {
      const acceptor = new NtlmAcceptor({ target: { nbDomainName: 'CORP', nbComputerName: 'PROXY' }, credentials: () => ALICE });
      acceptors.set(socket, acceptor);
      return void socket.write(reply({ status: 407, challenge: ntlm(acceptor.challenge(token)) }));
    }
    if (asks && message === 3 && (await acceptors.get(socket)?.authenticate(token))?.ok === true) proven.add(socket);
    if (asks && !proven.has(socket)) return void socket.write(reply({ status: 407, challenge: 'NTLM' }));
    if (path === '/bad') write(socket);
    else socket.write(ok(path));
  });
}

/** What became of a request for /bad. */
async function fateOf(gateway: RunningGateway, agent: ReturnType<typeof oneConnection>): Promise<Fate> {
  const out = httpRequest({ host: '127.0.0.1', port: gateway.port, path: 'http://a.example/bad', headers: { Host: 'a.example' }, agent }).end();
  try {
    const [incoming] = (await once(out, 'response')) as [IncomingMessage];
    const { status, headers, text } = await read(incoming);
    expect(text).not.toContain('EVIL');
    expect(headers['set-cookie']).toBeUndefined();
    if (status < 500) return 'own';
    expect([502, 504]).toContain(status);
    expect(headers['proxy-status']).toMatch(/^ntlmachine; error=/);
    return 'refused';
  } catch {
    return 'broken';
  }
}

describe.each([
  ['on a connection that asks for nothing', false],
  ['on a connection that asked for NTLM', true],
] as const)('an upstream that answers, %s', (_name, asks) => {
  test.each(HOSTILE)('with %s: that request has an answer of its own or a typed refusal, the next ones are unharmed', async (_what, hostile) => {
    let written: unknown;
    await using proxy = await hostileProxy((socket) => (written = hostile.write(socket)), asks);
    await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE, maxUpstreamConnections: 2, idleTimeout: 5000 });
    using agent = oneConnection();
    const ask = async (path: string): Promise<string> => (await gateway.ask(`http://a.example${path}`, { agent })).text;
    expect(await ask('/before')).toBe('/before');
    expect([hostile.fate].flat()).toContain(await fateOf(gateway, agent));
    if (hostile.fate === 'own') await written;
    await until(() => false, 40);
    for (const path of ['/1', '/2', '/3']) expect(await ask(path)).toBe(path);
    const others = await Promise.all(Array.from({ length: 6 }, async (_, i) => (await gateway.ask(`http://a.example/other-${i}`)).text));
    expect(others).toEqual(others.map((_, i) => `/other-${i}`));
  });
});

test.each(['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n'])('a CONNECT with a body (%j) is refused', async (field) => {
  await using proxy = await HostilePeer.listen(({ socket }) => void socket.write('HTTP/1.1 200 OK\r\n\r\n'));
  await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
  expect(await gateway.raw(`CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n${field}\r\n5\r\nhello\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
  expect(proxy.seen).toEqual([]);
});

test('a CONNECT that says it has no body is one that says nothing of it', async () => {
  let heads = '';
  await using proxy = await HostilePeer.listen(({ socket, head }) => ((heads += head), void socket.write('HTTP/1.1 200 OK\r\n\r\n')));
  await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: ALICE });
  expect(await gateway.raw('CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: 0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  expect(heads).not.toMatch(/content-length/i);
});

test('a client that sends half a request and leaves harms nobody', async () => {
  await using upstream = await Upstream.listen();
  await using origin = await witness();
  await using gateway = await RunningGateway.start({ upstream: upstream.url, credentials: ALICE, maxUpstreamConnections: 1 });
  const { host } = new URL(origin.url);
  expect((await gateway.ask(`${origin.url}/before`)).text).toBe('/before');
  for (const rest of ['', 'half', 'X: y\r\n']) {
    const client = connect(gateway.port, '127.0.0.1');
    client.on('error', () => {}).write(`POST ${origin.url}/half HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100\r\n${rest === 'half' ? '\r\nhalf' : rest}`);
    await until(() => false, 30);
    client.destroy();
  }
  expect((await gateway.ask(`${origin.url}/next`)).text).toBe('/next');
  expect(origin.seen).toEqual(['GET /before 0', 'GET /next 0']);
});
