/** Long threads: what is folded, how a reader gets by and into it, and how much is drawn. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { Credentials, NtlmClient } from '../../../src/index.ts';
import { readConversation } from '../../../src/visualize/conversation/read.ts';
import { drawLadder } from '../../../src/visualize/flow/ladder.ts';
import { layOut, placeAt } from '../../../src/visualize/flow/ladder-layout.ts';
import { Standing } from '../../../src/visualize/flow/standing.ts';
import { storyOf, type Thread } from '../../../src/visualize/flow/story.ts';
import type { Drawn } from '../../../src/visualize/flow/svg.ts';
import { drawStrip, stripOf } from '../../../src/visualize/flow/waterfall.ts';
import { longRun, type LongRun } from '../../support/long-run.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge-41' });
const client = new NtlmClient({ credentials });
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const negotiate = client.negotiate();
const challenge = new NtlmAcceptor({ credentials }).challenge(negotiate);
const tokens = [base64(negotiate), base64(challenge), base64(client.respond(challenge))] as const;

const threadOf = (run: Omit<LongRun, 'tokens'>): Thread => storyOf(readConversation(longRun({ tokens, ...run }))).threads[0]!;
const nodesIn = ({ children }: Drawn): number => 1 + children.reduce((sum, child) => sum + (typeof child === 'string' ? 0 : nodesIn(child)), 0);
const closed: ReadonlySet<string> = new Set();

describe('folds', () => {
  test('of two thousand requests that are not asked for anything, two at each end stay in sight', () => {
    const { folds, rows } = threadOf({ requests: 2000 });
    expect(folds.map(({ label }) => label)).toEqual(['1,996 requests more, each answered 200, in 3 min 19 s']);
    const [{ first, last }] = folds as [(typeof folds)[number]];
    expect(rows[first]).toMatchObject({ kind: 'request', label: 'GET /orders/3' });
    expect(rows[last]).toMatchObject({ kind: 'response', label: '200' });
    expect(rows.slice(last + 1).filter(({ kind }) => kind === 'request').map((row) => 'label' in row && row.label)).toEqual(['GET /orders/1999', 'GET /orders/2000']);
  });

  test('few requests are not folded, and neither are errors', () => {
    expect(threadOf({ requests: 9 }).folds).toEqual([]);
    const { folds, rows } = threadOf({ requests: 100, statusOf: (request) => (request === 50 ? 500 : request % 2 === 0 ? 304 : 200) });
    expect(folds.map(({ label }) => label)).toEqual([expect.stringMatching(/^46 requests more, answered 200 \(23\), 304 \(23\), in /), expect.stringMatching(/^46 requests more/)]);
    expect(folds.some(({ first, last }) => rows.slice(first, last + 1).some((row) => row.kind === 'response' && row.label === '500'))).toBe(false);
  });

  test('the waits between the requests of a poll are folded with them', () => {
    const { folds, rows } = threadOf({ requests: 60, every: 30_000 });
    expect(folds.length).toBe(1);
    expect(rows.filter(({ kind }, at) => kind === 'wait' && !(at >= folds[0]!.first && at <= folds[0]!.last)).length).toBe(4);
  });
});

describe('a reader', () => {
  const thread = threadOf({ requests: 300 });
  const standing = (): Standing => {
    const made = new Standing();
    made.take(thread);
    return made;
  };
  const [fold] = thread.folds;

  test('passes a closed fold in one step, either way', () => {
    const own = standing();
    own.go(0);
    const seen: number[] = [];
    for (let moves = 0; !own.atEnd && moves < 100; moves++) {
      seen.push(own.step);
      own.move(1);
    }
    seen.push(own.step);
    expect(seen.length).toBe(layOut(thread, { width: 600, open: closed }).places.filter(({ isStep }) => isStep).length);
    const back: number[] = [own.step];
    while (own.step > 0) {
      own.move(-1);
      back.push(own.step);
    }
    expect(back.reverse()).toEqual(seen);
    expect(own.open.size).toBe(0);
  });

  test('opens it by standing in it, and closes it by hand', () => {
    const own = standing();
    const first = thread.steps.findIndex(({ at }) => at === fold!.first);
    own.go(first);
    expect(own.fold).toBe(fold);
    own.go(first + 200);
    expect([...own.open]).toEqual([fold!.id]);
    expect(own.fold).toBeUndefined();
    own.move(1);
    expect(own.step).toBe(first + 201);
    own.toggle();
    expect(own.step).toBe(first);
    expect(own.fold).toBe(fold);
  });

  test('stays at the row when earlier ones are forgotten, and goes on with the end', () => {
    const later = { ...thread, steps: thread.steps.slice(40) };
    const own = standing();
    own.go(100);
    const { row } = own.moment!;
    own.renew(later, true);
    expect(own.moment!.row).toBe(row);
    own.go(Infinity);
    own.renew(thread, true);
    expect(own.atEnd).toBe(true);
    own.renew({ ...thread, steps: [...thread.steps, thread.steps[0]!] }, false);
    expect(own.step).toBe(thread.steps.length - 1);
  });

  test('any way of moving ends at a step that has a place of its own', () => {
    const moves = fc.oneof(fc.constantFrom('on', 'back', 'toggle'), fc.integer({ min: -3, max: 700 }));
    fc.assert(fc.property(fc.array(moves, { maxLength: 30 }), (all) => {
      const own = standing();
      for (const each of all) {
        if (each === 'on') own.move(1);
        else if (each === 'back') own.move(-1);
        else if (each === 'toggle') own.toggle();
        else own.go(each as number);
        expect(placeAt(layOut(thread, { width: 600, open: own.open }), own.step)?.step).toBe(own.step);
      }
    }), { numRuns: 60 });
  });
});

describe('what is drawn', () => {
  test.each([['closed', closed], ['open', 'all'] as const] as const)('of a long thread, its folds %s, is as much as the view holds', (_, which) => {
    const counts = [100, 2000].map((requests) => {
      const thread = threadOf({ requests });
      const open = which === 'all' ? new Set(thread.folds.map(({ id }) => id)) : closed;
      const layout = layOut(thread, { width: 600, open });
      return [0, 0.4, 0.9].map((part) => nodesIn(drawLadder(layout, { step: 60, from: layout.height * part, to: layout.height * part + 1500 })));
    });
    for (const count of counts.flat()) expect(count).toBeLessThan(700);
  });

  test('of its time, is as much as the width holds', () => {
    const strip = stripOf(threadOf({ requests: 5000, every: 1 }), 600);
    expect(nodesIn(drawStrip(strip, { height: 26, step: 3 }))).toBeLessThan(700);
    expect(Math.max(...strip.bars.map(({ right }) => right))).toBeLessThanOrEqual(600);
  });
});
