/** Options that nobody knows, and that are almost ours: they would be passed on in silence, and do nothing. */
import { invalidArgument } from '../../errors.ts';

/** Shorter names are too near to each other, but for their letter case. */
const SHORTEST = 4;

/** @throws NtlmError `invalid-argument`, naming the option that was meant. */
export function refuseMisspelt(options: object, ours: ReadonlySet<string>, place = ''): void {
  for (const name of Object.keys(options)) {
    if (ours.has(name)) continue;
    const meant = [...ours].find((own) => isMeant(plain(name), plain(own)));
    if (meant !== undefined) throw invalidArgument(place + name, `is no option; "${place}${meant}" may be meant`);
  }
}

const plain = (name: string): string => name.toLowerCase().replace(/[-_]/g, '');
const singular = (name: string): string => name.replace(/ies$/, 'y');

function isMeant(a: string, b: string): boolean {
  return singular(a) === singular(b) || (b.length >= SHORTEST && isNear(a, b));
}

/** One letter more, less, changed or swapped; two in a long name. */
function isNear(a: string, b: string): boolean {
  return distance(a, b) <= (b.length > 8 ? 2 : 1);
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
