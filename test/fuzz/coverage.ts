import { Session, type Profiler } from 'node:inspector';

/** What of the library ran, by V8's own block counters: for each script, 1 for every byte of source that was reached. */
export type Reached = ReadonlyMap<string, Uint8Array>;

export class Coverage {
  readonly #session = new Session();
  readonly #isWatched: (url: string) => boolean;
  readonly #seen = new Map<string, Uint8Array>();

  constructor(isWatched: (url: string) => boolean) {
    this.#isWatched = isWatched;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Bytes of source reached so far by what was kept. */
  get size(): number {
    return [...this.#seen.values()].reduce((sum, reached) => sum + count(reached), 0);
  }

  /** Forgets what was kept; counting starts anew. */
  restart(): void {
    this.#seen.clear();
    this.take();
  }

  /** What ran since the last `take` or `restart`. */
  take(): Reached {
    const reached = new Map<string, Uint8Array>();
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }: Profiler.TakePreciseCoverageReturnType) => {
      if (error) throw error;
      for (const { url, functions } of result) if (this.#isWatched(url)) reached.set(url, paint(functions));
    });
    return reached;
  }

  /** Whether there is anything in `reached` that nothing kept has reached. */
  isNew(reached: Reached): boolean {
    for (const [url, bytes] of reached) {
      const seen = this.#seen.get(url);
      for (let i = 0; i < bytes.length; i++) if (bytes[i]! > (seen?.[i] ?? 0)) return true;
    }
    return false;
  }

  keep(reached: Reached): void {
    for (const [url, bytes] of reached) {
      const seen = this.#seen.get(url);
      const merged = new Uint8Array(Math.max(bytes.length, seen?.length ?? 0));
      for (let i = 0; i < merged.length; i++) merged[i] = (bytes[i] ?? 0) | (seen?.[i] ?? 0);
      this.#seen.set(url, merged);
    }
  }
}

/** Ranges come outermost first, and a block inside another is told only where its count differs: inner paint wins. */
function paint(functions: readonly Profiler.FunctionCoverage[]): Uint8Array {
  const ranges = functions.flatMap((entry) => entry.ranges);
  const bytes = new Uint8Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)));
  for (const { startOffset, endOffset, count: times } of ranges) bytes.fill(times > 0 ? 1 : 0, startOffset, endOffset);
  return bytes;
}

const count = (reached: Uint8Array): number => reached.reduce((sum, byte) => sum + byte, 0);
