/** A 401 that comes while the body it is the answer to is still on its way. */
import { once } from 'node:events';
import http from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { NtlmAgent } from '../../../src/http/index.ts';
import { get } from '../support/get.ts';
import { until } from '../support/hostile.ts';
import { honest } from '../support/meet.ts';
import { ALICE, Origin } from '../support/origin.ts';

/** More than the system takes before somebody reads it. */
const LENGTH = 16 * 1024 * 1024;

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

interface Arrived {
  readonly connection: number;
  readonly message: 'none' | 1 | 3;
  /** Bytes of its body that were read. */
  body: number;
  /** Ends its connection. */
  readonly end: () => void;
}

/** Answers each head at once, and reads what follows it only where `reads` says so. */
async function eagerServer(reads: (arrived: Arrived) => boolean): Promise<{ readonly url: string; readonly arrived: Arrived[] }> {
  const arrived: Arrived[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = (connections += 1);
    open.add(socket.on('error', () => {}));
    let head = '';
    let left = 0;
    socket.on('data', (bytes) => {
      let at = 0;
      while (at < bytes.length) {
        if (left > 0) {
          const part = Math.min(left, bytes.length - at);
          left -= part;
          at += part;
          arrived.at(-1)!.body += part;
          continue;
        }
        head += bytes.toString('latin1', at);
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        const before = head.length - (bytes.length - at);
        at += end + 4 - before;
        left = Number(/content-length: (\d+)/i.exec(head.slice(0, end))?.[1] ?? 0);
        const token = /authorization: NTLM (\S+)/i.exec(head.slice(0, end))?.[1];
        const message = token === undefined ? 'none' : (Buffer.from(token, 'base64')[8] as 1 | 3);
        const one: Arrived = { connection, message, body: 0, end: () => void socket.destroy() };
        arrived.push(one);
        socket.write(honest({ socket, message, head, token: new Uint8Array(), count: 1, connection }));
        head = '';
        if (!reads(one)) {
          socket.pause();
          return;
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ending.push(() => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, arrived };
}

function put(url: string, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method: 'PUT', headers: { 'content-length': LENGTH } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!));
    });
    request.on('error', reject).end(Buffer.alloc(LENGTH, 'b'));
  });
}

describe('a 401 that comes before its body is out', () => {
  test('lets the body go out, and the next leg follows on the same connection', async () => {
    const { url, arrived } = await eagerServer(() => true);
    const agent = new NtlmAgent({ credentials: ALICE, probe: false, maxRepeatableBody: LENGTH });
    ending.push(() => agent.destroy());
    expect(await put(url, agent)).toBe(200);
    await until(() => arrived.at(-1)!.body === LENGTH);
    expect(arrived).toMatchObject(([['none', 1], [1, 1], [3, 1]] as const).map(([message, connection]) => ({ message, connection, body: LENGTH })));
  });

  test.each([['once the limit of a leg is over', 1000], ['once it is closed', 60_000]] as const)('and is a challenge, of a server that reads no more, costs a connection %s', async (_when, legTimeout) => {
    const { url, arrived } = await eagerServer(({ connection }) => connection !== 2);
    const agent = new NtlmAgent({ credentials: ALICE, probe: false, maxRepeatableBody: LENGTH, legTimeout });
    ending.push(() => agent.destroy());
    await get(url, agent);
    arrived[0]!.end();
    await until(() => Object.keys(agent.freeSockets).length === 0);
    const done = put(url, agent);
    await until(() => arrived.some(({ connection }) => connection === 2));
    if (legTimeout > 1000) setTimeout(() => arrived.at(-1)!.end(), 50);
    expect(await done).toBe(200);
    await until(() => arrived.at(-1)!.body === LENGTH);
    const [unread, ...others] = arrived.slice(3).map(({ message, connection, body }) => [message, connection, body === LENGTH]);
    expect(unread).toEqual([1, 2, false]);
    const [, last] = others.at(-1)!; // 3, but where a machine is so busy that the limit is over once more
    expect(others.slice(-2)).toEqual([[1, last, true], [3, last, true]]);
  });

  test('and is a challenge, of a server that reads no more and takes no type 3 either, is an error once the limit of an answer is over', async () => {
    const { url } = await eagerServer(({ message }) => message !== 1);
    const agent = new NtlmAgent({ credentials: ALICE, probe: false, maxRepeatableBody: LENGTH, answerTimeout: 500 });
    ending.push(() => agent.destroy());
    await expect(put(url, agent)).rejects.toMatchObject({ name: 'NtlmError', code: 'timed-out', phase: 'transport', side: 'peer', message: 'the other end takes nothing of the request any more' });
  });

  test('is the client\'s where nobody gives credentials; what the client writes of its body then goes nowhere', async () => {
    await using origin = await Origin.listen({ protects: ({ method }) => method === 'POST' });
    const agent = new NtlmAgent({ credentials: () => undefined, maxRepeatableBody: 0 });
    ending.push(() => agent.destroy());
    const request = http.request(origin.url, { agent, method: 'POST' });
    request.write('held ');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect([response.statusCode, response.headers.connection]).toEqual([401, 'close']);
    response.resume();
    await new Promise((resolve) => request.end('and dropped', resolve as () => void));
    expect(origin.seen.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual([0]);
  });
});
