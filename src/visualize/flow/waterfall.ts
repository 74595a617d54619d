/** Real time as a strip: a bar for each exchange, long waits folded to a width that says so and no more. */
import { firstWhere } from './ladder-layout.ts';
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
    const next = firstWhere(times, (each) => each >= time);
    if (next === times.length) return 1;
    if (next === 0 || times[next] === time) return places[next]! / total;
    const [before, after] = [times[next - 1]!, times[next]!];
    return (places[next - 1]! + ((time - before) / (after - before)) * (places[next]! - places[next - 1]!)) / total;
  };
  const folds = gaps.flatMap((gap, i) => (gap > longest ? [{ from: places[i]! / total, to: places[i + 1]! / total, milliseconds: gap }] : []));
  return { at, folds };
}

/** An exchange, or several that fall together. */
interface Bar {
  readonly left: number;
  right: number;
  readonly mood: string;
  /** Index of the step with which it begins. */
  readonly step: number;
}

export interface Strip {
  readonly width: number;
  readonly bars: readonly Bar[];
  readonly folds: readonly { readonly left: number; readonly right: number }[];
}

/** CSS pixels between two bars: what is nearer is one. */
const APART = 2;
const MARGIN = 4;

/** As many bars as the width holds, however many exchanges there are. */
export function stripOf({ steps }: Thread, width: number): Strip {
  const exchanges = new Map<number, { from: number | undefined; to: number | undefined; mood: string; step: number }>();
  for (const [step, { row }] of steps.entries()) {
    if (row.kind === 'state') continue;
    const known = exchanges.get(row.exchange);
    if (known === undefined) exchanges.set(row.exchange, { from: row.time, to: row.time, mood: row.mood, step });
    else Object.assign(known, { mood: row.mood, to: row.time ?? known.to });
  }
  const timed = [...exchanges.values()].flatMap(({ from, to, mood, step }) => (from === undefined || to === undefined ? [] : [{ from, to, mood, step }]));
  const { at, folds } = foldTime(timed.flatMap(({ from, to }) => [from, to]));
  const x = (share: number): number => Math.round((MARGIN + share * (width - 2 * MARGIN)) * 10) / 10;
  const bars = new Map<string, Bar>();
  for (const { from, to, mood, step } of timed) {
    const left = x(at(from));
    const right = Math.max(left + 4, x(at(to)));
    const key = `${Math.floor(left / APART)} ${mood}`;
    const known = bars.get(key);
    if (known === undefined) bars.set(key, { left, right, mood, step });
    else known.right = Math.max(known.right, right);
  }
  return { width, bars: [...bars.values()], folds: folds.map(({ from, to }) => ({ left: x(from), right: x(to) })).filter(({ left, right }) => right - left > APART) };
}

export function drawStrip({ width, bars, folds }: Strip, { height, step }: { readonly height: number; readonly step: number }): Drawn {
  const middle = height / 2;
  return draw('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'waterfall', 'aria-hidden': 'true' },
    draw('rect', { class: 'track', x: 0, y: middle - 1.5, width, height: 3, rx: 1.5 }),
    ...folds.map(({ left, right }) => draw('path', { class: 'fold', d: `M${left} ${middle}H${right}` })),
    ...bars.map((bar) => draw('rect', { class: `bar ${bar.mood}${bar.step <= step ? '' : ' later'}`, x: bar.left, y: middle - 7, width: Math.round((bar.right - bar.left) * 10) / 10, height: 14, rx: 2 })));
}
