/** What comes between an answer's end and the next leg was asked for by nobody, and is nobody's answer. */
import http from 'node:http';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { tellerOf } from '../../../src/http/exchange/telling.ts';
import { NtlmAgent } from '../../../src/http/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { ALICE } from '../support/origin.ts';
import { Peer, ok, unauthorized } from '../support/peer.ts';

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test.each([
    ['a whole response', ok('evil')],
    ['another 401', unauthorized('NTLM')],
    ['the beginning of one', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['one byte', 'H'],
  ])('%s, some time behind a 401 and before type 1', async (_what, extra) => {
    await using peer = await Peer.listen(async ({ socket, message, honest, count }) => {
      socket.write(honest, 'latin1');
      await later(10);
      if (message === 'none' && count === 1) socket.write(extra, 'latin1');
    });
    const credentials = async () => (await later(60), ALICE);
    await using client = carrier.open({ credentials, connections: 1 });
    for (const _ of [1, 2, 3]) expect(await client.request(peer.url)).toMatchObject({ status: 200, text: 'alice' });
    expect(peer.connections).toBe(2);
  });
});

test('a server that closes its connection a moment behind its challenge: what must not go out twice has not gone out on it', async () => {
  let closed = false;
  await using peer = await Peer.listen(({ socket, honest }) => void socket.write(honest, 'latin1'));
  const agent = new NtlmAgent({ credentials: ALICE });
  tellerOf(agent)!.listen({
    whole: false,
    tell: (event) => {
      if (event.type !== 'step' || event.to !== 'handshaking.responding.sending' || closed) return;
      closed = true;
      setTimeout(() => [...peer.sockets][0]!.end(), 3);
    },
  });
  const request = http.request(peer.url, { agent, method: 'DELETE' }).end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  expect(response.statusCode).toBe(200);
  expect(peer.exchanges.map(({ message }) => message)).toEqual(['none', 1, 1, 3]);
  agent.destroy();
});
