import { createHash } from 'node:crypto';
import http from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { InspectionEvent } from 'xstate';
import { createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmAgent } from '../../../src/http/index.ts';
import { everyCarrier, type Init } from '../support/carriers.ts';
import { HostilePeer } from '../support/hostile.ts';
import { ALICE, Origin, type Seen } from '../support/origin.ts';

const TEXT = 'a body that is sent once';

const bodies: Record<string, () => Pick<Init, 'body' | 'headers'>> = {
  'a string': () => ({ body: TEXT }),
  'a buffer': () => ({ body: Buffer.from(TEXT) }),
  'a stream of unknown length': () => ({
    body: Readable.from([TEXT.slice(0, 5), TEXT.slice(5)].map((part) => Buffer.from(part))),
  }),
};

const bodiesOf = (seen: readonly Seen[]): string[] =>
  seen.filter(({ body }) => body > 0).map(({ method, message, body }) => `${method} ${message} ${body}`);

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test.each(Object.entries(bodies))('%s goes out once, with type 3, to one handler', async (_kind, make) => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect(await client.request(`${origin.url}/save`, { method: 'POST', ...make() })).toMatchObject({ status: 200 });
    expect(bodiesOf(origin.seen)).toEqual([`POST 3 ${TEXT.length}`]);
    expect(origin.handled).toHaveLength(1);
    expect(origin.seen.length).toBeLessThanOrEqual(3);
  });

  test.each(Object.entries(bodies))(
    '%s reaches the handler whole where only the unsafe method is protected',
    async (_kind, make) => {
      await using origin = await Origin.listen({ protects: ({ method }) => method === 'POST' });
      await using client = carrier.open({ credentials: ALICE, connections: 1 });
      await client.request(`${origin.url}/save`);
      const send = (): ReturnType<typeof client.request> =>
        client.request(`${origin.url}/save`, { method: 'POST', ...make() });
      expect((await send()).status).toBe(200);
      expect((await send()).status).toBe(200);
      const handled = origin.handled.filter(({ method }) => method === 'POST').map(({ body }) => body);
      expect(handled).toEqual([TEXT.length, TEXT.length]); // HEAD shows nothing here; nothing empty meets the handler
      expect(origin.seen.length).toBeLessThan(10);
    },
  );

  test('an unsafe request to an open path of an origin that asks elsewhere meets the handler once, whole', async () => {
    await using origin = await Origin.listen({ protects: ({ url }) => url === '/secret' });
    await using client = carrier.open({ credentials: ALICE });
    await client.request(`${origin.url}/secret`);
    await Promise.all(['a', 'b', 'c'].map((body) => client.request(`${origin.url}/open`, { method: 'POST', body })));
    const posts = origin.handled.filter(({ method }) => method === 'POST');
    expect(posts.map(({ body }) => body)).toEqual([1, 1, 1]);
    expect(origin.seen.filter(({ method }) => method === 'POST')).toHaveLength(3);
  });

  test('an unsafe request without a body is whole: it carries type 1 itself, and any answer but 401 is its answer', async () => {
    await using origin = await Origin.listen({ protects: ({ headers }) => headers.cookie === undefined });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect((await client.request(origin.url, { method: 'DELETE' })).status).toBe(200);
    for (const socket of origin.sockets) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await client.request(origin.url, { method: 'DELETE', headers: { cookie: 'known' } })).status).toBe(200);
    expect(origin.seen.map(({ method, message }) => `${method} ${message}`)).toEqual([
      'DELETE none',
      'DELETE 1',
      'DELETE 3',
      'DELETE 1',
    ]);
    expect(origin.handled).toHaveLength(2);
  });
});

/** 100 MB that are made as they are read, their hash beside. */
function upload(
  length: number,
  onMade: (made: number) => void,
): { readonly stream: Readable; readonly hash: () => string } {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(64 * 1024, 'ntlm');
  let left = length;
  const stream = new Readable({
    read() {
      const part = piece.subarray(0, Math.min(left, piece.length));
      left -= part.length;
      hash.update(part);
      onMade(length - left);
      this.push(part.length === 0 ? null : part);
    },
  });
  return { stream, hash: () => hash.digest('hex') };
}

describe('a 401 that the client gets though a handshake was opened for it', () => {
  test.each(everyCarrier)('%s: takes as long as it takes, and the connection goes on', async (_name, carrier) => {
    const pieces = ['no body ', 'can be sent ', 'a second time'];
    let posts = 0;
    await using peer = await HostilePeer.listen(async ({ socket, head }) => {
      if (head.startsWith('POST') && (posts += 1) === 2) {
        const length = pieces.join('').length;
        socket.write(`HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: ${length}\r\n\r\n`);
        for (const piece of pieces) {
          await new Promise((resolve) => setTimeout(resolve, 120));
          socket.write(piece);
        }
      } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    const events: InspectionEvent[] = [];
    await using client = carrier.open({
      credentials: ALICE,
      maxRepeatableBody: 0,
      legTimeout: 150,
      connections: 1,
      inspect: (event) => void events.push(event),
    });
    const send = () => client.request(peer.url, { method: 'POST', body: TEXT });
    expect((await send()).status).toBe(200); // nothing is asked for, it seems
    expect(await send()).toMatchObject({ status: 401, text: pieces.join('') });
    expect((await client.request(`${peer.url}/elsewhere`)).status).toBe(200);
    expect([peer.connections, posts]).toEqual([1, 2]);
    const reached = events.flatMap((event) => (event.type === '@xstate.snapshot' && 'value' in event.snapshot ? [JSON.stringify(event.snapshot.value)] : []));
    expect(reached).toContain('{"handshaking":"negotiating"}');
  });
});

describe('large and special bodies', () => {
  test.each(everyCarrier)('%s streams 100 MB without holding them', async (_name, carrier) => {
    const received = createHash('sha256');
    let arrived = 0;
    let farthest = 0;
    await using origin = await Origin.listen({
      handler: (request, response) => {
        request.on('data', (bytes: Buffer) => {
          received.update(bytes);
          arrived += bytes.length;
        });
        request.on('end', () => response.end('stored'));
      },
    });
    await using client = carrier.open({ credentials: ALICE });
    const { stream, hash } = upload(100_000_000, (made) => (farthest = Math.max(farthest, made - arrived)));
    expect((await client.request(origin.url, { method: 'PUT', body: stream })).text).toBe('stored');
    expect(received.digest('hex')).toBe(hash());
    expect(bodiesOf(origin.seen)).toEqual(['PUT 3 100000000']);
    expect(farthest).toBeLessThan(16_000_000);
  });

  test('FormData goes out whole', async () => {
    let text = '';
    await using origin = await Origin.listen({
      handler: (request, response) => {
        request
          .setEncoding('utf8')
          .on('data', (part: string) => (text += part))
          .on('end', () => response.end('ok'));
      },
    });
    const ntlmFetch = createNtlmFetch({ credentials: ALICE });
    const form = new FormData();
    form.set('name', 'value');
    form.set('file', new Blob(['content']), 'a.txt');
    expect((await ntlmFetch(origin.url, { method: 'POST', body: form })).status).toBe(200);
    expect(text).toContain('name="name"\r\n\r\nvalue');
    expect(text).toContain('filename="a.txt"');
    await ntlmFetch.close();
  });

  test('Expect: 100-continue reaches the client after the handshake', async () => {
    await using origin = await Origin.listen();
    const agent = new NtlmAgent({ credentials: ALICE });
    const events: string[] = [];
    const status = await new Promise((resolve, reject) => {
      const request = http.request(
        origin.url,
        { agent, method: 'POST', headers: { Expect: '100-continue' } },
        (response) => {
          response.resume().on('end', () => resolve(response.statusCode));
        },
      );
      request.on('error', reject).on('continue', () => {
        events.push(`continue after ${origin.seen.length}`);
        request.end(TEXT);
      });
      request.flushHeaders();
    });
    expect(status).toBe(200);
    expect(events).toEqual(['continue after 3']);
    expect(bodiesOf(origin.seen)).toEqual([`POST 3 ${TEXT.length}`]);
    agent.destroy();
  });

  test('a body that went out and cannot be sent again gets its 401, with the reason', async () => {
    let open = true;
    await using origin = await Origin.listen({ protects: () => !open });
    const ntlmFetch = createNtlmFetch({ credentials: ALICE, maxRepeatableBody: 0 });
    const send = (): Promise<Response> => ntlmFetch(origin.url, { method: 'POST', body: TEXT });
    expect((await send()).status).toBe(200);
    open = false;
    const refused = await send();
    expect(refused.status).toBe(401);
    expect(refused.headers.get('proxy-status')).toContain('body-unrepeatable');
    expect((await send()).status).toBe(200);
    expect(origin.handled.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual([
      TEXT.length,
      TEXT.length,
    ]);
    await ntlmFetch.close();
  });

  test.each(everyCarrier)('%s: a stream goes again where all of it is out and kept; a longer one gets its 401', async (_name, carrier) => {
    for (const [size, status] of [[500, 200], [100_000, 401]] as const) {
      let isOpen = true;
      const runs: string[] = [];
      await using origin = await Origin.listen({
        protects: ({ method }) => method === 'POST' && !isOpen,
        handler: (request, response, user) => {
          if (request.method === 'POST') runs.push(`${request.headers['x-body']} for ${user}`);
          response.end(user);
        },
      });
      const [serve] = origin.server.listeners('request') as [http.RequestListener];
      origin.server.removeAllListeners('checkContinue').removeAllListeners('request').on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
        delete request.headers.expect; // it was granted
        let body = 0;
        request.on('data', (bytes: Buffer) => (body += bytes.length)).on('end', () => {
          request.headers['x-body'] = String(body);
          void serve(request, response); // nothing is said before all of it is here
        });
      });
      await using client = carrier.open({ credentials: ALICE, connections: 1, maxRepeatableBody: 1000 });
      const send = (): ReturnType<typeof client.request> =>
        client.request(origin.url, { method: 'POST', body: Readable.from([Buffer.alloc(size / 2, 'a'), Buffer.alloc(size / 2, 'b')]) });
      expect((await send()).status).toBe(200);
      isOpen = false;
      expect((await send()).status).toBe(status);
      expect(runs).toEqual([`${size} for nobody`, ...(status === 200 ? [`${size} for alice`] : [])]);
    }
  });

  test.each(everyCarrier)('%s: one that went out before its chunks were refused ends the call, and is not promised again', async (_name, carrier) => {
    await using peer = await HostilePeer.listen(({ socket, head, message }) => {
      if (head.startsWith('GET')) socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n');
      else if (head.startsWith('POST') && message === 1) setTimeout(() => socket.end('HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'), 1200);
    });
    await using client = carrier.open({ credentials: ALICE, probe: false, maxRepeatableBody: 0 });
    expect(await client.request(peer.url)).toMatchObject({ status: 401 });
    const sent = client.request(peer.url, { method: 'POST', body: TEXT });
    const error = (await sent.then(() => undefined, (cause: Error) => cause.cause ?? cause)) as object;
    expect(error).toMatchObject({ code: 'body-unrepeatable', side: 'peer', message: expect.stringContaining('a body in chunks (411)') as string });
  });
});
