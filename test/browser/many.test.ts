/** 64 connections at once, renewed now and then: a lane each, and what the page holds is bounded. `npm run soak:watched` goes on for an hour's worth. */
import { expect, test } from 'vitest';
import { watchedRun } from './support/watched-run.ts';

test('64 connections and thousands of requests: a lane each; the page holds no more at the end than before', async () => {
  const samples = await watchedRun({ connections: 64, requests: 3200, samples: 4, each: 25 });
  const [first, second, , last] = samples;
  for (const { kept, lanes, pageNodes } of samples) {
    expect(kept).toBeLessThanOrEqual(1000);
    expect(lanes).toBeGreaterThanOrEqual(64);
    expect(lanes).toBeLessThan(200);
    expect(pageNodes).toBeLessThan(6000);
  }
  expect(first!.requests).toBe(800);
  expect(last!.pageHeap - second!.pageHeap).toBeLessThan(2 * 1024 * 1024);
}, 180_000);
