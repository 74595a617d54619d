/** Something whose time is taken. */
export interface Contender {
  readonly name: string;
  /** What it does beyond the others, or less. */
  readonly note?: string | undefined;
  /** Does the work `iterations` times. A native program returns the nanoseconds of one by its own clock. */
  readonly run: (iterations: number) => void | Promise<number | void>;
}

export interface Measurement {
  readonly name: string;
  readonly note: string | undefined;
  /** Median over the rounds, nanoseconds of processor time for one iteration. */
  readonly median: number;
  /** Half of the rounds lie within these. */
  readonly quartiles: readonly [number, number];
  readonly rounds: number;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** How long a contender's turn shall take; the iterations follow from it. */
  readonly milliseconds: number;
}

/**
 * Times all contenders in one run: every round gives each of them one turn, in another order each time, so that
 * whatever else the machine does meets all alike. What counts is processor time, that of the collector's and the
 * compiler's threads included: on a shared machine the clock on the wall tells of the neighbours.
 */
export async function measure(contenders: readonly Contender[], options: MeasureOptions): Promise<Measurement[]> {
  const turns = [];
  for (const contender of contenders) {
    progress(`warming up ${contender.name}`);
    turns.push({ contender, iterations: await warmUp(contender, options.milliseconds), samples: [] as number[] });
  }
  for (let round = 1; round <= options.rounds; round++) {
    progress(`round ${round} of ${options.rounds}`);
    for (const turn of shuffled(turns)) {
      turn.samples.push(await time(turn.contender, turn.iterations));
    }
  }
  progress('');
  return turns.map(({ contender: { name, note }, samples }) => ({
    name,
    note,
    median: quantile(samples, 0.5),
    quartiles: [quantile(samples, 0.25), quantile(samples, 0.75)] as const,
    rounds: options.rounds,
  }));
}

/** Nanoseconds of one iteration. */
async function time({ run }: Contender, iterations: number): Promise<number> {
  const start = process.cpuUsage();
  const pending = run(iterations);
  const own = pending === undefined ? undefined : await pending;
  const { user, system } = process.cpuUsage(start);
  return own ?? ((user + system) * 1000) / iterations;
}

/** Runs until the code is compiled; returns how many iterations fill a turn. */
async function warmUp(contender: Contender, milliseconds: number): Promise<number> {
  let iterations = 1;
  for (const end = performance.now() + 3 * milliseconds; ; ) {
    const nanoseconds = await time(contender, iterations);
    iterations = Math.max(1, Math.min(2 * iterations, Math.ceil((milliseconds * 1e6) / Math.max(nanoseconds, 1))));
    if (performance.now() > end) return iterations;
  }
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) throw new RangeError('no samples');
  return below + (above - below) * (at - Math.floor(at));
}

/** Fisher and Yates. */
export function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]!);
}

/** Needs `node --expose-gc`. */
export function collectGarbage(): void {
  globalThis.gc?.();
}

/** One line on stderr that the next one overwrites; nothing where nobody watches. */
export function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`);
}
