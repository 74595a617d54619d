/** Web streams behind a session. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secureStreams, type ByteStreams } from '../../src/sasl/index.ts';
import { endsOf, SEALED, SIGNED } from '../session/support.ts';
import { thrown } from '../support/thrown.ts';
import { attacks, frameOf, type Attack } from './wire.ts';

/** Two ends of one wire. */
function wirePair(): [ByteStreams, ByteStreams] {
  const [one, two] = [new TransformStream<Uint8Array, Uint8Array>(), new TransformStream<Uint8Array, Uint8Array>()];
  return [
    { readable: one.readable, writable: two.writable },
    { readable: two.readable, writable: one.writable },
  ];
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<{ messages: Uint8Array[]; error: unknown }> {
  const messages: Uint8Array[] = [];
  try {
    for await (const message of readable) messages.push(message);
    return { messages, error: undefined };
  } catch (error) {
    return { messages, error };
  }
}

const text = (line: string): Uint8Array => new TextEncoder().encode(line);

describe('what goes in comes out', () => {
  it('whatever the sizes and the limits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(SEALED, SIGNED),
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.constantFrom(undefined, 17, 100),
        async (flags, sent, maxSend) => {
          const { client, server } = endsOf(flags);
          const [here, there] = wirePair();
          const ours = secureStreams(here, client, { maxSend });
          const theirs = secureStreams(there, server, { maxReceive: 200_000 });
          const writer = ours.writable.getWriter();
          const [{ messages, error }] = await Promise.all([
            readAll(theirs.readable),
            (async () => {
              for (const message of sent) await writer.write(message);
              await writer.close();
            })(),
          ]);
          expect(error).toBeUndefined();
          expect(Buffer.concat(messages)).toEqual(Buffer.concat(sent));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('until both directions end, which wipes the session', async () => {
    const { client, server } = endsOf(SEALED);
    const [here, there] = wirePair();
    const [ours, theirs] = [secureStreams(here, client), secureStreams(there, server)];
    const ends = [ours.writable.close(), theirs.writable.close(), readAll(ours.readable), readAll(theirs.readable)];
    await Promise.all(ends);
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect([client.closed, server.closed]).toEqual([true, true]);
  });
});

describe('a wire that is not right', () => {
  it.each(Object.keys(attacks) as Attack[])('%s: what came before is read, then the error, and nothing more goes out', async (name) => {
    const { client, server } = endsOf(SEALED);
    const [here, there] = wirePair();
    const ours = secureStreams(here, client);
    const frames = ['one', 'two', 'three'].map((line) => frameOf(server, text(line)));
    const { wire, code } = attacks[name];
    const far = there.writable.getWriter();
    void far.write(Uint8Array.from(Buffer.concat([frames[0]!, wire(frames)]))).catch(() => {});
    void far.close().catch(() => {});
    const { messages, error } = await readAll(ours.readable);
    expect(messages).toEqual([text('one')]);
    expect(error).toMatchObject({ name: 'NtlmError', code, phase: 'session', side: 'peer' });
    await new Promise((resolve) => setTimeout(resolve, 1));
    const sent = ours.writable.getWriter().write(text('more'));
    const arrived = readAll(there.readable);
    await expect(sent).rejects.toBeDefined();
    expect((await arrived).error).toBeDefined();
    expect(client.closed).toBe(true);
  });

  it('that breaks is the error of who reads', async () => {
    const { client } = endsOf(SEALED);
    const [here, there] = wirePair();
    const ours = secureStreams(here, client);
    const broken = new Error('reset');
    void there.writable.abort(broken);
    expect(await readAll(ours.readable)).toEqual({ messages: [], error: broken });
  });
});

it.each([
  ['wire', () => secureStreams(undefined as never, endsOf(SEALED).client)],
  ['session', () => secureStreams(wirePair()[0], undefined as never)],
  ['maxSize', () => secureStreams(wirePair()[0], endsOf(SEALED).client, { maxSend: 1 })],
])('a wrong "%s" is named', (argument, call) => {
  expect(thrown(call).message).toContain(`"${argument}"`);
});
