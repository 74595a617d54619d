import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type CredentialsQuestion } from '../../../src/http/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { until } from '../support/hostile.ts';
import { ALICE, BOB, Origin, WRONG } from '../support/origin.ts';

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('bodies of 401s are read, and the connection goes on', async () => {
    await using origin = await Origin.listen({ refusalBody: Buffer.alloc(100_000, 'x') });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect((await client.request(origin.url)).text).toBe('alice');
    expect((await client.request(origin.url)).text).toBe('alice');
    expect(origin.connections).toBe(1);
  });

  test('a 401 that closes the connection leads to type 1 on a new one', async () => {
    await using origin = await Origin.listen();
    origin.server.prependListener('request', (request, response) => {
      if (request.headers.authorization === undefined && origin.connections === 0)
        response.setHeader('Connection', 'close');
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect((await client.request(origin.url)).text).toBe('alice');
    expect(origin.seen.map(({ connection, message }) => [connection, message])).toEqual([
      [1, 'none'],
      [2, 1],
      [2, 3],
    ]);
  });

  test.each(['GET', 'POST'])(
    'a connection that closes after type 2 restarts %s on a new one from type 1',
    async (method) => {
      await using origin = await Origin.listen({
        onNegotiate: (request, response, count) => {
          if (count === 1) response.on('finish', () => request.socket.destroy());
          return undefined;
        },
      });
      await using client = carrier.open({ credentials: ALICE, connections: 1 });
      const body = method === 'POST' ? { body: 'once' } : {};
      expect((await client.request(origin.url, { method, ...body })).text).toBe('alice');
      const legs = origin.seen
        .filter(({ message }) => message !== 'none')
        .map(({ connection, message }) => [connection, message]);
      expect(legs).toEqual([
        [1, 1],
        [2, 1],
        [2, 3],
      ]);
      expect(origin.seen.filter(({ body }) => body > 0)).toHaveLength(method === 'POST' ? 1 : 0);
    },
  );

  test('a server that closes after every type 2 ends in an error, after a bounded number of requests', async () => {
    await using origin = await Origin.listen({
      onNegotiate: (request, response) => {
        response.on('finish', () => request.socket.destroy());
        return undefined;
      },
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    await expect(client.request(origin.url)).rejects.toMatchObject({ code: 'connection-closed' });
    expect(origin.seen.length).toBeLessThan(10);
  });

  test('a server that asks again on an authenticated connection gets a new handshake on it', async () => {
    await using origin = await Origin.listen({ singleRequest: true });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    for (let call = 0; call < 5; call += 1) {
      const init = call % 2 === 0 ? {} : { method: 'POST', body: 'again' };
      expect((await client.request(origin.url, init)).text).toBe('alice');
    }
    expect(origin.connections).toBe(1);
    // Learned after the second time: no request goes out in vain any more.
    expect(origin.seen.slice(-4).map(({ message }) => message)).toEqual([1, 3, 1, 3]);
  });

  test('other credentials after a refusal, asked for once by all who wait', async () => {
    const questions: CredentialsQuestion[] = [];
    const credentials = async (question: CredentialsQuestion) => {
      questions.push(question);
      await new Promise((resolve) => setTimeout(resolve, 10));
      return question.attempt === 1 ? WRONG : ALICE;
    };
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials, connections: 4 });
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, call) => client.request(origin.url, { method: 'POST', body: `call ${call}` })),
    );
    expect(replies.map(({ text }) => text)).toEqual(Array<string>(8).fill('alice'));
    expect(questions.map(({ origin: at, scheme, attempt, reason }) => [at, scheme, attempt, reason?.code])).toEqual([
      [origin.url, 'NTLM', 1, undefined],
      [origin.url, 'NTLM', 2, 'credentials-refused'],
    ]);
  });

  test('other credentials after a refusal do not cost a streamed body', async () => {
    const body = Readable.from([Buffer.from('only '), Buffer.from('once')]);
    await using origin = await Origin.listen();
    await using client = carrier.open({
      credentials: ({ attempt }) => (attempt === 1 ? WRONG : ALICE),
      connections: 1,
    });
    expect((await client.request(origin.url, { method: 'POST', body })).text).toBe('alice');
    expect(origin.seen.filter(({ body }) => body > 0).map(({ message, body }) => [message, body])).toEqual([[3, 9]]);
  });

  test('wrong credentials end in the 401 and its reason, after one type 3', async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: WRONG, connections: 1 });
    const reply = await client.request(origin.url, { method: 'POST', body: 'kept' });
    expect(reply).toMatchObject({ status: 401, text: 'no' });
    expect(reply.headers['proxy-status']).toContain('credentials-refused');
    expect(origin.seen.filter(({ message }) => message === 3)).toHaveLength(1);
    expect(origin.handled).toHaveLength(0);
  });

  test('nobody gives credentials: the 401 is handed back', async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: () => undefined });
    expect((await client.request(origin.url)).status).toBe(401);
    expect(origin.seen).toHaveLength(1);
  });

  test('credentials that cannot be had are an error of the request, with what was thrown', async () => {
    const cause = new Error('the vault is shut');
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: async () => Promise.reject(cause) });
    await expect(client.request(origin.url)).rejects.toMatchObject({ name: 'NtlmError', code: 'service-failed', cause });
  });

  test('credentials of the wrong type are an error that says so', async () => {
    await using origin = await Origin.listen();
    const credentials = (() => ({ username: 'alice', password: 'wonderland' })) as never;
    await using client = carrier.open({ credentials });
    await expect(client.request(origin.url)).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('when the app changes the user after a refusal, connections of the one before are not used for the next', async () => {
    let refuse = false;
    await using origin = await Origin.listen({
      acceptor: { credentials: ({ username }) => (username === 'bob' ? BOB : refuse ? undefined : ALICE) },
    });
    const credentials = ({ attempt }: CredentialsQuestion) => (attempt === 1 ? ALICE : BOB);
    await using client = carrier.open({ credentials, connections: 2 });
    await Promise.all([client.request(origin.url), client.request(origin.url)]);
    refuse = true;
    [...origin.sockets][0]?.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([client.request(origin.url), client.request(origin.url)]); // one of them is refused as alice
    const replies = await Promise.all([1, 2, 3, 4].map(() => client.request(origin.url)));
    expect(replies.map(({ text }) => text)).toEqual(['bob', 'bob', 'bob', 'bob']);
  });
});

/** A server of raw bytes: `answer` gets each head as text and what to write back. */
async function rawServer(
  answer: (socket: Socket, head: string, count: number) => void,
): Promise<AsyncDisposable & { url: string; readonly requests: number; readonly open: Set<Socket> }> {
  const open = new Set<Socket>();
  let requests = 0;
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    socket.on('data', (bytes) => answer(socket, bytes.toString('latin1'), (requests += 1)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    open,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const unauthorized = (challenge: string): string =>
  `HTTP/1.1 401 No\r\nWWW-Authenticate: ${challenge}\r\nContent-Length: 0\r\n\r\n`;

describe.each(everyCarrier)('%s and a server that never says yes', (_name, carrier) => {
  test.each([
    ['a bare NTLM for ever', 'NTLM', 'malformed-token'],
    ['garbage for type 2', 'NTLM TlRMTVNTUAACAAAA', 'truncated'],
    ['no base64 for type 2', 'NTLM !!!', 'malformed-token'],
    [
      'type 1 for type 2',
      `NTLM ${Buffer.from('NTLMSSP\0\x01\0\0\0'.padEnd(40, '\0'), 'latin1').toString('base64')}`,
      'wrong-message-type',
    ],
  ])('%s: the 401 comes back with its reason', async (_what, challenge, code) => {
    await using server = await rawServer((socket) => socket.write(unauthorized(challenge)));
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    const reply = await client.request(server.url);
    expect(reply.status).toBe(401);
    expect(String(reply.headers['proxy-status'])).toMatch(new RegExp(`${code}|malformed-token`));
    expect(server.requests).toBeLessThanOrEqual(2);
  });

  test('401 for ever, whatever the credentials', async () => {
    await using origin = await Origin.listen({ acceptor: { credentials: () => undefined } });
    let asked = 0;
    await using client = carrier.open({
      credentials: () => ((asked += 1), asked % 2 === 0 ? ALICE : BOB),
      connections: 1,
      maxAttempts: 3,
    });
    expect((await client.request(origin.url)).status).toBe(401);
    expect(asked).toBe(3);
    expect(origin.seen).toHaveLength(7);
  });

  test.each([
    ['says nothing to type 1', (_socket: Socket) => {}],
    ['lets the 401 drip', (socket: Socket) => void drip(socket, unauthorized('NTLM'))],
    [
      'lets the body of a 401 drip',
      (socket: Socket) => {
        socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 1000\r\n\r\n');
        drip(socket, 'x'.repeat(1000));
      },
    ],
  ])('%s: it ends within the time limit', async (_what, answer) => {
    await using server = await rawServer((socket, _head, count) => {
      if (count === 1 && answer.length === 1 && _what === 'says nothing to type 1') socket.write(unauthorized('NTLM'));
      else if (count <= 2) answer(socket);
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1, legTimeout: 150 });
    const started = performance.now();
    await expect(client.request(server.url)).rejects.toMatchObject({ code: 'timed-out' });
    expect(performance.now() - started).toBeLessThan(10_000); // what drips would go on for longer
    expect(server.requests).toBeLessThanOrEqual(3);
  });

  test('a type 3 that is never answered ends within its own limit', async () => {
    await using origin = await Origin.listen({ handler: () => {} });
    await using client = carrier.open({ credentials: ALICE, connections: 1, answerTimeout: 150 });
    await expect(client.request(origin.url)).rejects.toMatchObject({ code: 'timed-out' });
  });

  test.each(['asking', 'negotiating', 'responding'])(
    'an abort while %s ends it at once and leaves nothing behind',
    async (when) => {
      await using origin = await Origin.listen({
        onNegotiate: () => when === 'negotiating',
        handler: () => {},
      });
      const controller = new AbortController();
      const credentials = () => (when === 'asking' ? new Promise<never>(() => {}) : ALICE);
      const client = carrier.open({ credentials, connections: 1 });
      const call = client.request(origin.url, { signal: controller.signal });
      const failed = expect(call).rejects.toMatchObject({ name: 'AbortError' });
      await new Promise((resolve) => setTimeout(resolve, 60));
      controller.abort();
      await failed;
      const left = (): string[] => process.getActiveResourcesInfo().filter((name) => /^TCP(?:Socket|Connect)Wrap$/.test(name));
      await until(() => origin.sockets.size === 0 && left().length === 0);
      expect([origin.sockets.size, ...left()]).toEqual([0]);
      await client[Symbol.asyncDispose]();
    },
  );
});

function drip(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at === text.length) clearInterval(timer);
    else socket.write(text[at++] ?? '');
  }, 20);
  socket.on('close', () => clearInterval(timer));
}
