import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly handshakes: number;
  readonly connections: number;
  /** Share of the requests with a handshake that a closed connection meets. */
  readonly faults: number;
  readonly seed: number;
}

/** @throws RangeError or TypeError for what is no option. */
export function readOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { handshakes: { type: 'string' }, connections: { type: 'string' }, faults: { type: 'string' }, seed: { type: 'string' } },
  });
  const whole = (name: keyof typeof values, otherwise: number): number => {
    const value = values[name] === undefined ? otherwise : Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${name} must be a whole number above 0`);
    return value;
  };
  const faults = Number(values.faults ?? 0.05);
  if (!(faults >= 0 && faults < 1)) throw new RangeError('--faults must be a share from 0 to below 1');
  return {
    faults,
    handshakes: whole('handshakes', 10_000),
    connections: whole('connections', 64),
    seed: whole('seed', Date.now() % 2 ** 31),
  };
}

/** Mulberry32: numbers from 0 to 1 that a seed repeats. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
