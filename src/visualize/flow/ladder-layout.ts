/** Where the rows of a thread lie on its ladder: made once for a width, whatever part of it is drawn. */
import { isStep, type Band, type Fold, type Lane, type Row, type Rung, type StateRow, type Thread } from './story.ts';
import { widthOf } from './svg.ts';

export interface LayoutOptions {
  /** CSS pixels. */
  readonly width: number;
  /** Ids of the folds that are open. */
  readonly open: ReadonlySet<string>;
}

export interface Frame {
  readonly width: number;
  readonly narrow: boolean;
  readonly lanes: Readonly<Record<Lane, number>>;
  /** Of the first time in the thread. */
  readonly start: number | undefined;
}

/** A row, or the fold in whose place it is. */
export interface Place {
  readonly row: Row | Fold;
  readonly y: number;
  readonly height: number;
  /** Index of the step: its own, the first of its fold's, or the last one before it. */
  readonly step: number;
  /** Whether a reader can stand on it. */
  readonly isStep: boolean;
}

export interface PlacedBand {
  readonly band: Band;
  readonly top: number;
  readonly bottom: number;
}

export interface LadderLayout {
  readonly thread: Thread;
  readonly frame: Frame;
  readonly open: ReadonlySet<string>;
  /** One below the other. */
  readonly places: readonly Place[];
  readonly bands: readonly PlacedBand[];
  readonly height: number;
}

export const TEXT = 13;
export const CHIP = 11.5;
export const HEAD = 34;
/** Wider than text that is not. */
export const BOLD = 1.1;
const BAND_HEAD = 28;
const BAND_FOOT = 10;

export function layOut(thread: Thread, { width, open }: LayoutOptions): LadderLayout {
  const { rows, bands, folds } = thread;
  const frame = frameOf(thread, width);
  const begins = new Set(bands.map(({ first }) => first));
  const ends = new Set(bands.map(({ last }) => last));
  const foldAt = new Map(folds.map((fold) => [fold.first, fold]));
  const places: Place[] = [];
  const tops: number[] = [];
  const bottoms: number[] = [];
  let y = HEAD;
  let step = -1;
  const put = (row: Row | Fold, at: number, standsHere: boolean): void => {
    if (begins.has(at)) y += BAND_HEAD;
    tops[at] = y;
    const height = heightOf(row, frame);
    places.push({ row, y, height, step, isStep: standsHere });
    y += height;
    bottoms[at] = y;
    if (ends.has(at)) y += BAND_FOOT;
  };
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    const fold = foldAt.get(at);
    if (isStep(row)) step++;
    if (fold === undefined || open.has(fold.id)) {
      if (fold !== undefined) put(fold, at, false);
      put(row, at, isStep(row));
      continue;
    }
    put(fold, at, true);
    step += rows.slice(at + 1, fold.last + 1).filter(isStep).length;
    at = fold.last;
  }
  return {
    thread,
    frame,
    open,
    places,
    bands: bands.map((band) => ({ band, top: tops[band.first]! - 26, bottom: bottoms[band.last]! + 4 })),
    height: y + 14,
  };
}

/** Where a step lies, or the fold that holds it. */
export function placeAt({ places }: LadderLayout, step: number): Place | undefined {
  let at = firstWhere(places, (place) => place.step > step) - 1;
  while (at >= 0 && !places[at]!.isStep) at--;
  return places[at];
}

/** What is to be seen of a part of its height. */
export function placesBetween({ places }: LadderLayout, from: number, to: number): readonly Place[] {
  return places.slice(firstWhere(places, ({ y, height }) => y + height > from), firstWhere(places, ({ y }) => y >= to));
}

/** Index of the first for which `holds`, which does for all behind it; the length where there is none. */
export function firstWhere<T>(list: readonly T[], holds: (each: T) => boolean): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function frameOf({ lanes, rows }: Thread, width: number): Frame {
  const narrow = width < 480;
  const client = narrow ? 98 : Math.min(150, 92 + width * 0.08);
  const server = width - (narrow ? 34 : 58);
  const start = rows.map((row) => ('time' in row ? row.time : undefined)).find((time) => time !== undefined);
  return { width, narrow, start, lanes: { client, server, proxy: lanes.includes('proxy') ? client + (server - client) * 0.56 : server } };
}

function heightOf(row: Row | Fold, frame: Frame): number {
  if (row.kind === 'state') return row.note === '' ? 27 : 27 + 17 * linesOf(row.note, frame).length - (besides(row, frame) ? 17 : 0);
  if (row.kind === 'request' || row.kind === 'response') return isStacked(row, frame) ? 52 : 33;
  return row.kind === 'fold' ? 36 : 26;
}

/** Whether a chip finds no place beside its label. */
export function isStacked(rung: Rung, { lanes }: Frame): boolean {
  if (rung.chip === undefined) return false;
  const span = Math.abs(lanes[rung.to] - lanes[rung.from]) - 24;
  return Math.min(labelWidth(rung), 90) + 12 + chipWidth(rung.chip.label) > span;
}

export const chipWidth = (label: string): number => Math.ceil(widthOf(label, CHIP)) + 18;
export const labelOf = ({ label, note }: Rung): string => [label, note].filter((part) => part !== '').join('  ');
const labelWidth = (rung: Rung): number => widthOf(labelOf(rung), TEXT) * BOLD;
export const pillWidth = (state: string): number => Math.ceil(widthOf(state, TEXT)) + 22;

/** Whose machine passed it. */
export function laneOf({ machine }: StateRow): Lane {
  return machine === 'acceptor' ? 'server' : 'client';
}

/** Whether a note finds its place on the line of its state. */
export function besides(row: StateRow, { width, lanes }: Frame): boolean {
  const room = laneOf(row) === 'server' ? lanes.server : width - lanes.client;
  return widthOf(row.note, 12) < room - pillWidth(row.state) / 2 - 24;
}

export function linesOf(note: string, { width }: Frame): string[] {
  const lines: string[] = [''];
  for (const word of note.split(' ')) {
    const longer = `${lines.at(-1)!} ${word}`.trim();
    if (widthOf(longer, 12) > width - 40 && lines.at(-1) !== '') lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.slice(0, 4);
}
