/** A Node socket behind a session: nothing lost that was right, nothing taken that was not. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secureSocket } from '../../src/sasl/node.ts';
import { endsOf, SEALED, SIGNED } from '../session/support.ts';
import { thrown } from '../support/thrown.ts';
import { attacks, frameOf, socketPair, type Attack } from './wire.ts';

const text = (line: string): Uint8Array => new TextEncoder().encode(line);

function securePair(flags = SEALED, options = {}) {
  const { client, server } = endsOf(flags);
  const [here, there] = socketPair();
  return { client, server, here, there, ours: secureSocket(here, client, options), theirs: secureSocket(there, server, options) };
}

/** Waits for the end of a stream: what was read, and what it ended in. */
async function readAll(stream: Duplex): Promise<{ messages: string[]; error: unknown }> {
  const messages: string[] = [];
  try {
    for await (const chunk of stream) messages.push(String(chunk));
    return { messages, error: undefined };
  } catch (error) {
    return { messages, error };
  }
}

describe('what goes in comes out', () => {
  it('whatever the sizes, the cuts and the limits', async () => {
    const limits = fc.record({ maxSend: fc.constantFrom(undefined, 17, 100), maxReceive: fc.constantFrom(undefined, 200_000) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(SEALED, SIGNED),
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        limits,
        async (flags, sent, options) => {
          const { ours, theirs } = securePair(flags, options);
          const received = buffer(theirs);
          for (const message of sent) ours.write(message);
          ours.end();
          theirs.end();
          expect(await received).toEqual(Buffer.concat(sent));
          ours.resume();
          await once(ours, 'close');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('over TCP, in both directions at once, with 8 MB and a reader that is slow', async () => {
    const { client, server } = endsOf(SEALED);
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(listener, 'connection')) as [Socket];
    const [ours, theirs] = [secureSocket(socket, client), secureSocket(accepted, server)];
    const there = Buffer.alloc(8_000_000, 'there');
    const back = Buffer.alloc(3_000_000, 'back!');
    ours.end(there);
    theirs.end(back);
    // by events: an iterator takes the other direction along when it ends
    const collect = async (stream: Duplex, slowly: boolean): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => {
        if (chunks.push(chunk) % 50 > 0 || !slowly) return;
        stream.pause();
        setTimeout(() => stream.resume(), 1);
      });
      await once(stream, 'end');
      return Buffer.concat(chunks);
    };
    const closed = [once(ours, 'close'), once(theirs, 'close')];
    const [received, returned] = await Promise.all([collect(theirs, true), collect(ours, false)]);
    expect(Buffer.compare(received, there)).toBe(0);
    expect(Buffer.compare(returned, back)).toBe(0);
    listener.close();
    await Promise.all(closed);
    expect([client.closed, server.closed]).toEqual([true, true]);
  });

  it('in frames as long as Samba sends them', async () => {
    const { server, here, ours, there } = securePair();
    const long = new Uint8Array(131_072 - 16).fill(7);
    there.write(frameOf(server, long));
    const [chunk] = (await once(ours, 'data')) as [Buffer];
    expect(Buffer.compare(chunk, long)).toBe(0);
    expect(here.destroyed).toBe(false);
  });

  it('and strings as their bytes', async () => {
    const { ours, theirs } = securePair();
    ours.end('a001 NOOP\r\n', 'latin1');
    expect(String(await buffer(theirs))).toBe('a001 NOOP\r\n');
  });
});

describe('a wire that is not right', () => {
  it.each(Object.keys(attacks) as Attack[])('%s: what came before is read, then the error, and the socket is closed', async (name) => {
    const { client, server, here, there, ours } = securePair();
    const frames = ['one', 'two', 'three'].map((line) => frameOf(server, text(line)));
    const { wire, code } = attacks[name];
    there.write(Buffer.concat([frames[0]!, wire(frames)]));
    there.end();
    await new Promise((resolve) => setTimeout(resolve, 5)); // a reader that comes late
    const { messages, error } = await readAll(ours);
    expect(messages).toEqual(['one']);
    expect(error).toMatchObject({ name: 'NtlmError', code, phase: 'session', side: 'peer' });
    expect([here.destroyed, client.closed]).toEqual([true, true]);
  });

  it('loses none of many messages before it, whoever reads how', async () => {
    for (const flowing of [false, true]) {
      const { server, there, ours } = securePair();
      const lines = Array.from({ length: 50 }, (_, n) => `message ${n}`);
      const good = lines.map((line) => frameOf(server, text(line)));
      there.write(Buffer.concat([...good, good[0]!]));
      if (flowing) {
        const messages: string[] = [];
        ours.on('data', (chunk) => messages.push(String(chunk)));
        const [error] = (await once(ours, 'error')) as [unknown];
        expect(messages).toEqual(lines);
        expect(error).toMatchObject({ code: 'out-of-sequence' });
      } else {
        expect(await readAll(ours)).toMatchObject({ messages: lines, error: { code: 'out-of-sequence' } });
      }
    }
  });

  it('that breaks is an error of the connection, after what came before', async () => {
    const { client, server, here, there, ours } = securePair();
    there.write(frameOf(server, text('one')));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const reading = readAll(ours);
    await new Promise((resolve) => setTimeout(resolve, 5));
    here.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    expect(await reading).toMatchObject({
      messages: ['one'],
      error: { name: 'NtlmError', code: 'connection-closed', phase: 'transport', side: 'peer', cause: { code: 'ECONNRESET' } },
    });
    expect(client.closed).toBe(true);
  });

  it('is not written to: a write after the end of the session is an error, called back', async () => {
    const { client, ours } = securePair();
    client.close();
    ours.on('error', () => {});
    const error = await new Promise((resolve) => ours.write('late', resolve));
    expect(error).toMatchObject({ name: 'NtlmError', code: 'session-unavailable' });
  });
});

describe('its end', () => {
  it('by destroy closes the socket and wipes the session', async () => {
    const { client, here, ours } = securePair();
    ours.destroy();
    await once(ours, 'close');
    expect([here.destroyed, client.closed]).toEqual([true, true]);
  });

  it('of what goes out leaves what comes in open', async () => {
    const { server, there, ours } = securePair();
    ours.end('bye');
    await once(ours, 'finish');
    there.write(frameOf(server, text('still here')));
    const [chunk] = (await once(ours, 'data')) as [Buffer];
    expect(String(chunk)).toBe('still here');
  });
});

it.each([
  ['socket', () => secureSocket({} as never, endsOf(SEALED).client)],
  ['session', () => secureSocket(socketPair()[0], {} as never)],
  ['maxSend', () => secureSocket(socketPair()[0], endsOf(SEALED).client, { maxSend: 16 })],
  ['maxReceive', () => secureSocket(socketPair()[0], endsOf(SEALED).client, { maxReceive: Number.NaN })],
])('a wrong "%s" is named', (argument, call) => {
  const error = thrown(call);
  expect(error).toMatchObject({ code: 'invalid-argument', side: 'local' });
  expect(error.message).toContain(`"${argument}"`);
});
