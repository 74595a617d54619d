/** Connections under construction: what is told of each, once, and what is left of it. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer, TLSSocket, type ConnectionOptions } from 'node:tls';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NtlmError } from '../../../src/errors.ts';
import { connectTo, openBy, type Connector } from '../../../src/http/routes/connect.ts';
import { makeCertificate } from '../support/certificate.ts';

let tls: Awaited<ReturnType<typeof makeCertificate>>;
const servers: Server[] = [];
const sockets = new Set<Socket>();
/** What each TLS client asked for. */
const asked: [servername: string | false | null, protocol: string | false | null][] = [];
const listen = async (server: Server): Promise<number> => {
  servers.push(server);
  server.on('connection', (socket) => void sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};
let secure = 0;
let silent = 0;

beforeAll(async () => {
  tls = await makeCertificate();
  secure = await listen(createTlsServer({ ...tls, ALPNProtocols: ['h2', 'http/1.1'] }, ({ servername, alpnProtocol }) => void asked.push([servername as string | false, alpnProtocol])));
  silent = await listen(createServer());
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

interface Ending {
  readonly error: NtlmError | null;
  readonly socket: Socket | undefined;
}

/** All that is told of one opening. */
function watch() {
  const endings: Ending[] = [];
  const progress: string[] = [];
  let wake = (): void => {};
  const ended = new Promise<void>((resolve) => (wake = resolve));
  return {
    endings,
    progress,
    done: (error: Error | null, socket?: Socket | null) => {
      endings.push({ error: error as NtlmError | null, socket: socket ?? undefined });
      wake();
    },
    note: (event: 'lookup' | 'connect', ...values: unknown[]) => void progress.push([event, ...values].join(' ')),
    ending: async (): Promise<Ending> => {
      await ended;
      for (let turns = 0; turns < 5; turns += 1) await turn(); // a second ending would come soon
      expect(endings).toHaveLength(1);
      return endings[0]!;
    },
  };
}
const open = (connector: Connector, limit = 5000) => {
  const watched = watch();
  return { ...watched, opening: openBy(connector, { to: 'https://there', limit }, watched.done, watched.note) };
};

/** What an opening listens to. */
const EVENTS = ['lookup', 'connect', 'secureConnect', 'close'] as const;
const listeners = (socket: Socket): number[] => [...EVENTS, 'error' as const].map((event) => socket.listenerCount(event));

const CLOSED = { code: 'connection-closed', phase: 'transport', side: 'peer', message: 'the connection was closed while it was opened' };
const late = (what: string) => ({ code: 'timed-out', phase: 'transport', side: 'peer', message: `the ${what} took too long` });

describe('an opening', () => {
  test('tells of a plain socket once it is connected, and listens to it no more', async () => {
    const socket = connect({ host: 'localhost', port: silent, family: 4 });
    const before = listeners(socket);
    const { ending, progress } = open((given) => given(null, socket));
    expect(listeners(socket)).not.toEqual(before);
    expect(await ending()).toEqual({ error: null, socket });
    expect(progress).toEqual(['lookup  127.0.0.1 4 localhost', 'connect']);
    expect(listeners(socket)).toEqual(before);
    expect([socket.connecting, socket.destroyed]).toEqual([false, false]);
    socket.destroy();
  });

  test('tells of a TLS socket once it is secure and known', async () => {
    const own = connectTls({ host: '127.0.0.1', port: secure, ca: tls.ca, servername: 'localhost' });
    const { ending, progress } = open((given) => given(null, own));
    expect(await ending()).toEqual({ error: null, socket: own });
    expect(own.authorized).toBe(true);
    expect(progress).toEqual(['connect']);
    own.destroy();
  });

  test('takes what is ready, a stream of another kind too, at once', () => {
    const stream = new PassThrough() as unknown as Socket;
    const { endings, progress } = open((given) => given(null, stream));
    expect(endings).toEqual([{ error: null, socket: stream }]);
    expect(progress).toEqual([]);
    expect(stream.destroyed).toBe(false);
  });

  const boom = new Error('boom');
  test.each<[string, Connector, object]>([
    ['an error', (given) => given(boom), boom],
    ['an error and null', (given) => given(boom, null), boom],
    ['neither', (given) => given(null), CLOSED],
    ['null twice', (given) => given(null, null), CLOSED],
    ['what it throws', () => { throw boom; }, boom],
    ['a socket that fails', (given) => given(null, connect({ host: '127.0.0.1', port: 9 })), { code: 'ECONNREFUSED' }],
    ['a socket that is ended as it connects', (given) => given(null, connect(silent, '127.0.0.1').once('connect', function (this: Socket) { this.destroy(); })), CLOSED],
    [
      'a socket that is not trusted, whatever it speaks',
      (given) => given(null, connectTls({ host: '127.0.0.1', port: secure, ALPNProtocols: ['h2'] })),
      { code: 'SELF_SIGNED_CERT_IN_CHAIN' },
    ],
    [
      'a socket that agreed on something else',
      (given) => given(null, connectTls({ host: '127.0.0.1', port: secure, ca: tls.ca, ALPNProtocols: ['h2'] })),
      { code: 'http2-only', message: expect.stringMatching('^https://there agrees on HTTP/2 in ALPN: HTTP/2 cannot carry NTLM') as string },
    ],
    ['a socket that closes', (given) => given(null, new TLSSocket(connect(silent, '127.0.0.1')).destroy()), CLOSED],
  ])('by a function that gives %s ends so', async (_what, connector, end) => {
    const { ending } = open(connector);
    const { error, socket } = await ending();
    expect(error).toMatchObject(end);
    expect(socket).toBeUndefined();
  });

  test('that takes too long ends its socket, and says what was waited for', async () => {
    const unanswered = connectTls({ host: '127.0.0.1', port: silent });
    const handshake = open((given) => given(null, unanswered), 60);
    expect((await handshake.ending()).error).toMatchObject(late('TLS handshake'));
    expect(unanswered.destroyed).toBe(true);
    const nowhere = connect({ host: 'a.invalid', port: 80, lookup: () => {} });
    const connection = open((given) => given(null, nowhere), 5);
    expect((await connection.ending()).error).toMatchObject(late('connection'));
    expect(nowhere.destroyed).toBe(true);
    nowhere.emit('error', new Error('late')); // heard by somebody, or this process ends
    expect((await open(() => {}, 5).ending()).error).toMatchObject(late('connection'));
  });

  test('that is over ends what it is given later, and tells nobody', async () => {
    const socket = connect(silent, '127.0.0.1');
    const { ending } = open((given) => {
      given(boom);
      given(boom);
      given(null);
      given(null, socket);
    });
    await ending();
    expect(socket.destroyed).toBe(true);
    socket.emit('error', new Error('late')); // heard by somebody, or this process ends
  });

  test('that is over cannot be given up: its socket is somebody’s', async () => {
    const socket = connect(silent, '127.0.0.1');
    const { opening, ending } = open((given) => given(null, socket));
    await ending();
    opening.destroy();
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });

  test('that is given up ends its socket and tells nobody', async () => {
    for (const ready of [false, true]) {
      const socket = connect(silent, '127.0.0.1');
      let give: Parameters<Connector>[0] = () => {};
      const { opening, endings } = open((given) => (give = given));
      if (ready) await once(socket, 'connect');
      else give(null, socket);
      opening.destroy();
      if (ready) give(null, socket);
      expect(socket.destroyed).toBe(true);
      await once(socket, 'close');
      expect(endings).toEqual([]);
    }
  });
});

describe('connectTo', () => {
  const reach = async (url: string, options: ConnectionOptions = { ca: tls.ca }): Promise<Ending & { readonly progress: string[] }> => {
    const watched = watch();
    connectTo(new URL(url), options, 5000, watched.done, watched.note);
    return { ...(await watched.ending()), progress: watched.progress };
  };

  test('names the host that a URL names, no address, and offers HTTP/1.1 alone', async () => {
    asked.length = 0;
    for (const host of ['localhost', '127.0.0.1']) {
      const { error, socket } = await reach(`https://${host}:${secure}/`);
      expect([error, (socket as TLSSocket).authorized]).toEqual([null, true]);
      socket!.destroy();
    }
    expect(asked).toEqual([['localhost', 'http/1.1'], [false, 'http/1.1']]);
  });

  test('is for http a plain connection', async () => {
    const { error, socket, progress } = await reach(`http://127.0.0.1:${silent}/`);
    expect([error, socket instanceof TLSSocket, progress]).toEqual([null, false, ['connect']]);
    socket!.destroy();
  });

  test('ends where the certificate is nobody’s', async () => {
    expect((await reach(`https://localhost:${secure}/`, {})).error).toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  });
});
