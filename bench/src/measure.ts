/** How contenders are timed: each in a process of its own, the processes taking turns. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Something whose time is taken. */
export interface Contender {
  /** What it does beyond the others, or less. */
  readonly note?: string | undefined;
  /** Does the work `iterations` times. A native program returns the nanoseconds of one by its own clock. */
  readonly run: (iterations: number) => void | Promise<number | void>;
}

/** Made in the process where it runs; `undefined` where what it needs is not installed. */
export type Maker = () => Contender | undefined | Promise<Contender | undefined>;
export type Makers = Readonly<Record<string, Maker>>;

export interface Measurement {
  readonly name: string;
  readonly note: string | undefined;
  /** Nanoseconds of one iteration by the clock on the wall, in the fastest twentieth of all slices: nothing else ran. */
  readonly fastest: number;
  /** Nanoseconds of processor time for one iteration over the whole run, the collector's and the compiler's included. */
  readonly processor: number;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** How long a contender's turn shall take; the iterations follow from it. */
  readonly milliseconds: number;
  /** Milliseconds of processor time before the first turn; by default enough for code that does little but compute. */
  readonly warmUp?: number;
  /** Of the contenders' processes, beside what stands in this one's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a contender's process says of itself once it is warm, and after each turn. */
export type Report =
  | { readonly kind: 'absent' }
  | { readonly kind: 'warm'; readonly note: string | undefined }
  | { readonly kind: 'turn'; readonly slices: readonly number[]; readonly processor: number };

/** A turn is timed in as many parts, so that some are met by nothing else that the machine does. */
export const SLICES = 10;

const program = fileURLToPath(new URL('contender.js', import.meta.url));
// The young generation as large as that of a process which has run for a while: it starts at a sixteenth.
const execArgv = ['--expose-gc', '--min-semi-space-size=16'];

/**
 * Times the contenders of a part, those that can be made here. In one process each would meet the inline caches that the
 * others have spoiled, which costs 10 to 30 %. Every round gives each one turn, in another order each time, so that
 * whatever else the machine does meets all alike.
 */
export async function measure(part: string, names: readonly string[], { rounds, milliseconds, warmUp = 500, env }: MeasureOptions): Promise<Measurement[]> {
  const turns: { name: string; note: string | undefined; child: ChildProcess; slices: number[]; processor: number }[] = [];
  try {
    for (const name of names) {
      progress(`warming up ${name}`);
      const child = fork(program, [part, name, String(milliseconds), String(warmUp)], { execArgv, env: { ...process.env, ...env } });
      const report = await reportOf(child, name);
      if (report.kind === 'warm') turns.push({ name, note: report.note, child, slices: [], processor: Number.NaN });
      else child.disconnect();
    }
    for (let round = 1; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      for (const turn of shuffled(turns)) {
        turn.child.send('turn');
        const report = await reportOf(turn.child, turn.name);
        if (report.kind !== 'turn') throw new Error(`${turn.name} was not warm`);
        turn.slices.push(...report.slices);
        turn.processor = report.processor;
      }
    }
  } finally {
    for (const { child } of turns) if (child.connected) child.disconnect();
  }
  progress('');
  return turns.map(({ name, note, slices, processor }) => ({ name, note, fastest: quantile(slices, 0.05), processor }));
}

async function reportOf(child: ChildProcess, name: string): Promise<Report> {
  const ended = new AbortController();
  try {
    const [report] = (await Promise.race([
      once(child, 'message', { signal: ended.signal }),
      once(child, 'exit', { signal: ended.signal }).then(([code]) => {
        throw new Error(`the process of ${name} ended with ${code}`);
      }),
    ])) as [Report];
    return report;
  } finally {
    ended.abort();
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
