/** Real time as a strip: a bar for each exchange, long waits folded to a width that says so and no more. */
import type { Thread } from './story.ts';
import { draw, type Drawn } from './svg.ts';

export interface Folded {
  /** Where a moment lies, from 0 to 1. */
  at(time: number): number;
  /** Where something was left out, from 0 to 1. */
  readonly folds: readonly { readonly from: number; readonly to: number; readonly milliseconds: number }[];
}

/** A gap counts for no more than this many times the median gap. */
const MOST = 12;

/** Keeps the order of moments, whatever lies between them. */
export function foldTime(moments: readonly number[]): Folded {
  const times = [...new Set(moments)].toSorted((a, b) => a - b);
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const median = gaps.toSorted((a, b) => a - b)[gaps.length >> 1] ?? 0;
  const longest = Math.max(median * MOST, 20);
  const places = [0];
  for (const gap of gaps) places.push(places.at(-1)! + Math.min(gap, longest));
  const total = places.at(-1)! || 1;
  const at = (time: number): number => {
    const next = times.findIndex((each) => each >= time);
    if (next === -1) return 1;
    if (next === 0 || times[next] === time) return places[next]! / total;
    const [before, after] = [times[next - 1]!, times[next]!];
    return (places[next - 1]! + ((time - before) / (after - before)) * (places[next]! - places[next - 1]!)) / total;
  };
  const folds = gaps.flatMap((gap, i) => (gap > longest ? [{ from: places[i]! / total, to: places[i + 1]! / total, milliseconds: gap }] : []));
  return { at, folds };
}

export function drawWaterfall({ rows }: Thread, { width, height, until }: { readonly width: number; readonly height: number; readonly until: ReadonlySet<string> }): Drawn {
  const bars = new Map<number, { from?: number; to?: number; mood: string; id: string; past: boolean }>();
  for (const row of rows) {
    if (row.kind !== 'request' && row.kind !== 'response') continue;
    const bar = bars.get(row.exchange) ?? { mood: 'plain', id: row.id, past: until.has(row.id) };
    if (row.kind === 'request') bar.from = row.time ?? bar.from!;
    else Object.assign(bar, { mood: row.mood, ...(row.time === undefined ? {} : { to: row.time }) });
    bars.set(row.exchange, bar);
  }
  const timed = [...bars.values()].filter(({ from }) => from !== undefined);
  const { at, folds } = foldTime(timed.flatMap(({ from, to }) => [from!, to ?? from!]));
  const x = (share: number): number => Math.round((4 + share * (width - 8)) * 10) / 10;
  return draw('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'waterfall', 'aria-hidden': 'true' },
    draw('rect', { class: 'track', x: 0, y: height / 2 - 1.5, width, height: 3, rx: 1.5 }),
    ...folds.map(({ from, to }) => draw('path', { class: 'fold', d: `M${x(from)} ${height / 2}H${x(to)}` })),
    ...timed.map(({ from, to, mood, past }) => {
      const left = x(at(from!));
      return draw('rect', { class: `bar ${mood}${past ? '' : ' later'}`, x: left, y: height / 2 - 7, width: Math.max(4, x(at(to ?? from!)) - left), height: 14, rx: 2 });
    }));
}
