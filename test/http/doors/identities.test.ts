import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Credentials } from '../../../src/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { ALICE, BOB, Origin } from '../support/origin.ts';

/** Closes one connection, and lets its client know before anything is sent on it. */
async function cutOne({ sockets }: Origin): Promise<void> {
  const [socket] = sockets;
  if (socket === undefined) return;
  socket.destroy();
  await once(socket, 'close');
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('whatever the interleaving, each call is seen as its own user', async () => {
    await using origin = await Origin.listen({ acceptor: { anonymous: true } });
    const identities = [
      ['alice', ALICE],
      ['bob', BOB],
      ['', Credentials.anonymous()],
    ] as const;
    const step = fc.record({
      who: fc.integer({ min: 0, max: 2 }),
      method: fc.constantFrom('GET', 'POST'),
      wait: fc.boolean(),
      cut: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 4, maxLength: 16 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, connections) => {
          const clients = identities.map(([, credentials]) => carrier.open({ credentials, connections }));
          const calls: Promise<readonly [string, string]>[] = [];
          for (const { who, method, wait, cut } of steps) {
            const body = method === 'POST' ? { body: 'x' } : {};
            const call = clients[who]!.request(origin.url, { method, ...body }).then(
              ({ text }) => [identities[who]![0], text] as const,
            );
            calls.push(call);
            if (wait) await call;
            if (wait && cut) {
              await Promise.all(calls);
              await cutOne(origin);
            }
          }
          for (const [who, seenAs] of await Promise.all(calls)) expect(seenAs).toBe(who);
          for (const client of clients) await client[Symbol.asyncDispose]();
        },
      ),
      { numRuns: 15 },
    );
  });
});
