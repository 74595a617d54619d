/** Tunnels under construction: each ends once, with a reason or a connection, and can be given up. */
import { once } from 'node:events';
import { createServer as createTlsServer, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { NtlmError } from '../../../src/errors.ts';
import { resolveHttpOptions } from '../../../src/http/doors/options.ts';
import type { CredentialsProvider } from '../../../src/http/authentication/question.ts';
import { Routes } from '../../../src/http/routes/routes.ts';
import { makeCertificate } from '../support/certificate.ts';
import { HostilePeer, reply, type Leg } from '../support/hostile.ts';
import { ALICE } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

let tls: Awaited<ReturnType<typeof makeCertificate>>;
let server: ReturnType<typeof createTlsServer>;
/** What each TLS client asked for. */
const asked: unknown[] = [];
beforeAll(async () => {
  tls = await makeCertificate();
  server = createTlsServer({ ...tls, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
    asked.push([socket.servername, socket.alpnProtocol]);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());

function open(proxy: string, { url = 'https://server.invalid/', headers, tls: given, credentials = ALICE }: { credentials?: CredentialsProvider | typeof ALICE; url?: string; headers?: Record<string, string>; tls?: ConnectionOptions } = {}) {
  const routes = new Routes(resolveHttpOptions({ credentials, proxy: { url: proxy, headers } }));
  const endings: { error: NtlmError | null; socket: Socket | undefined }[] = [];
  const progress: string[] = [];
  let wake = (): void => {};
  const ended = new Promise<void>((resolve) => (wake = resolve));
  const options = { ca: tls.ca, ...given };
  const opening = routes
    .to(() => ({ origin: new URL(url), open: () => undefined, tls: options }))
    .open(
      (error, socket) => (endings.push({ error: error as NtlmError | null, socket }), wake()),
      (event, ...values) => void progress.push([event, ...values].join(' ')),
    );
  const ending = async () => {
    await ended;
    await delay(10); // a second one would come soon
    expect(endings).toHaveLength(1);
    return endings[0]!;
  };
  return { opening, ending, endings, progress };
}

const refused = (how: string) => ({ code: 'proxy-refused', phase: 'transport', side: 'peer', message: expect.stringMatching(`^the proxy http://127.0.0.1:\\d+ answered the request for a tunnel to server.invalid:443 ${how}`) as string });
test.each<[string, (leg: Leg) => void, object]>([
  ['closes', ({ socket }) => socket.end(), refused('by closing the connection$')],
  ['resets', ({ socket }) => void socket.resetAndDestroy(), refused('by closing the connection$')],
  ['refuses', ({ socket }) => socket.write(reply({ status: 403 })), refused('with status 403$')],
  ['refuses and closes', ({ socket }) => socket.end(reply({ status: 502 })), refused('with status 502$')],
  ['offers a choice', ({ socket }) => socket.end(reply({ status: 300 })), refused('with status 300$')],
  ['asks for what is not spoken', ({ socket }) => socket.end(reply({ status: 407, challenge: 'Basic realm="x"' })), refused('with status 407: .*Basic')],
  ['says nonsense and closes', ({ socket }) => socket.end('HTTP/1.1 200 OK\nX: y\n\n'), { code: 'malformed-token', side: 'peer' }],
  ['says nonsense behind an interim answer', ({ socket }) => socket.end('HTTP/1.1 103 Soon\r\n\r\nnonsense\r\n\r\n'), { code: 'malformed-token', side: 'peer' }],
  ['agrees and closes', ({ socket }) => socket.end('HTTP/1.1 200 Go\r\n\r\n'), {}],
])('a proxy that %s', async (_what, answer, end) => {
  await using peer = await HostilePeer.listen(answer);
  const { error, socket } = await open(peer.url).ending();
  expect(error).toMatchObject(end);
  expect(socket).toBeUndefined();
});

test.each<[string, (leg: Leg) => void]>([
  ['closes', ({ socket }) => void socket.end()],
  ['resets', ({ socket }) => void socket.resetAndDestroy()],
  ['stops in its answer and closes', ({ socket }) => void socket.end('HTTP/1.1 200 G')],
])('a proxy that %s at first is asked again on another connection', async (_what, answer) => {
  let reached = (): void => {};
  const again = new Promise<void>((resolve) => (reached = resolve));
  await using peer = await HostilePeer.listen((leg) => (leg.connection < 3 ? answer(leg) : (leg.socket.write('HTTP/1.1 200 Go\r\n\r\n'), leg.socket.end(), reached())));
  const { ending } = open(peer.url);
  await again;
  const { error } = await ending();
  expect(error).not.toMatchObject({ code: 'proxy-refused' }); // TLS came to nothing, behind a tunnel
  expect(peer.connections).toBe(3);
});

test('a tunnel is told of as its proxy’s connection, and is a TLS connection to the server', async () => {
  await using proxy = await Proxy.listen();
  asked.length = 0;
  let handshakes = 0;
  const { port } = server.address() as AddressInfo;
  for (const [host, servername] of [['localhost'], ['127.0.0.1'], ['127.0.0.1', 'localhost']] as const) {
    const url = `https://${host}:${port}/`;
    const { ending, progress } = open(proxy.url.replace('127.0.0.1', 'localhost'), { url, ...(servername === undefined ? {} : { tls: { servername } }) });
    const { error, socket } = await ending();
    expect(error).toBeNull();
    expect((socket as TLSSocket).authorized).toBe(true);
    expect(progress.filter((event) => event.startsWith('lookup')).at(-1)).toContain('127.0.0.1 4 localhost');
    expect(progress.at(-1)).toBe('connect');
    expect(progress.filter((event) => event === 'connect')).toHaveLength(1);
    await vi.waitFor(() => expect(asked.length).toBe(handshakes += 1), 5000); // the server's end comes later
    socket!.destroy();
  }
  expect(asked).toEqual([['localhost', 'http/1.1'], [false, 'http/1.1'], ['localhost', 'http/1.1']]);
});

test('options that TLS does not take end a tunnel, with what it says of them', async () => {
  await using peer = await HostilePeer.listen(({ socket }) => socket.write('HTTP/1.1 200 Go\r\n\r\n'));
  const { error, socket } = await open(peer.url, { tls: { minVersion: 'TLSv9' as never } }).ending();
  expect(error).toMatchObject({ code: 'ERR_TLS_INVALID_PROTOCOL_VERSION' });
  expect(socket).toBeUndefined();
  await vi.waitFor(() => expect(peer.open.size).toBe(0), 10_000);
});

test('fields of the proxy go out as Latin-1', async () => {
  const heads: string[] = [];
  await using peer = await HostilePeer.listen(({ socket, head }) => (heads.push(head), socket.end()));
  await open(peer.url, { headers: { 'X-Zone': 'Zürich' } }).ending();
  expect(heads[0]).toBe('CONNECT server.invalid:443 HTTP/1.1\r\nHost: server.invalid:443\r\nX-Zone: Zürich');
});

test.each([
  ['before the proxy answers', () => {}],
  ['while TLS waits for the server', ({ socket }: Leg) => void socket.write('HTTP/1.1 200 Go\r\n\r\n')],
])('what is given up %s ends its connection and tells nobody', async (_when, answer) => {
  let reached = (): void => {};
  const leg = new Promise<void>((resolve) => (reached = resolve));
  await using peer = await HostilePeer.listen((what) => (answer(what), reached()));
  const { opening, endings } = open(peer.url);
  await leg;
  await delay(20);
  const [socket] = [...peer.open];
  const closed = once(socket!, 'close');
  opening!.destroy();
  await closed;
  await delay(10);
  expect(endings).toEqual([]);
});

test('what is given up while an app is asked for credentials tells nobody, whatever the app answers then', async () => {
  let answer = (): void => {};
  let asked = (): void => {};
  const asking = new Promise<void>((resolve) => (asked = resolve));
  await using peer = await HostilePeer.listen(({ socket }) => socket.write(reply({ status: 407, challenge: 'NTLM' })));
  const { opening, endings } = open(peer.url, { credentials: () => new Promise((resolve) => ((answer = () => resolve(undefined)), asked())) });
  await asking;
  opening!.destroy();
  answer();
  await delay(20);
  expect(endings).toEqual([]);
});
