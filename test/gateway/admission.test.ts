/** Who may use a gateway, and in which form. */
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { createGateway } from '../../src/gateway/index.ts';
import { ClientTokens, isNear } from '../../src/gateway/admission.ts';
import { isLoopback } from '../../src/gateway/options.ts';
import { isExempt } from '../../src/gateway/upstreams.ts';
import { ALICE, Origin } from '../http/support/origin.ts';
import { RunningGateway } from './support/client.ts';
import { Upstream } from './support/upstream.ts';

const TOKEN = 'correct horse battery';
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('tokens of clients', () => {
  const given: [string | undefined, boolean][] = [
    [undefined, false],
    [basic(`anybody:${TOKEN}`), true],
    [basic(`:${TOKEN}`), true],
    [basic(`anybody:${TOKEN} `), false],
    [basic(TOKEN), true],
    [basic('anybody:'), false],
    ['Basic !', false],
    [`Bearer ${TOKEN}`, false],
  ];
  test.each(given)('%s', (field, admitted) => {
    expect(new ClientTokens(['another token of ours', TOKEN]).admits(field)).toBe(admitted);
  });

  test('are asked for by 407 in front of a proxy, and go no further', async () => {
    await using upstream = await Upstream.listen();
    await using origin = await Origin.listen({
      protects: () => false,
      handler: (request, response) => response.end(JSON.stringify(request.rawHeaders)),
    });
    await using gateway = await RunningGateway.start({ upstream: upstream.url, credentials: ALICE, clientTokens: [TOKEN] });
    const asked = await gateway.ask(`${origin.url}/`);
    expect([asked.status, asked.headers['proxy-authenticate']]).toEqual([407, 'Basic realm="ntlmachine gateway", charset="UTF-8"']);
    const answer = await gateway.ask(`${origin.url}/`, { headers: { 'Proxy-Authorization': basic(`me:${TOKEN}`), Authorization: basic('a:b') } });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain(basic(`me:${TOKEN}`));
    expect(answer.text).toContain(basic('a:b'));
    const { status, socket } = await gateway.tunnel(new URL(origin.url).host);
    socket.destroy();
    expect(status).toBe(407);
    expect(JSON.stringify(gateway.entries)).not.toContain('horse');
  });

  test('are asked for by 401 in front of a server, and go no further', async () => {
    await using origin = await Origin.listen({ handler: (request, response, user) => response.end(`${user} ${request.headers.authorization?.slice(0, 5)}`) });
    await using gateway = await RunningGateway.start({ to: origin.url, credentials: ALICE, clientTokens: [TOKEN] });
    const headers = { Host: `127.0.0.1:${gateway.port}` };
    const asked = await gateway.ask('/', { headers });
    expect([asked.status, asked.headers['www-authenticate']]).toEqual([401, 'Basic realm="ntlmachine gateway", charset="UTF-8"']);
    for (const expected of ['alice NTLM ', 'alice undefined']) {
      const answer = await gateway.ask('/', { headers: { ...headers, Authorization: basic(`me:${TOKEN}`) } });
      expect([answer.status, answer.text]).toEqual([200, expected]);
    }
  });
});

describe('other addresses', () => {
  const outer = Object.values(networkInterfaces()).flatMap((each) => each ?? []).find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  const listening = async (options: object): Promise<string> => {
    const gateway = createGateway({ upstream: 'http://127.0.0.1:1', credentials: ALICE, ...options });
    gateway.listen(0, '0.0.0.0');
    const ended = await Promise.race([
      once(gateway, 'error').then(([error]) => (error as Error).message),
      new Promise<string>((resolve) => setTimeout(resolve, 200, 'listens')),
    ]);
    gateway.close();
    return ended;
  };
  test('need tokens, and TLS or a word', async () => {
    expect(await listening({})).toContain('"clientTokens"');
    expect(await listening({ clientTokens: [TOKEN] })).toContain('"insecureListen"');
    expect(await listening({ clientTokens: [TOKEN], insecureListen: true })).toBe('listens');
  });

  test.runIf(outer !== undefined)('clients from there reach nothing of this machine', async () => {
    await using upstream = await Upstream.listen();
    await using origin = await Origin.listen({ protects: () => false });
    const gateway = createGateway({ upstream: upstream.url, credentials: ALICE, clientTokens: [TOKEN], insecureListen: true, noProxy: ['*'] });
    gateway.listen(0, outer);
    await once(gateway, 'listening');
    const { port } = gateway.address() as { port: number };
    const { request } = await import('node:http');
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '169.254.1.1', '0.0.0.0', '[::ffff:127.0.0.1]', '127.1', '2130706433']) {
      const out = request({ host: outer!, port, path: `http://${host}:${origin.port}/`, headers: { Host: `${host}:${origin.port}`, 'Proxy-Authorization': basic(`me:${TOKEN}`) }, agent: false }).end();
      const [answer] = await once(out, 'response');
      expect([host, answer.statusCode]).toEqual([host, expect.toSatisfy((status: number) => status === 403 || status === 400)]);
      answer.resume();
    }
    expect(origin.seen).toEqual([]);
    gateway.close();
    gateway.closeAllConnections();
  });
});

describe('requests that could be read in two ways get 400', () => {
  const forms: [string, string][] = [
    ['Host and absolute form differ', 'GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n'],
    ['two Host fields', 'GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n'],
    ['no Host field', 'GET http://a.example/ HTTP/1.1\r\n\r\n'],
    ['origin form', 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['another scheme', 'GET ftp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['https in the clear', 'GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['userinfo', 'GET http://me:secret@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['a host with a fragment', 'GET http://a.example#b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['a backslash', 'GET http://a.example\\@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['CONNECT without a port', 'CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['CONNECT with a path', 'CONNECT a.example:443/x HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['CONNECT with userinfo', 'CONNECT me@a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['CONNECT to port 99999', 'CONNECT a.example:99999 HTTP/1.1\r\nHost: a.example\r\n\r\n'],
    ['both lengths', 'POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    ['another coding', 'POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['a coding twice', 'POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n'],
    ['a blank before the colon', 'GET http://a.example/ HTTP/1.1\r\nHost : a.example\r\n\r\n'],
    ['a bare line feed', 'GET http://a.example/ HTTP/1.1\nHost: a.example\n\n'],
    ['a coding in HTTP/1.0', 'POST http://a.example/ HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ];
  test.each(forms)('%s', async (_name, text) => {
    await using upstream = await Upstream.listen();
    await using gateway = await RunningGateway.start({ upstream: upstream.url, credentials: ALICE });
    expect(await gateway.raw(text)).toMatch(/^HTTP\/1\.1 400 /);
    expect(upstream.passed).toEqual([]);
  });
});

test('a way that leads back is seen', async () => {
  await using first = await RunningGateway.start({ upstream: 'http://127.0.0.1:1', credentials: ALICE, noProxy: ['*'] });
  expect((await first.ask(`${first.url}/`)).status).toBe(508);
  expect((await first.ask(`http://localhost:${first.port}/`)).status).toBe(508);
  expect((await first.tunnel(`127.0.0.1:${first.port}`)).status).toBe(508);
  await using second = await RunningGateway.start({ upstream: first.url, credentials: ALICE });
  await using third = await RunningGateway.start({ upstream: second.url, credentials: ALICE });
  expect((await third.ask('http://127.0.0.1:1/')).status).toBe(502);
});

test('a stand-in for itself is seen', async () => {
  const gateway = createGateway({ to: 'http://127.0.0.1:1', credentials: ALICE }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const { port } = gateway.address() as { port: number };
  gateway.close();
  await once(gateway, 'close');
  const itself = createGateway({ to: `http://localhost:${port}`, credentials: ALICE }).listen(port, '127.0.0.1');
  await once(itself, 'listening');
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(508);
  itself.close();
  itself.closeAllConnections();
});

test('a body beyond the limit is refused, and the client told', async () => {
  await using upstream = await Upstream.listen();
  await using origin = await Origin.listen({ protects: () => false });
  await using gateway = await RunningGateway.start({ upstream: upstream.url, credentials: ALICE, maxBodyLength: 1000 });
  expect((await gateway.ask(`${origin.url}/`, { method: 'POST', body: Buffer.alloc(1000) })).status).toBe(200);
  expect((await gateway.ask(`${origin.url}/`, { method: 'POST', body: Buffer.alloc(1001) })).status).toBe(413);
});

test('a head beyond the limit is refused', async () => {
  await using gateway = await RunningGateway.start({ upstream: 'http://127.0.0.1:1', credentials: ALICE, maxHeadLength: 2000 });
  const text = await gateway.raw(`GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nX: ${'x'.repeat(3000)}\r\n\r\n`);
  expect(text).toMatch(/^HTTP\/1\.1 431 /);
});

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['127.evil.example', false],
])('%s is loopback: %s', (address, loopback) => expect(isLoopback(address)).toBe(loopback));

test.each(['169.254.169.254', 'fe80::1', '::', '0.0.0.0', 'localhost', 'a.localhost', 'localhost.', '::ffff:169.254.0.1'])('%s is near', (address) =>
  expect(isNear(address)).toBe(true),
);

test.each([
  ['http://intranet/', ['intranet'], true],
  ['http://www.intranet/', ['intranet'], true],
  ['http://intranet.example/', ['intranet'], false],
  ['http://a.corp.example/', ['.corp.example'], true],
  ['http://corp.example/', ['*.corp.example'], true],
  ['http://evilcorp.example/', ['.corp.example'], false],
  ['http://10.0.0.5:8080/', ['10.0.0.5'], true],
  ['http://10.0.0.5:8080/', ['10.0.0.5:80'], false],
  ['https://a.example/', ['a.example:443'], true],
  ['http://[::1]/', ['::1'], true],
  ['http://[::1]:81/', ['[::1]:81'], true],
  ['http://110.0.0.5/', ['10.0.0.5'], false],
  ['http://anything/', ['*'], true],
] as const)('%s and noProxy %s: %s', (url, entries, exempt) => expect(isExempt(new URL(url), entries)).toBe(exempt));
