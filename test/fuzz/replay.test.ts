/** Every input that the fuzzer kept: those that once broke a promise, and those that reach each block of the library. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readInputs } from './corpus.ts';
import { runTimed } from './fuzzer.ts';
import { targetNames, targets, type Target } from './targets.ts';

const folder = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

test.each(targetNames)('%s: what was found once stays found, what was reached stays reached', (name) => {
  const target: Target = targets[name];
  const kept = [...readInputs(folder('findings'), name), ...readInputs(folder('corpus'), name)];
  const outcomes = new Set(target.seeds().map((seed) => runTimed(target, seed).outcome));
  const known = outcomes.size;
  for (const input of kept) outcomes.add(runTimed(target, input).outcome); // a broken oracle throws
  expect(kept.length).toBeGreaterThan(0);
  expect(outcomes.size).toBeGreaterThan(known);
});
