import { once } from 'node:events';
import { PassThrough, type Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HandingDuplex, type Written } from '../../../src/http/exchange/handing-duplex.ts';

const turn = (): Promise<void> => new Promise(setImmediate);

/** What is handed waits for room; what is written is noted with the way it came. */
class Stream extends HandingDuplex {
  readonly wrote: string[] = [];
  mayTake = true;
  fault: Error | undefined;
  #room: (() => void) | undefined;

  constructor() {
    super({ readableHighWaterMark: 8, decodeStrings: false });
  }

  protected override takeAtOnce(head: string): boolean {
    if (this.fault !== undefined) throw this.fault;
    if (this.mayTake) this.wrote.push(head);
    return this.mayTake;
  }

  protected override takeParts(parts: readonly Buffer[], written: Written): void {
    for (const part of parts) this.wrote.push(part.toString('latin1'));
    setImmediate(written);
  }

  override _read(): void {
    this.#room?.();
    this.#room = undefined;
  }

  async bring(chunk: string): Promise<void> {
    const room = new Promise<void>((resolve) => (this.#room = resolve));
    if (!this.hand(Buffer.from(chunk))) await room;
  }

  bringEnd(): void {
    this.push(null);
  }
}

/** Every way in which a client takes what a stream has. Each resolves with all of it. */
const READERS: Readonly<Record<string, (stream: Duplex) => Promise<string>>> = {
  data: async (stream) => {
    let got = '';
    stream.on('data', (bytes: Buffer) => (got += bytes));
    await once(stream, 'end');
    return got;
  },
  'data, with rests': async (stream) => {
    let got = '';
    stream.on('data', (bytes: Buffer) => {
      got += bytes;
      if (got.length % 3 !== 0) return;
      stream.pause();
      setImmediate(() => stream.resume());
    });
    await once(stream, 'end');
    return got;
  },
  'data, listened to in turns': async (stream) => {
    let got = '';
    const first = (bytes: Buffer): void => {
      got += bytes;
      stream.off('data', first).on('data', second);
    };
    const second = (bytes: Buffer): void => {
      got += bytes;
      stream.off('data', second).on('data', first);
    };
    stream.on('data', first);
    await once(stream, 'end');
    return got;
  },
  readable: async (stream) => {
    let got = '';
    stream.on('readable', () => {
      for (let bytes: Buffer | null; (bytes = stream.read() as Buffer | null) !== null; ) got += bytes;
    });
    await once(stream, 'end');
    return got;
  },
  'readable, later': async (stream) => {
    let got = '';
    stream.on('readable', () => {
      setImmediate(() => {
        for (let bytes: Buffer | null; (bytes = stream.read() as Buffer | null) !== null; ) got += bytes;
      });
    });
    await once(stream, 'end');
    return got;
  },
  'readable, a byte at a time': async (stream) => {
    let got = '';
    stream.on('readable', () => {
      for (let bytes: Buffer | null; (bytes = stream.read(1) as Buffer | null) !== null; ) got += bytes;
    });
    await once(stream, 'end');
    return got;
  },
  'readable, and data beside': async (stream) => {
    let got = '';
    stream.on('data', (bytes: Buffer) => (got += bytes));
    stream.on('readable', () => {
      while (stream.read() !== null);
    });
    await once(stream, 'end');
    return got;
  },
  'first readable, then data': async (stream) => {
    let got = '';
    const onReadable = (): void => {
      const bytes = stream.read() as Buffer | null;
      if (bytes === null) return;
      got += bytes;
      stream.off('readable', onReadable).on('data', (more: Buffer) => (got += more));
      stream.resume();
    };
    stream.on('readable', onReadable);
    await once(stream, 'end');
    return got;
  },
  iterator: async (stream) => {
    let got = '';
    for await (const bytes of stream as AsyncIterable<Buffer>) got += bytes;
    return got;
  },
  text: async (stream) => {
    let got = '';
    stream.setEncoding('utf8').on('data', (part: string) => (got += part));
    await once(stream, 'end');
    return got;
  },
  pipe: (stream) => text(stream.pipe(new PassThrough({ highWaterMark: 4 }))),
};

describe('a duplex that hands on what need not wait', () => {
  const chunks = fc.array(fc.record({ chunk: fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' }), turns: fc.nat({ max: 2 }) }), { maxLength: 20 });

  test.each(Object.keys(READERS))('whoever reads by %s has every byte once, in order, and the end', async (name) => {
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const stream = new Stream();
        const got = READERS[name]!(stream);
        for (const { chunk, turns } of parts) {
          await stream.bring(chunk);
          for (let i = 0; i < turns; i++) await turn();
        }
        stream.bringEnd();
        expect(await got).toBe(parts.map(({ chunk }) => chunk).join(''));
      }),
      { numRuns: 60 },
    );
  });

  test('who listens has it within the same turn, once anything was read', async () => {
    const stream = new Stream();
    const got: string[] = [];
    stream.on('data', (bytes: Buffer) => got.push(`${bytes}`));
    await turn();
    await stream.bring('first');
    await turn();
    void stream.bring('second');
    expect(got).toEqual(['first', 'second']);
    expect(stream.readableDidRead).toBe(true);
  });

  test('what nobody takes is kept, and no more is wanted than there is room for', async () => {
    const stream = new Stream();
    stream.on('data', () => {});
    await turn();
    await stream.bring('first');
    stream.pause();
    await stream.bring('1234');
    let room = false;
    void stream.bring('56789').then(() => (room = true));
    await turn();
    expect([stream.readableLength, room]).toEqual([9, false]);
    stream.resume();
    await turn();
    await turn();
    expect([stream.readableLength, room]).toEqual([0, true]);
  });

  type Step = { readonly text: string; readonly as: 'text' | 'bytes' | 'utf8'; readonly corked: boolean; readonly mayTake: boolean; readonly told: boolean; readonly wait: boolean };
  const steps = fc.array(
    fc.record<Step>({
      text: fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme-ascii' }),
      as: fc.constantFrom('text', 'bytes', 'utf8'),
      corked: fc.boolean(),
      mayTake: fc.boolean(),
      told: fc.boolean(),
      wait: fc.boolean(),
    }),
    { maxLength: 20 },
  );

  test('what is written goes in its order, and each is told of once, in that order', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const stream = new Stream();
        const told: number[] = [];
        for (const [i, step] of all.entries()) {
          stream.mayTake = step.mayTake;
          if (step.corked) stream.cork();
          const [chunk, encoding] = step.as === 'bytes' ? [Buffer.from(step.text), undefined] : [step.text, step.as === 'text' ? ('latin1' as const) : ('utf8' as const)];
          if (step.told) stream.write(chunk, encoding ?? 'utf8', (error) => told.push(error == null ? i : Number.NaN));
          else stream.write(chunk, encoding ?? 'utf8');
          if (step.corked) stream.uncork();
          if (step.wait) await turn();
        }
        stream.end();
        await once(stream, 'finish');
        expect(stream.wrote.join('')).toBe(all.map((step) => step.text).join(''));
        expect(told).toEqual(all.flatMap(({ told: asked }, i) => (asked ? [i] : [])));
      }),
    );
  });

  test('what cannot be taken ends the stream, and is told to who wrote it', async () => {
    const stream = new Stream();
    stream.fault = new Error('no head');
    const heard = once(stream, 'error');
    const told = new Promise((resolve) => stream.write('x', 'latin1', resolve));
    expect([await told, (await heard)[0], stream.destroyed]).toEqual([stream.fault, stream.fault, true]);
  });

  test('what no stream takes is thrown, as by every stream', () => {
    const stream = new Stream();
    for (const chunk of [null, undefined, 1, {}]) expect(() => stream.write(chunk as unknown as string, 'latin1')).toThrow(TypeError);
    expect(stream.destroyed).toBe(false);
  });

  test.each(['end', 'destroy'] as const)('nothing is taken after %s', async (way) => {
    const stream = new Stream();
    stream.on('error', () => {});
    stream[way]();
    const error = await new Promise<Error | null | undefined>((resolve) => stream.write('x', 'latin1', resolve));
    expect([error instanceof Error, stream.wrote]).toEqual([true, []]);
  });
});
