/** What a story promises of any conversation: everything once, in the order of time, nothing made up. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Conversation } from '../../../src/visualize/conversation/conversation.ts';
import { readConversation } from '../../../src/visualize/conversation/read.ts';
import { drawLadder } from '../../../src/visualize/flow/ladder.ts';
import { layOut } from '../../../src/visualize/flow/ladder-layout.ts';
import { patchOf, patched } from '../../../src/visualize/flow/patch.ts';
import { storyOf, type Row, type Rung, type Story } from '../../../src/visualize/flow/story.ts';
import { toMarkup } from '../../../src/visualize/flow/svg.ts';
import { foldTime } from '../../../src/visualize/flow/waterfall.ts';
import { clock, duration } from '../../../src/visualize/flow/waits.ts';

const NEGOTIATE = 'TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAAAAAAAADw==';
/** MS-NLMP 4.2.4.3: its challenge. */
const CHALLENGE = 'TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwARABvAG0AYQBpAG4AAQAMAFMAZQByAHYAZQByAAAAAAA=';

const side = fc.constantFrom('server', 'proxy');
const time = fc.option(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }), { nil: undefined });
const scheme = fc.record({ side, scheme: fc.constantFrom('NTLM', 'Negotiate', 'Basic'), token: fc.constantFrom(undefined, NEGOTIATE, CHALLENGE) });
const exchange = fc.record({
  request: fc.option(fc.record({ method: fc.constantFrom('GET', 'POST', 'CONNECT'), target: fc.constantFrom('/', '/orders', 'http://keep/x', 'keep:443'), credentials: fc.array(scheme, { maxLength: 2 }), time }), { nil: undefined }),
  response: fc.option(fc.record({ status: fc.constantFrom(200, 302, 401, 407, 403, 500), challenges: fc.array(scheme, { maxLength: 3 }), time }), { nil: undefined }),
  broken: fc.constantFrom(undefined, 'closed', 'reset'),
});
const step = fc.record({
  time: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  machine: fc.constantFrom('ntlm', 'connection', 'spnego', 'mine'),
  event: fc.constantFrom('challenge', 'accepted', 'rejected', 'negotiate', 'reset'),
  to: fc.constantFrom('idle', 'negotiated.waiting', 'challenged.decoding', 'responded', 'authenticated', 'failed.rejected', 'asking', 'a, b.c'),
});

/** Any conversation that a file can hold, through the reader that files come in by. */
const conversations: fc.Arbitrary<Conversation> = fc.array(fc.record({ exchanges: fc.array(exchange, { maxLength: 6 }), steps: fc.array(step, { maxLength: 8 }), end: fc.constantFrom(undefined, 'closed', 'reset') }), { maxLength: 4 }).map((connections) => {
  let index = 0;
  const uses = (all: readonly { side: string; scheme: string; token: string | undefined }[]) =>
    all.map(({ token, ...use }) => ({ ...use, ...(token === undefined ? {} : { token: { message: token === NEGOTIATE ? 'NEGOTIATE' : 'CHALLENGE', base64: token, masked: [], state: 'whole', mechanism: 'ntlm', length: 40 } }) }));
  return readConversation(JSON.stringify({
    format: 'ntlmachine-conversation', version: 1, source: 'process', tokens: 'masked', blind: [],
    connections: connections.map(({ exchanges, steps, end }, number) => ({
      id: String(number + 1), tls: false, end,
      exchanges: exchanges.map(({ request, response, broken }) => ({
        index: index++, side: 'server', broken,
        request: request && { version: '1.1', fields: [], ...request, credentials: uses(request.credentials) },
        response: response && { version: '1.1', fields: [], reason: '', unauthorized: response.status === 401 || response.status === 407, ...response, challenges: uses(response.challenges) },
      })),
      steps: steps.map((each) => ({ from: '', transitions: [], tags: [], context: {}, ...each })),
    })),
  }));
});

const rowsOf = (story: Story): Row[] => story.threads.flatMap(({ rows }) => rows);
const isRung = (row: Row): row is Rung => row.kind === 'request' || row.kind === 'response';

describe('of any conversation', () => {
  test('every exchange is one rung out and one back, the way out first', () => {
    fc.assert(fc.property(conversations, (conversation) => {
      const rungs = rowsOf(storyOf(conversation)).filter(isRung);
      const all = conversation.connections.flatMap(({ exchanges }) => exchanges.map(({ index }) => index));
      for (const index of all) expect(rungs.filter((rung) => rung.exchange === index).map(({ kind }) => kind)).toEqual(['request', 'response']);
      expect(rungs.length).toBe(2 * all.length);
    }));
  });

  test('every connection is in one thread, and every row and thread has a name of its own', () => {
    fc.assert(fc.property(conversations, (conversation) => {
      const story = storyOf(conversation);
      const held = story.threads.flatMap(({ connections }) => connections);
      expect(held.length).toBe(conversation.connections.length);
      expect(new Set(held)).toEqual(new Set(conversation.connections));
      for (const { rows } of story.threads) expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
      expect(new Set(story.threads.map(({ id }) => id)).size).toBe(story.threads.length);
    }));
  });

  test('time never runs backwards, and no token hangs on two rungs', () => {
    fc.assert(fc.property(conversations, (conversation) => {
      for (const { rows } of storyOf(conversation).threads) {
        const times = rows.flatMap((row) => ('time' in row && row.time !== undefined ? [row.time] : []));
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        const tokens = rows.flatMap((row) => (isRung(row) && row.chip !== undefined ? [row.chip.token] : []));
        expect(new Set(tokens).size).toBe(tokens.length);
      }
    }));
  });

  test('bands hold whole attempts and are numbered from 1 on each side', () => {
    fc.assert(fc.property(conversations, (conversation) => {
      for (const { rows, bands } of storyOf(conversation).threads) {
        for (const own of ['server', 'proxy']) expect(bands.filter((band) => band.side === own).map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(bands.filter((band) => band.side === own).map((_, i) => i + 1));
        for (const { first, last } of bands) {
          expect(rows[first]?.kind).toBe('request');
          expect(last).toBeGreaterThan(first);
          expect(last).toBeLessThan(rows.length);
        }
      }
    }));
  });

  test('a ladder of any width has a place for each step, one below the other', () => {
    fc.assert(fc.property(conversations, fc.integer({ min: 300, max: 1200 }), (conversation, width) => {
      for (const thread of storyOf(conversation).threads) {
        const layout = layOut(thread, { width, open: new Set() });
        const { places, height } = layout;
        expect(places.filter((place) => place.isStep).length).toBe(thread.steps.length);
        for (const [i, { y }] of places.entries()) expect(y).toBeGreaterThanOrEqual(i === 0 ? 0 : places[i - 1]!.y + places[i - 1]!.height);
        expect(places.every(({ y, height: own }) => y + own <= height)).toBe(true);
        expect(toMarkup(drawLadder(layout, { step: 2, from: 0, to: height }))).not.toMatch(/NaN|undefined/);
      }
    }), { numRuns: 50 });
  });

  test('a patch makes the second conversation of the first', () => {
    fc.assert(fc.property(conversations, conversations, fc.nat(3), (before, other, kept) => {
      const after = { ...other, connections: [...before.connections.slice(0, kept), ...other.connections.filter(({ id }) => !before.connections.slice(0, kept).some((each) => each.id === id))] };
      const wire = JSON.parse(JSON.stringify(patchOf(before, after))) as ReturnType<typeof patchOf>;
      expect(patched(before, wire).connections.map(({ id, end, steps }) => ({ id, end, steps }))).toEqual(after.connections.map(({ id, end, steps }) => ({ id, end, steps })));
      expect(patched(undefined, JSON.parse(JSON.stringify(patchOf(undefined, after))) as ReturnType<typeof patchOf>)).toEqual(JSON.parse(JSON.stringify(after)));
    }));
  });
});

describe('a strip of time', () => {
  test('keeps the order of moments, from 0 to 1', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 40 }), (moments) => {
      const { at } = foldTime(moments);
      const places = moments.toSorted((a, b) => a - b).map(at);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(places[0]).toBe(0);
      expect(places.at(-1)!).toBeLessThanOrEqual(1);
    }));
  });

  test('folds what people wait, so that legs are still to be seen', () => {
    const { at, folds } = foldTime([0, 3, 4, 9, 11, 18, 6218, 6220, 6225]);
    expect(folds).toEqual([expect.objectContaining({ milliseconds: 6200 })]);
    expect(at(18) - at(0)).toBeGreaterThan(0.15);
  });

  test.each([[18, '18 ms'], [6200, '6.2 s'], [61_000, '1 min 1 s'], [180_000, '3 min'], [7_500_000, '2 h 5 min'], [59_999, '59 s']])('%i ms is %s', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });

  test.each([[18, '18 ms'], [6250, '6.25 s'], [59_999, '60.00 s'], [199_240, '3:19.24'], [7_500_100, '2:05:00.1'], [3_599_999, '59:59.99']])('%i ms since the beginning is %s', (milliseconds, text) => {
    expect(clock(milliseconds)).toBe(text);
  });
});
