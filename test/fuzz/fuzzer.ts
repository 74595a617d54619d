import { performance } from 'node:perf_hooks';
import type { Coverage, Reached } from './coverage.ts';
import { mutate, type Random } from './mutate.ts';
import { Finding } from './oracles.ts';
import type { Target } from './targets.ts';

/** An input of a few kilobytes takes microseconds; this leaves room for a collection of garbage. */
export const TIME_LIMIT_MS = 250;
const BATCH = 256;
const MAX_FINDINGS = 20;

export interface Report {
  readonly inputs: number;
  readonly seconds: number;
  /** Bytes of the library's source. */
  readonly reached: number;
  readonly outcomes: number;
  readonly slowestMs: number;
  /** Inputs that showed something new, the committed ones included. */
  readonly corpus: readonly Uint8Array[];
  readonly findings: readonly { readonly input: Uint8Array; readonly message: string }[];
}

/** Runs one input under its time limit. A slow run is repeated: what is slow twice more is the input's own doing. */
export function runTimed(target: Target, input: Uint8Array): { readonly outcome: string; readonly ms: number } {
  let outcome = '';
  let ms = Infinity;
  for (let attempt = 0; attempt < 3 && ms > TIME_LIMIT_MS; attempt++) {
    const start = performance.now();
    outcome = target.run(input);
    ms = Math.min(ms, performance.now() - start);
  }
  if (ms > TIME_LIMIT_MS) throw new Finding(`${Math.round(ms)} ms for ${input.length} bytes`);
  return { outcome, ms };
}

/**
 * Searches for `seconds`: inputs in batches, each made of the corpus; what reaches new source of the library or a new
 * outcome joins it. Counters are read once a batch; a batch that shows something new is halved until it is found.
 */
export function fuzz(target: Target, start: readonly Uint8Array[], seconds: number, random: Random, coverage: Coverage): Report {
  const outcomes = new Set<string>();
  const corpus = new Set<Uint8Array>();
  const findings = new Map<string, { input: Uint8Array; message: string }>();
  const began = performance.now();
  let inputs = 0;
  let slowestMs = 0;

  const run = (input: Uint8Array): void => {
    inputs++;
    try {
      const { outcome, ms } = runTimed(target, input);
      slowestMs = Math.max(slowestMs, ms);
      if (!outcomes.has(outcome)) corpus.add(input);
      outcomes.add(outcome);
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      const kind = error.message.replace(/[0-9a-f]+/g, '#').slice(0, 80);
      if (!findings.has(kind) && findings.size < MAX_FINDINGS) findings.set(kind, { input, message: error.message });
    }
  };
  const reachedBy = (batch: readonly Uint8Array[]): Reached => {
    batch.forEach(run);
    return coverage.take();
  };
  /** Keeps inputs until nothing new is left in what the batch, run as a whole, reached. */
  const explain = (batch: readonly Uint8Array[], reached: Reached): void => {
    if (!coverage.isNew(reached)) return;
    if (batch.length === 1) {
      coverage.keep(reached);
      corpus.add(batch[0]!);
      return;
    }
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) explain(half, reachedBy(half));
  };

  coverage.restart();
  for (const input of [...target.seeds(), ...start]) explain([input], reachedBy([input]));
  while (performance.now() - began < seconds * 1000) {
    const parents = [...corpus];
    const batch = Array.from({ length: BATCH }, () => mutate(random.pick(parents), random.pick(parents), random));
    explain(batch, reachedBy(batch));
  }
  const spent = (performance.now() - began) / 1000;
  return {
    inputs,
    seconds: spent,
    reached: coverage.size,
    outcomes: outcomes.size,
    slowestMs,
    corpus: [...corpus],
    findings: [...findings.values()],
  };
}
