import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { channelBindings } from '../../../src/crypto/channel-bindings-sources.ts';
import { createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmAgent, explainRefusal } from '../../../src/http/index.ts';
import { Credentials } from '../../../src/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate, withLongLength } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';

let tls: { ca: string; cert: string; key: string };
beforeAll(async () => {
  tls = await makeCertificate();
});

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('a server that needs no NTLM costs what it costs without', async () => {
    await using origin = await Origin.listen({ protects: () => false });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    for (let call = 0; call < 3; call += 1) expect((await client.request(origin.url)).text).toBe('nobody');
    expect((await client.request(origin.url, { method: 'POST', body: 'x' })).text).toBe('nobody');
    expect(origin.seen.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET', 'POST']);
  });

  test.each([
    ['GET', undefined],
    ['POST', 'body'],
  ])('a 401 that offers only Basic is handed back untouched: %s', async (method, body) => {
    await using origin = await Origin.listen({ offers: ['Basic realm="NTLM, Negotiate"'], refusalBody: 'basic only' });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    const reply = await client.request(origin.url, { method, ...(body === undefined ? {} : { body }) });
    expect(reply).toMatchObject({ status: 401, text: 'basic only' });
    expect(reply.headers['www-authenticate']).toBe('Basic realm="NTLM, Negotiate"');
    expect(reply.headers['proxy-status']).toBeUndefined();
    expect(explainRefusal(reply)?.code).toBe('ntlm-not-offered');
    expect(origin.seen.every(({ message }) => message === 'none')).toBe(true);
  });

  test("credentials of the caller's own are left alone", async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(origin.url, { headers: { authorization: 'Bearer x' } })).status).toBe(401);
    expect(origin.seen.map(({ message }) => message)).toEqual(['other']);
  });

  test.each([
    [['Negotiate, NTLM'], 'NTLM'],
    [['Basic realm="a, NTLM", nTlM'], 'NTLM'],
    [['Digest realm="x", nonce="NTLM abc=", qop="auth,auth-int"', 'Bearer', 'NTLM'], 'NTLM'],
  ])('%j leads to %s', async (offers, scheme) => {
    await using origin = await Origin.listen({ offers, scheme });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(origin.url)).text).toBe('alice');
  });

  test.each([
    ['HEAD', 200, ''],
    ['GET', 204, ''],
    ['GET', 304, ''],
    ['GET', 500, 'broken'],
  ])('%s answered with %s', async (method, status, text) => {
    await using origin = await Origin.listen({
      handler: (_request, response) => void response.writeHead(status, { 'set-cookie': ['a=1', 'b=2'] }).end(text),
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    for (let call = 0; call < 2; call += 1) {
      expect(await client.request(origin.url, { method })).toMatchObject({ status, text });
    }
    if (method === 'HEAD') return; // node's server and undici both close behind one
    expect(origin.connections).toBe(1);
    expect(origin.seen).toHaveLength(4);
  });

  test('chunked and gzip responses, cookies both ways', async () => {
    let cookie: string | undefined;
    await using origin = await Origin.listen({
      handler: (request, response) => {
        cookie = request.headers.cookie;
        if (request.url === '/gzip') {
          response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('zipped'));
        } else {
          response.writeHead(200, { 'set-cookie': 'session=1' });
          response.write('in ');
          setTimeout(() => response.end('parts'), 5);
        }
      },
    });
    await using client = carrier.open({ credentials: ALICE });
    const reply = await client.request(origin.url, { headers: { cookie: 'mine=2' } });
    expect(reply.text).toBe('in parts');
    expect(reply.headers['set-cookie']).toEqual(carrier.name === 'createNtlmFetch' ? 'session=1' : expect.anything());
    expect(cookie).toBe('mine=2');
    expect((await client.request(`${origin.url}/gzip`)).status).toBe(200);
  });

  test('an IPv6 host', async () => {
    await using origin = await Origin.listen({ host: '::1' });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(origin.url)).text).toBe('alice');
  });

  test('HTTPS with a private authority, the certificate bound to the handshake', async () => {
    const pem = tls.cert.replace(/-----[^-]+-----|\s/g, '');
    const bindings = channelBindings.fromCertificate(new Uint8Array(Buffer.from(pem, 'base64')));
    await using origin = await Origin.listen({
      tls,
      acceptor: { channelBindings: bindings, requireChannelBindings: true },
    });
    await using client = carrier.open({ credentials: ALICE, ca: tls.ca, connections: 1 });
    expect((await client.request(origin.url)).text).toBe('alice');
    expect((await client.request(origin.url, { method: 'POST', body: 'secret' })).text).toBe('alice');
    expect(origin.seen).toHaveLength(4);
  });

  test('a certificate that does not verify is an error, and nothing is sent', async () => {
    await using origin = await Origin.listen({ tls });
    await using client = carrier.open({ credentials: ALICE });
    const error = await client.request(origin.url).then(
      () => undefined,
      (thrown: Error & { cause?: { code?: string }; code?: string }) => thrown,
    );
    expect(error?.code ?? error?.cause?.code).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/);
    expect(origin.seen).toHaveLength(0);
  });

  test('a certificate that cannot be bound is an error of the request; unbound it serves', async () => {
    await using origin = await Origin.listen({ tls: { cert: withLongLength(tls.cert), key: tls.key } });
    await using client = carrier.open({ credentials: ALICE, insecure: true });
    const error: unknown = await client.request(origin.url).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'malformed-token', side: 'peer', phase: 'transport' });
    expect(origin.seen).toHaveLength(0);
    await using unbound = carrier.open({ credentials: ALICE, insecure: true, channelBindings: false });
    expect((await unbound.request(origin.url)).text).toBe('alice');
  });

  test('the clocks are named where they may be why', async () => {
    await using origin = await Origin.listen({ acceptor: { credentials: () => undefined } });
    const now = (): bigint => 131400439870000000n; // 2017-05-23T20:13:07Z
    await using client = carrier.open({ credentials: ALICE, now });
    const reply = await client.request(origin.url);
    expect(explainRefusal(reply)).toMatchObject({
      code: 'credentials-refused',
      message: expect.stringMatching(/clock is \d+ seconds ahead of ours/) as string,
    });
  });

  test.each([
    ['VILLAGE', { nbComputerName: 'WEB', nbDomainName: 'CASTLE', dnsDomainName: 'castle.example' }, /not the server's, which is CASTLE or castle\.example$/],
    ['VILLAGE', { nbComputerName: 'WEB', nbDomainName: 'CASTLE\n"é', dnsDomainName: 'x'.repeat(2_000) }, /not the server's, which is CASTLE\?"\? or x{64}$/],
    ['castle', { nbComputerName: 'WEB', nbDomainName: 'CASTLE' }, /may not log on here$/],
    ['KEEP', { nbDomainName: 'CASTLE', nbComputerName: 'KEEP' }, /may not log on here$/],
    ['', { nbComputerName: 'WEB', nbDomainName: 'CASTLE' }, /may not log on here$/],
  ])('a refusal of %j tells the domain of the server where it is another', async (domain, target, message) => {
    await using origin = await Origin.listen({ acceptor: { credentials: () => undefined, target } });
    await using client = carrier.open({ credentials: Credentials.fromPassword({ username: 'alice', domain, password: 'x' }) });
    const refusal = explainRefusal(await client.request(origin.url));
    expect(refusal).toMatchObject({ code: 'credentials-refused', message: expect.stringMatching(/^the server refused the credentials: the password is wrong, or the account/) as string });
    expect(refusal!.message).toMatch(message);
  });

  test('a downgrade is refused, and says so', async () => {
    const challenge = 'NTLM TlRMTVNTUAACAAAAAAAAADgAAAAFAggAASNFZ4mrze8AAAAAAAAAAAAAAAA4AAAABgBwFwAAAA8='; // no target information
    await using origin = await Origin.listen({
      onNegotiate: (_request, response) => {
        response.writeHead(401, { 'www-authenticate': challenge }).end();
        return true;
      },
    });
    await using client = carrier.open({ credentials: ALICE });
    expect(explainRefusal(await client.request(origin.url))?.code).toBe('target-refused');
    expect(origin.seen.some(({ message }) => message === 3)).toBe(false);
  });

  test('another origin than the first gets no handshake unless it is allowed', async () => {
    await using first = await Origin.listen();
    await using second = await Origin.listen();
    await using strict = carrier.open({ credentials: ALICE });
    await strict.request(first.url);
    const reply = await strict.request(second.url);
    expect(explainRefusal(reply)?.code).toBe('origin-refused');
    expect(second.seen.map(({ message }) => message)).toEqual(['none']);
    await using lax = carrier.open({ credentials: ALICE, allow: (origin) => origin.startsWith('http://127.0.0.1:') });
    await lax.request(first.url);
    expect((await lax.request(second.url)).text).toBe('alice');
  });
});

describe('redirects', () => {
  test('on the same origin go on with the authenticated connection', async () => {
    await using origin = await Origin.listen({
      handler: (request, response) => {
        if (request.url === '/old') response.writeHead(307, { location: '/new' });
        request.on('end', () => response.end('moved')).resume();
      },
    });
    const ntlmFetch = createNtlmFetch({ credentials: ALICE, connections: 1 });
    const response = await ntlmFetch(`${origin.url}/old`, { method: 'POST', body: 'kept' });
    expect([response.status, response.redirected, await response.text()]).toEqual([200, true, 'moved']);
    expect(origin.handled.map(({ url, body }) => `${url} ${body}`)).toEqual(['/old 4', '/new 4']);
    await ntlmFetch.close();
  });

  test('elsewhere carry nothing', async () => {
    await using target = await Origin.listen();
    await using origin = await Origin.listen({
      handler: (_request, response) => void response.writeHead(302, { location: `${target.url}/x` }).end(),
    });
    const ntlmFetch = createNtlmFetch({ credentials: ALICE });
    expect((await ntlmFetch(origin.url)).status).toBe(401);
    expect(target.seen.map(({ message }) => message)).toEqual(['none']);
    await ntlmFetch.close();
  });

  test('for ever end', async () => {
    await using origin = await Origin.listen({
      handler: (_request, response) => void response.writeHead(302, { location: '/' }).end(),
    });
    const ntlmFetch = createNtlmFetch({ credentials: ALICE, connections: 1 });
    await expect(ntlmFetch(origin.url)).rejects.toThrow(TypeError);
    expect(origin.seen.length).toBeLessThan(30);
    await ntlmFetch.close();
  });
});

describe('bad input', () => {
  test.each([
    ['credentials', { credentials: 'alice:wonderland' }],
    ['credentials', {}],
    ['allow', { credentials: ALICE, allow: 'intranet' }],
    ['proxy', { credentials: ALICE, proxy: 'localhost:3128' }],
    ['proxy', { credentials: ALICE, proxy: 'http://alice:wonderland@localhost:3128' }],
    ['legTimeout', { credentials: ALICE, legTimeout: -1 }],
    ['answerTimeout', { credentials: ALICE, answerTimeout: 2 ** 31 }],
    ['policy', { credentials: ALICE, policy: 'basic' }],
  ])('%s is named', (argument, options) => {
    expect(() => createNtlmFetch(options as never)).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        message: expect.stringContaining(`"${argument}"`) as string,
      }),
    );
  });

  test('bytes that never become a head of HTTP are too many at some point', async () => {
    await using origin = await Origin.listen();
    const agent = new NtlmAgent({ credentials: ALICE });
    const { hostname: host, port } = new URL(origin.url);
    const socket = agent.createConnection({ host, port });
    const failed = once(socket, 'error');
    for (let piece = 0; piece < 5; piece += 1) socket.write('x'.repeat(64 * 1024));
    expect((await failed)[0]).toMatchObject({ name: 'NtlmError', code: 'too-long', phase: 'transport', side: 'local' });
    agent.destroy();
  });

  test("a malformed URL is fetch's own error", async () => {
    const ntlmFetch = createNtlmFetch({ credentials: ALICE });
    await expect(ntlmFetch('http://')).rejects.toThrow(TypeError);
    await ntlmFetch.close();
  });
});
