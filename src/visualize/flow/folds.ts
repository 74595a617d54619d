/**
 * Runs of requests that nobody asks anything of: once a connection is authenticated they are most of what there is to see,
 * and the least to look at. What lies between the ends of a run is one row, which can be opened.
 */
import type { Rung } from './rungs.ts';
import type { StateRow } from './states.ts';
import { duration, type WaitRow } from './waits.ts';

export interface Fold {
  readonly kind: 'fold';
  /** Of its first row. */
  readonly id: string;
  /** Indexes of the first and the last of its rows. */
  readonly first: number;
  readonly last: number;
  /** `1,994 requests more, each answered 200, in 33 min`. */
  readonly label: string;
}

type AnyRow = Rung | StateRow | WaitRow | { readonly kind: 'note' };

/** Requests at each end of a run that stay in sight. */
const IN_SIGHT = 2;
/** Fewer are not worth a row that stands for them. */
const FEWEST = 6;

/** In their order; none holds a message, a state or a band's end. */
export function foldsOf(rows: readonly AnyRow[]): readonly Fold[] {
  const folds: Fold[] = [];
  const proving = new Set<number>();
  let asked: number[] = [];
  const close = (): void => {
    const [first, behind] = [asked[IN_SIGHT], asked.at(-IN_SIGHT)];
    if (first !== undefined && behind !== undefined && asked.length >= FEWEST + 2 * IN_SIGHT) folds.push(foldOf(rows, first, lastRung(rows, behind)));
    asked = [];
  };
  for (const [at, row] of rows.entries()) {
    if (row.kind === 'request' && row.chip !== undefined) proving.add(row.exchange);
    if (!isQuiet(row, proving)) close();
    else if (row.kind === 'request') asked.push(at);
  }
  close();
  return folds;
}

function isQuiet(row: AnyRow, proving: ReadonlySet<number>): boolean {
  if (row.kind === 'wait') return true;
  return (row.kind === 'request' || row.kind === 'response') && row.chip === undefined && !proving.has(row.exchange) && !row.missing && (row.mood === 'plain' || row.mood === 'good');
}

/** A wait before the next request in sight is in sight as well. */
function lastRung(rows: readonly AnyRow[], behind: number): number {
  let last = behind - 1;
  while (rows[last]?.kind === 'wait') last--;
  return last;
}

function foldOf(rows: readonly AnyRow[], first: number, last: number): Fold {
  const rungs = rows.slice(first, last + 1).filter((row): row is Rung => row.kind === 'request' || row.kind === 'response');
  const answers = new Map<string, number>();
  let requests = 0;
  for (const { kind, label } of rungs) {
    if (kind === 'request') requests++;
    else answers.set(label, (answers.get(label) ?? 0) + 1);
  }
  const [from, until] = [rungs[0]?.time, rungs.at(-1)?.time];
  const took = from === undefined || until === undefined ? '' : `, in ${duration(until - from)}`;
  return { kind: 'fold', id: rungs[0]!.id, first, last, label: `${counted(requests)} requests more, ${answered(answers)}${took}` };
}

function answered(answers: ReadonlyMap<string, number>): string {
  const [first, ...others] = answers.keys();
  if (others.length === 0) return `each answered ${first}`;
  return `answered ${Array.from(answers, ([label, count]) => `${label} (${counted(count)})`).join(', ')}`;
}

/** `1,994`. */
export function counted(count: number): string {
  return count.toLocaleString('en');
}
