/**
 * Every truncation and every change of one byte of every message of the vectors and of every seed of the fuzzer, held
 * against its oracles: the decoder and a second reading of the specification agree on valid or not and on the values.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Finding } from '../fuzz/oracles.ts';
import { targets, type Target, type TargetName } from '../fuzz/targets.ts';

/**
 * Whole handshakes cost more than decoding, tickets are long, and `message` is three decoders that have had their turn:
 * these try the eight bits of each byte instead of its 255 changes.
 */
const SAMPLED: readonly TargetName[] = ['message', 'kerberos', 'client', 'acceptor-negotiate', 'acceptor-authenticate'];

function* truncations(message: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < message.length; length++) yield message.subarray(0, length);
}

function* changes(message: Uint8Array, masks: readonly number[]): Generator<Uint8Array> {
  const changed = message.slice();
  for (let at = 0; at < message.length; at++) {
    for (const mask of masks) {
      changed[at] = message[at]! ^ mask;
      yield changed;
    }
    changed[at] = message[at]!;
  }
}

/** How many inputs there were, and in how many ways they ended. */
function hold(target: Target, inputs: Iterable<Uint8Array>): { tried: number; outcomes: Set<string> } {
  const outcomes = new Set<string>();
  let tried = 0;
  for (const input of inputs) {
    tried++;
    try {
      outcomes.add(target.run(input));
    } catch (error) {
      throw error instanceof Finding ? new Finding(`${error.message}\n  input: ${Buffer.from(input).toString('hex')}`) : error;
    }
  }
  return { tried, outcomes };
}

const every = Array.from({ length: 255 }, (_, i) => i + 1);
const bits = Array.from({ length: 8 }, (_, i) => 1 << i);

/** One target's tests: a file for each of the longest, so that they run side by side. */
export function exhaust(name: TargetName): void {
  describe(name, () => {
    const target: Target = targets[name];
    const all = target.seeds();
    const longest = Math.max(...all.map(({ length }) => length));
    const seeds = name === 'client' ? all.filter(({ length }) => length === longest) : all;
    const masks = SAMPLED.includes(name) ? bits : every;
    const size = seeds.reduce((sum, { length }) => sum + length, 0);
    const stackTraceLimit = Error.stackTraceLimit;
    beforeAll(() => void (Error.stackTraceLimit = 0)); // most inputs end in an error
    afterAll(() => void (Error.stackTraceLimit = stackTraceLimit));

    test(`every truncation: ${size}`, () => {
      const { tried, outcomes } = hold(target, seeds.flatMap((seed) => [...truncations(seed)]));
      expect(tried).toBe(size);
      expect(outcomes.size).toBeGreaterThan(1);
    });

    test(`every byte changed in ${masks.length} ways: ${size * masks.length}`, { timeout: 120_000 }, () => {
      let tried = 0;
      const outcomes = new Set<string>();
      for (const seed of seeds) {
        const held = hold(target, changes(seed, masks));
        tried += held.tried;
        for (const outcome of held.outcomes) outcomes.add(outcome);
      }
      expect(tried).toBe(size * masks.length);
      expect(outcomes.size).toBeGreaterThan(2);
    });
  });
}
