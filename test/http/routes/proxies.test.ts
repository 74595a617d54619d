import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { explainRefusal, type CredentialsQuestion } from '../../../src/http/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { HostilePeer } from '../support/hostile.ts';
import { ALICE, BOB, Origin, WRONG } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

let tls: { ca: string; cert: string; key: string };
beforeAll(async () => {
  tls = await makeCertificate();
});

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('plain HTTP through a proxy that asks', async () => {
    await using origin = await Origin.listen({ protects: () => false });
    await using proxy = await Proxy.listen();
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url, connections: 1 });
    expect((await client.request(`${origin.url}/a`)).text).toBe('nobody');
    expect((await client.request(`${origin.url}/b`, { method: 'POST', body: 'x' })).text).toBe('nobody');
    expect(proxy.seen.map(({ message }) => message)).toEqual(['none', 1, 3]);
    expect(proxy.seen[0]?.line).toBe(`GET ${origin.url}/a HTTP/1.1`);
    expect(proxy.connections).toBe(1);
  });

  test('plain HTTP where proxy and server both ask: the body goes out once', async () => {
    await using origin = await Origin.listen();
    await using proxy = await Proxy.listen();
    await using client = carrier.open({
      credentials: ALICE,
      proxy: { url: proxy.url, credentials: BOB },
      connections: 1,
    });
    expect((await client.request(`${origin.url}/a`, { method: 'POST', body: 'once' })).text).toBe('alice');
    expect(origin.seen.filter(({ body }) => body > 0).map(({ message, body }) => [message, body])).toEqual([[3, 4]]);
    expect((await client.request(`${origin.url}/b`)).text).toBe('alice');
    expect(proxy.connections).toBe(1);
  });

  test('HTTPS through CONNECT, where proxy and server both ask', async () => {
    await using origin = await Origin.listen({ tls });
    await using proxy = await Proxy.listen();
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url, ca: tls.ca, connections: 1 });
    expect((await client.request(origin.url, { method: 'POST', body: 'once' })).text).toBe('alice');
    expect((await client.request(origin.url)).text).toBe('alice');
    expect(proxy.seen.map(({ line, message }) => `${line.split(' ')[0]} ${message}`)).toEqual([
      'CONNECT none',
      'CONNECT 1',
      'CONNECT 3',
    ]);
    expect(origin.seen.filter(({ body }) => body > 0)).toHaveLength(1);
    expect(origin.seen.map(({ message }) => message)).toEqual(['none', 1, 3, 'none']);
  });

  test('a proxy that closes with its first 407', async () => {
    await using origin = await Origin.listen({ protects: () => false });
    await using proxy = await Proxy.listen({ closesFirst: true });
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url });
    expect((await client.request(origin.url)).text).toBe('nobody');
    expect(proxy.seen.map(({ connection, message }) => [connection, message])).toEqual([
      [1, 'none'],
      [2, 1],
      [2, 3],
    ]);
  });

  test('a proxy that does not ask, and a server that does', async () => {
    await using origin = await Origin.listen();
    await using proxy = await Proxy.listen({ asks: false });
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url });
    expect((await client.request(origin.url)).text).toBe('alice');
  });

  test('wrong credentials for the proxy, then right ones', async () => {
    await using origin = await Origin.listen({ protects: () => false });
    await using proxy = await Proxy.listen();
    const asked: unknown[] = [];
    const credentials = ({ origin: at, side, attempt, reason }: CredentialsQuestion) => {
      asked.push([at, side, attempt, reason?.code]);
      return attempt === 1 ? WRONG : ALICE;
    };
    await using client = carrier.open({ credentials: BOB, proxy: { url: proxy.url, credentials } });
    expect((await client.request(origin.url)).status).toBe(200);
    expect(asked).toEqual([
      [proxy.url, 'proxy', 1, undefined],
      [proxy.url, 'proxy', 2, 'credentials-refused'],
    ]);
  });

  test('a proxy that refuses the credentials: 407 on plain HTTP, an error on HTTPS', async () => {
    await using origin = await Origin.listen({ tls });
    await using plain = await Origin.listen();
    await using proxy = await Proxy.listen();
    await using client = carrier.open({ credentials: WRONG, proxy: proxy.url, ca: tls.ca });
    if (carrier.name !== 'createNtlmFetch') {
      const reply = await client.request(plain.url);
      expect([reply.status, explainRefusal(reply)?.code]).toEqual([407, 'credentials-refused']);
    }
    await expect(client.request(origin.url)).rejects.toMatchObject({
      code: 'proxy-refused',
      message: expect.stringContaining('the proxy refused the credentials') as string,
    });
  });

  test('a proxy that refuses the tunnel', async () => {
    await using origin = await Origin.listen({ tls });
    await using proxy = await Proxy.listen({ refusesTunnels: '403 Not there' });
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url, ca: tls.ca });
    await expect(client.request(origin.url)).rejects.toMatchObject({
      code: 'proxy-refused',
      phase: 'transport',
      side: 'peer',
      message: `the proxy ${proxy.url} answered the request for a tunnel to 127.0.0.1:${origin.port} with status 403`,
    });
  });

  test.each([
    ['https://server.invalid/', 'server.invalid:443'],
    ['https://server.invalid:8443/', 'server.invalid:8443'],
    ['https://[::1]/', '[::1]:443'],
  ])('a tunnel to %s is asked for by %s, and a proxy that closes instead is named', async (target, authority) => {
    const heads: string[] = [];
    await using peer = await HostilePeer.listen(({ socket, head }) => (heads.push(head), socket.end()));
    await using client = carrier.open({ credentials: ALICE, proxy: peer.url });
    const message = `the proxy ${peer.url} answered the request for a tunnel to ${authority} by closing the connection`;
    await expect(client.request(target)).rejects.toMatchObject({ code: 'proxy-refused', message });
    expect(heads).toContain(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}`);
  });

  test('through a tunnel TLS names the host that a URL names, no address, and offers HTTP/1.1 alone', async () => {
    const asked: unknown[] = [];
    const server = createTlsServer({ ...tls, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
      asked.push([socket.servername, socket.alpnProtocol]);
      socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 204 Done\r\n\r\n'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await using proxy = await Proxy.listen();
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url, ca: tls.ca });
    const { port } = server.address() as AddressInfo;
    for (const host of ['localhost', '127.0.0.1']) expect((await client.request(`https://${host}:${port}/`)).status).toBe(204);
    expect(asked).toEqual([['localhost', 'http/1.1'], [false, 'http/1.1']]);
    server.close();
  });

  test('a proxy that is not there', async () => {
    await using client = carrier.open({ credentials: ALICE, proxy: 'http://127.0.0.1:9' });
    const error = await client
      .request('http://127.0.0.1:4444/')
      .catch((thrown: Error & { cause?: unknown; code?: string }) => thrown);
    expect(JSON.stringify(error) + String((error as Error).cause)).toContain('ECONNREFUSED');
  });
});
