import { beforeAll, describe, expect, test } from 'vitest';
import { explainRefusal, type CredentialsQuestion } from '../../../src/http/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
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
      message: expect.stringContaining('403') as string,
    });
  });

  test('a proxy that is not there', async () => {
    await using client = carrier.open({ credentials: ALICE, proxy: 'http://127.0.0.1:9' });
    const error = await client
      .request('http://127.0.0.1:4444/')
      .catch((thrown: Error & { cause?: unknown; code?: string }) => thrown);
    expect(JSON.stringify(error) + String((error as Error).cause)).toContain('ECONNREFUSED');
  });
});
