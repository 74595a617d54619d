/** Servers and proxies that speak HTTP/2 alone: each door says so, at once, whatever way it shows. */
import http2 from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NtlmDispatcher } from '../../../src/http/fetch.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

const SETTINGS = Buffer.from('000000040000000000', 'hex');
const GOAWAY = Buffer.from('000008070000000000000000000000000d', 'hex');

let tls: Awaited<ReturnType<typeof makeCertificate>>;
let proxy: Proxy;
const servers: Server[] = [];
const listen = async (server: Server): Promise<number> => {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

beforeAll(async () => {
  tls = await makeCertificate();
  proxy = await Proxy.listen();
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  for (const server of servers) server.close();
});

/** By what the server says once it was asked. */
const answers: Record<string, readonly Buffer[]> = {
  'SETTINGS, octet by octet': [...SETTINGS].map((octet) => Buffer.from([octet])),
  GOAWAY: [GOAWAY],
  'SETTINGS and GOAWAY': [SETTINGS, GOAWAY],
  'a status line of HTTP/2': [Buffer.from('HTTP/2 401\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n')],
  'a status line of HTTP/2.0 in pieces': [Buffer.from('HTT'), Buffer.from('P/2.0 200 OK\r\n\r\n')],
};
const saying = (parts: readonly Buffer[], tlsToo: boolean): Server => {
  const onConnection = (socket: Socket): void => {
    socket.on('error', () => {}).once('data', async () => {
      for (const part of parts) {
        socket.write(part);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
  };
  return tlsToo ? createTlsServer(tls, onConnection) : createServer(onConnection);
};

describe.each(everyCarrier)('%s', (_name, carrier) => {
  const open = (options: object = {}) => carrier.open({ credentials: ALICE, ca: tls.ca, legTimeout: 20_000, ...options });
  const within = async (client: ReturnType<typeof open>, url: string, method: string): Promise<unknown> => {
    const started = performance.now();
    const end = await client.request(url, { method, ...(method === 'POST' ? { body: 'x' } : {}) }).catch((error: unknown) => error);
    expect(performance.now() - started).toBeLessThan(15_000);
    return end;
  };

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('ALPN without HTTP/1.1, %s: directly and through a tunnel', async (version) => {
    const port = await listen(http2.createSecureServer({ ...tls, minVersion: version, maxVersion: version, allowHTTP1: false }) as unknown as Server);
    for (const options of [{}, { proxy: proxy.url }]) {
      await using client = open(options);
      const end = await within(client, `https://localhost:${port}/`, 'GET');
      expect(end).toMatchObject({
        code: 'http2-only',
        side: 'peer',
        message: `https://localhost:${port} refuses HTTP/1.1 in ALPN: HTTP/2 cannot carry NTLM, which authenticates a connection; have HTTP/1.1 switched on there`,
      });
    }
  });

  test('a proxy that refuses HTTP/1.1 in ALPN is named, not the server behind it', async () => {
    const port = await listen(http2.createSecureServer({ ...tls, allowHTTP1: false }) as unknown as Server);
    await using client = open({ proxy: { url: `https://localhost:${port}`, ca: tls.ca } });
    for (const url of ['http://server.invalid/', 'https://server.invalid/']) {
      const end = await within(client, url, 'GET');
      expect(end).toMatchObject({ code: 'http2-only', message: expect.stringMatching(`^https://localhost:${port} `) as string });
    }
  });

  test.each(Object.entries(answers))('an answer in HTTP/2: %s', async (_what, parts) => {
    const [plain, secure] = [await listen(saying(parts, false)), await listen(saying(parts, true))];
    await using client = open({ allow: () => true });
    for (const url of [`http://localhost:${plain}/`, `https://localhost:${secure}/`]) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        expect(await within(client, url, method), `${method} ${url}`).toMatchObject({ code: 'http2-only', side: 'peer' });
      }
    }
    for (const [url, proxied] of [['https://server.invalid/', plain], ['http://server.invalid/', plain]] as const) {
      await using through = open({ proxy: `http://localhost:${proxied}` });
      expect(await within(through, url, 'GET'), url).toMatchObject({ code: 'http2-only' });
    }
  });
});

test("a connect function that agrees on HTTP/2 is told so, and to do otherwise", async () => {
  const port = await listen(http2.createSecureServer(tls) as unknown as Server);
  const dispatcher = new NtlmDispatcher({
    credentials: ALICE,
    connect: (_options, callback) => {
      const socket = connectTls({ port, host: 'localhost', servername: 'localhost', ca: tls.ca, ALPNProtocols: ['h2', 'http/1.1'] }, () => callback(null, socket));
    },
  });
  await expect(dispatcher.request({ origin: `https://localhost:${port}`, path: '/', method: 'GET' })).rejects.toMatchObject({ code: 'http2-only' });
  await dispatcher.destroy();
});
