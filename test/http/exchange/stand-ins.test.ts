/** Stand-ins are ours, and so are their mishaps; what was added to a request is ours, and so is what is said of it. */
import http from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { NtlmAgent } from '../../../src/http/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { HostilePeer, reply, type Leg } from '../support/hostile.ts';
import { TYPE2, honest } from '../support/meet.ts';
import { ALICE, Origin } from '../support/origin.ts';

const isHead = ({ head }: Leg): boolean => head.startsWith('HEAD');
const open = ({ head }: Leg): string => reply({ status: 200, body: head.split(' ')[0]! });
const methods = (legs: readonly Leg[]): string => legs.map(({ head, message }) => `${head.split(' ')[0]} ${message}`).join(', ');

/** What a HEAD may be met with. */
const mishaps: Record<string, (leg: Leg) => void> = {
  'no answer': () => {},
  'half an answer': ({ socket }) => void socket.write('HTTP/1.1 40'),
  'interim responses without end': ({ socket }) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20);
    socket.on('close', () => clearInterval(timer));
  },
  'a reset': ({ socket }) => void socket.resetAndDestroy(),
  'an end': ({ socket }) => void socket.end(),
  'no HTTP': ({ socket }) => void socket.write('what?\r\n\r\n'),
  'a lone LF': ({ socket }) => void socket.write('HTTP/1.1 401 No\nWWW-Authenticate: NTLM\n\n'),
  'a head of 300 kB': ({ socket }) => void socket.write(`HTTP/1.1 200 Yes\r\nX: ${'x'.repeat(300_000)}\r\n\r\n`),
  'two lengths': ({ socket }) => void socket.write('HTTP/1.1 405 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'),
  'a 200 and another answer': ({ socket }) => void socket.write(reply({ status: 200, body: '' }) + reply({ status: 200, body: 'EVIL' })),
  'a 200 and, later, another answer': ({ socket }) => {
    socket.write('HTTP/1.1 200 Yes\r\nContent-Length: 44\r\n\r\n');
    setTimeout(() => socket.write(reply({ status: 200, body: 'EVIL' })), 10);
  },
  'another scheme': ({ socket }) => void socket.write(reply({ challenge: 'Basic realm="x"' })),
  ...Object.fromEntries(
    [204, 304, 400, 403, 404, 405, 411, 413, 415, 417, 500, 501, 503].map((status) => [
      `status ${status}`,
      ({ socket }: Leg) => void socket.write(`HTTP/1.1 ${status} Head\r\nContent-Length: 0\r\n\r\n`),
    ]),
  ),
};

describe.each(everyCarrier)('%s: a HEAD that is met with', (_name, carrier) => {
  const options = { credentials: ALICE, connections: 1, legTimeout: 600 };

  test.each(Object.entries(mishaps))('%s falls back to the request, which is authenticated whole', async (_what, meets) => {
    const legs: Leg[] = [];
    await using peer = await HostilePeer.listen((leg) => {
      legs.push(leg);
      if (isHead(leg)) meets(leg);
      else leg.socket.write(honest(leg));
    });
    await using client = carrier.open(options);
    expect(await client.request(peer.url, { method: 'POST', body: 'whole' })).toMatchObject({ status: 200, text: 'done' });
    expect(methods(legs)).toBe('HEAD none, POST none, POST 1, POST 3');
    for (const { head } of legs.slice(1)) expect(head).toMatch(/content-length: 5/i);
  });

  test.each(Object.entries(mishaps))('%s falls back to the request, where nothing is asked for', async (_what, meets) => {
    const legs: Leg[] = [];
    await using peer = await HostilePeer.listen((leg) => {
      legs.push(leg);
      if (isHead(leg)) meets(leg);
      else leg.socket.write(open(leg));
    });
    await using client = carrier.open(options);
    expect(await client.request(`${peer.url}/1`, { method: 'POST', body: 'whole' })).toMatchObject({ status: 200, text: 'POST' });
    expect(await client.request(`${peer.url}/2`, { method: 'POST', body: 'whole' })).toMatchObject({ status: 200, text: 'POST' });
    expect(methods(legs)).toBe('HEAD none, POST none, POST none'); // nobody is asked twice whether it asks
  });

  test('a challenge that cannot be read falls back to the request', async () => {
    const legs: Leg[] = [];
    await using peer = await HostilePeer.listen((leg) => {
      legs.push(leg);
      leg.socket.write(isHead(leg) && leg.message === 1 ? reply({ challenge: 'NTLM TlRMTVNTUAACAAAA' }) : honest(leg));
    });
    await using client = carrier.open(options);
    expect((await client.request(peer.url, { method: 'POST', body: 'whole' })).status).toBe(200);
    expect(methods(legs)).toBe('HEAD none, HEAD 1, POST 1, POST 3');
  });

  test.each([['no answer', 1], ['an end', 2], ['status 405', 4]])('%s is met so %i times: a limit is not waited for twice, and what was lost is tried once more', async (what, times) => {
    const legs: Leg[] = [];
    await using peer = await HostilePeer.listen((leg) => {
      legs.push(leg);
      if (isHead(leg)) mishaps[what]!(leg);
      else leg.socket.write(leg.message === 3 ? reply({ status: 200, fields: 'Connection: close\r\n' }) : honest(leg));
    });
    await using client = carrier.open({ ...options, legTimeout: 400 });
    for (const path of ['/a', '/b', '/c', '/d']) expect(await client.request(`${peer.url}${path}`, { method: 'POST', body: 'whole' })).toMatchObject({ status: 200 });
    expect(legs.filter(isHead)).toHaveLength(times);
  });

  test('no stand-in goes out under "probe: false"', async () => {
    const legs: Leg[] = [];
    await using peer = await HostilePeer.listen((leg) => {
      legs.push(leg);
      leg.socket.write(honest(leg));
    });
    await using client = carrier.open({ ...options, probe: false });
    expect((await client.request(peer.url, { method: 'PUT', body: 'whole' })).status).toBe(200);
    expect(methods(legs)).toBe('PUT none, PUT 1, PUT 3');
  });
});

describe.each(everyCarrier)('%s: a body that cannot be sent again', (_name, carrier) => {
  const stream = (): Readable => Readable.from([Buffer.from('once '), Buffer.from('only')]);
  const onlyPosts = ({ method }: http.IncomingMessage): boolean => method === 'POST';

  test.each([0, 1, 2])('waits, where HEAD says nothing, though 100 comes %i times more than it should', async (more) => {
    await using origin = await Origin.listen({
      protects: onlyPosts,
      handler: (request, response, user) => {
        for (let i = 0; i < more; i += 1) response.writeContinue();
        request.on('end', () => response.end(user)).resume();
      },
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    for (let call = 0; call < 3; call += 1) {
      expect(await client.request(origin.url, { method: 'POST', body: stream() })).toMatchObject({ status: 200, text: 'alice' });
    }
    expect(origin.handled.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual([9, 9, 9]);
  });

  test('says Expect where it waits for a 100, until a challenge closes its connection over that', async () => {
    const said: unknown[] = [];
    await using origin = await Origin.listen({
      protects: ({ method, headers }) => method === 'POST' && said.push([headers.authorization === undefined ? 'none' : Buffer.from(headers.authorization.slice(5), 'base64')[8], headers.expect]) > 0,
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect(await client.request(origin.url, { method: 'POST', body: stream() })).toMatchObject({ status: 200, text: 'alice' });
    expect(said).toEqual([['none', '100-continue'], [1, '100-continue'], [1, undefined]]);
  });

  test.each([400, 404, 411, 413, 415, 500])('waits, though its like was answered %i without a look at who asks', async (status) => {
    const isRefused = ({ method, headers }: http.IncomingMessage): boolean => method === 'POST' && Number(headers['content-length']) > 100;
    await using origin = await Origin.listen({
      protects: (request) => onlyPosts(request) && !isRefused(request),
      handler: (request, response, user) => {
        if (isRefused(request)) response.statusCode = status;
        request.on('end', () => response.end(user)).resume();
      },
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect((await client.request(origin.url, { method: 'POST', body: 'x'.repeat(200) })).status).toBe(status);
    expect(await client.request(origin.url, { method: 'POST', body: stream() })).toMatchObject({ status: 200, text: 'alice' });
  });

  test('goes without Expect to who answers that by 417', async () => {
    const said: unknown[] = [];
    await using origin = await Origin.listen({ protects: (request) => onlyPosts(request) && said.push(request.headers.expect) > 0 });
    origin.server.removeAllListeners('checkContinue').on('checkContinue', (_request, response: http.ServerResponse) => {
      response.writeHead(417, { 'content-length': 0 }).end();
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect(await client.request(origin.url, { method: 'POST', body: stream() })).toMatchObject({ status: 200, text: 'alice' });
    expect(origin.handled.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual([9]);
    expect(new Set(said)).toEqual(new Set([undefined]));
  });
});

describe('a request whose 401 has come', () => {
  test.each(everyCarrier)('%s: goes again though the connection ends while credentials are asked for', async (_name, carrier) => {
    for (const body of [undefined, 'order']) {
      await using origin = await Origin.listen({ protects: ({ method }) => method !== 'HEAD' });
      await using client = carrier.open({
        credentials: async () => {
          for (const socket of origin.sockets) socket.destroy();
          await new Promise((resolve) => setTimeout(resolve, 30));
          return ALICE;
        },
      });
      const reply = await client.request(origin.url, { method: 'POST', ...(body === undefined ? {} : { body }) });
      expect(reply).toMatchObject({ status: 200, text: 'alice' });
      expect(origin.handled.filter(({ method }) => method === 'POST')).toHaveLength(1);
    }
  });
});

describe('a challenge', () => {
  test.each(everyCarrier)('%s: is read to its end behind a page of 3 MB', async (_name, carrier) => {
    await using origin = await Origin.listen({ refusalBody: Buffer.alloc(3_000_000, 'p') });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect((await client.request(origin.url)).text).toBe('alice');
  });

  test.each([
    ['Connection: close', 'Connection: close\r\n', 'HTTP/1.1'],
    ['HTTP/1.0', '', 'HTTP/1.0'],
  ])('that closes its connection (%s) is told so, once', async (_what, fields, version) => {
    await using peer = await HostilePeer.listen((leg) => {
      leg.socket.write(leg.message === 1 ? reply({ challenge: TYPE2, fields }).replace('HTTP/1.1', version) : honest(leg));
    });
    const agent = new NtlmAgent({ credentials: ALICE });
    const error = await new Promise((resolve) => http.get(peer.url, { agent }, () => resolve(undefined)).on('error', resolve));
    expect(error).toMatchObject({ code: 'connection-closed', message: expect.stringMatching(/^the server closes the connection behind its answer, .*\(its challenge came with /) });
    expect(peer.seen.filter((message) => message === 1)).toHaveLength(1);
    agent.destroy();
  });
});
