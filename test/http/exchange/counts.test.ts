import { describe, expect, test } from 'vitest';
import { everyCarrier } from '../support/carriers.ts';
import { ALICE, Origin } from '../support/origin.ts';

/** Whether `wire` requests are what `calls` calls over the connections seen may cost. */
function expectWireCost(origin: Origin, calls: number, { learned }: { learned: boolean }): void {
  const handshakes = new Set(origin.seen.filter(({ message }) => message === 3).map(({ connection }) => connection))
    .size;
  expect(origin.handled).toHaveLength(calls);
  expect(origin.seen.length).toBeLessThanOrEqual(calls + handshakes * (learned ? 1 : 2));
  expect(origin.seen.filter(({ message }) => message === 3)).toHaveLength(handshakes);
}

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('one connection: the first request costs three, each later one costs one', async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    for (let call = 0; call < 10; call += 1) {
      expect(await client.request(`${origin.url}/${call}`)).toMatchObject({ status: 200, text: 'alice' });
    }
    expect(origin.connections).toBe(1);
    expect(origin.seen.map(({ message }) => message)).toEqual(['none', 1, 3, ...Array<string>(9).fill('none')]);
  });

  test('a connection to an origin known to ask costs one request more, not two', async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    await client.request(origin.url);
    for (const socket of origin.sockets) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    origin.seen.length = 0;
    expect((await client.request(origin.url)).status).toBe(200);
    expect((await client.request(origin.url)).status).toBe(200);
    expect(origin.seen.map(({ message }) => message)).toEqual([1, 3, 'none']);
  });

  test.each([1, 2, 4, undefined])('8 and then 64 parallel calls on %s connections', async (connections) => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: ALICE, ...(connections === undefined ? {} : { connections }) });
    for (const [calls, learned] of [
      [8, false],
      [64, true],
    ] as const) {
      origin.seen.length = 0;
      const replies = await Promise.all(
        Array.from({ length: calls }, (_, call) =>
          client.request(`${origin.url}/${call}`, call % 2 === 0 ? {} : { method: 'POST', body: `body ${call}` }),
        ),
      );
      expect(replies.map(({ status, text }) => `${status} ${text}`)).toEqual(Array<string>(calls).fill('200 alice'));
      expectWireCost(origin, calls, { learned });
      if (connections !== undefined) expect(origin.connections).toBeLessThanOrEqual(connections);
    }
  });
});
