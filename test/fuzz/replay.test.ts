/** Every input that the fuzzer kept: those that once broke a promise, and those that reach each block of the library. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readInputs } from './corpus.ts';
import { TIME_LIMIT_MS, runTimed } from './fuzzer.ts';
import { targetNames, targets } from './targets.ts';

const folder = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

describe.each(targetNames)('%s', (name) => {
  test('nothing that was found once is found again', () => {
    for (const input of readInputs(folder('findings'), name)) expect(runTimed(targets[name], input).ms).toBeLessThan(TIME_LIMIT_MS);
  });

  test('the corpus holds against every oracle, and reaches values and refusals', () => {
    const inputs = [...targets[name].seeds, ...readInputs(folder('corpus'), name)];
    const outcomes = new Set(inputs.map((input) => runTimed(targets[name], input).outcome));
    expect(outcomes.size).toBeGreaterThan(targets[name].seeds.length > 0 ? 3 : 0);
  });
});
