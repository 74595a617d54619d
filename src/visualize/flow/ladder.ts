/** A thread as a ladder: a lane for each end, a rung for each message of HTTP, the states on the client's lane. */
import { isStep, type Band, type Lane, type Row, type Rung, type StateRow, type Thread, type WaitRow } from './story.ts';
import { arrowHead, draw, fitted, widthOf, type Drawn } from './svg.ts';
import { duration } from './waits.ts';

export interface LadderOptions {
  /** CSS pixels. */
  readonly width: number;
  /** Index of the step that is shown, among the steps; what lies behind it is still to come. */
  readonly step: number;
}

export interface Ladder {
  readonly drawing: Drawn;
  readonly height: number;
  /** By step: where its row lies. */
  readonly places: readonly { readonly y: number; readonly height: number }[];
}

const TEXT = 13;
const CHIP = 11.5;
const HEAD = 34;

interface Frame {
  readonly width: number;
  readonly narrow: boolean;
  readonly lanes: Readonly<Record<Lane, number>>;
  /** Of the first time in the thread. */
  readonly start: number | undefined;
}

type Phase = 'past' | 'now' | 'later';

export function drawLadder(thread: Thread, { width, step }: LadderOptions): Ladder {
  const { rows, bands, lanes } = thread;
  const frame = frameOf(thread, width);
  const tops: number[] = [];
  const heights: number[] = [];
  let y = HEAD;
  for (const [at, row] of rows.entries()) {
    if (bands.some(({ first }) => first === at)) y += 28;
    tops.push(y);
    heights.push(heightOf(row, frame));
    y += heights[at]!;
    if (bands.some(({ last }) => last === at)) y += 10;
  }
  const height = y + 14;
  const parts: Drawn[] = [];
  const places: { y: number; height: number }[] = [];
  let index = 0;
  for (const [at, row] of rows.entries()) {
    const own = isStep(row) ? index++ : index - 1;
    const phase: Phase = own === step && isStep(row) ? 'now' : own < step ? 'past' : 'later';
    const [top, high] = [tops[at]!, heights[at]!];
    if (isStep(row)) places.push({ y: top, height: high });
    parts.push(drawRow(row, frame, top, high, phase, isStep(row) ? own : undefined));
  }
  const drawing = draw('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'none', class: 'ladder' },
    draw('defs', {}, arrowHead('rung-head')),
    ...bands.map((band) => drawBand(band, frame, tops[band.first]! - 26, tops[band.last]! + heights[band.last]! + 4, lanes.length > 2)),
    ...lanes.map((lane) => draw('path', { class: 'life', d: `M${frame.lanes[lane]} ${HEAD - 8}V${height - 6}` })),
    ...namesOf(thread, frame),
    ...parts);
  return { drawing, height, places };
}

/** The names of the lanes alone, which stay in sight. */
export function drawNames(thread: Thread, width: number): Drawn {
  return draw('svg', { viewBox: `0 0 ${width} 26`, width, height: 26, class: 'ladder', 'aria-hidden': 'true' }, ...namesOf(thread, frameOf(thread, width)));
}

function namesOf({ lanes }: Thread, frame: Frame): Drawn[] {
  return lanes.map((lane) => draw('text', { class: 'end', x: frame.lanes[lane], y: 18, 'text-anchor': 'middle' }, lane));
}

function frameOf({ lanes, rows }: Thread, width: number): Frame {
  const narrow = width < 480;
  const client = narrow ? 98 : Math.min(150, 92 + width * 0.08);
  const server = width - (narrow ? 34 : 58);
  const start = rows.map((row) => ('time' in row ? row.time : undefined)).find((time) => time !== undefined);
  return { width, narrow, start, lanes: { client, server, proxy: lanes.includes('proxy') ? client + (server - client) * 0.56 : server } };
}

function heightOf(row: Row, frame: Frame): number {
  if (row.kind === 'state') return row.note === '' ? 27 : 27 + 17 * linesOf(row.note, frame).length - (besides(row, frame) ? 17 : 0);
  if (row.kind === 'request' || row.kind === 'response') return isStacked(row, frame) ? 52 : 33;
  return 26;
}

/** Whether a chip finds no place beside its label. */
function isStacked(rung: Rung, { lanes }: Frame): boolean {
  if (rung.chip === undefined) return false;
  const span = Math.abs(lanes[rung.to] - lanes[rung.from]) - 24;
  return Math.min(labelWidth(rung), 90) + 12 + chipWidth(rung.chip.label) > span;
}

const chipWidth = (label: string): number => Math.ceil(widthOf(label, CHIP)) + 18;
const labelOf = ({ label, note }: Rung): string => [label, note].filter((part) => part !== '').join('  ');
const labelWidth = (rung: Rung): number => widthOf(labelOf(rung), TEXT) * 1.04;

function drawRow(row: Row, frame: Frame, y: number, height: number, phase: Phase, step: number | undefined): Drawn {
  const inner = row.kind === 'state' ? stateRow(row, frame, y) : row.kind === 'wait' ? waitRow(row, frame, y) : row.kind === 'note' ? [noteText(row.label, frame, y)] : rungRow(row, frame, y, height);
  const mood = 'mood' in row ? ` ${row.mood}` : '';
  const data = step === undefined ? { 'aria-hidden': 'true' } : { id: `step-${step}`, 'data-step': step, role: 'option', 'aria-selected': String(phase === 'now'), 'aria-description': spoken(row) };
  return draw('g', { class: `row ${row.kind}${mood} ${phase}`, ...data },
    step === undefined ? undefined : draw('rect', { class: 'hit', x: 2, y: y + 1, width: frame.width - 4, height: height - 2, rx: 6 }),
    ...inner);
}

function rungRow(rung: Rung, frame: Frame, y: number, height: number): Drawn[] {
  const [from, to] = [frame.lanes[rung.from], frame.lanes[rung.to]];
  const towards = Math.sign(to - from) || 1;
  const line = y + height - 8;
  const stacked = isStacked(rung, frame);
  const span = Math.abs(to - from) - 20;
  const chip = rung.chip === undefined ? 0 : chipWidth(rung.chip.label);
  const room = stacked || chip === 0 ? span : span - chip - 10;
  const note = rung.note === '' || widthOf(rung.label, TEXT) + 20 > room ? '' : fitted(rung.note, TEXT, room - widthOf(rung.label, TEXT) - 12);
  const label = fitted(rung.label, TEXT, room);
  const wide = widthOf(label, TEXT) * 1.04 + (note === '' ? 0 : widthOf(note, TEXT) + 9);
  const middle = (from + to) / 2;
  const left = stacked || chip === 0 ? middle - wide / 2 : middle - (wide + chip + (wide === 0 ? 0 : 10)) / 2;
  const chipLeft = stacked ? middle - chip / 2 : left + wide + (wide === 0 ? 0 : 10);
  const base = line - 6;
  return [
    ...timeText(rung.time, frame, line + 1),
    draw('path', { class: rung.missing ? 'rung missing' : 'rung', d: `M${from + 2 * towards} ${line}H${to - 2 * towards}`, 'marker-end': 'url(#rung-head)' }),
    draw('text', { class: 'what', x: left, y: stacked ? base - 20 : base },
      draw('tspan', { class: 'label' }, label),
      note === '' ? undefined : draw('tspan', { class: 'soft', dx: 8 }, note)),
    ...(rung.chip === undefined ? [] : [
      draw('rect', { class: 'chip', x: chipLeft, y: base - 13, width: chip, height: 18, rx: 9 }),
      draw('text', { class: 'chip-text', x: chipLeft + chip / 2, y: base, 'text-anchor': 'middle' }, fitted(rung.chip.label, CHIP, chip)),
    ]),
  ];
}

const pillWidth = (state: string): number => Math.ceil(widthOf(state, TEXT)) + 22;
const besides = (row: StateRow, frame: Frame): boolean => widthOf(row.note, 12) < frame.width - frame.lanes.client - pillWidth(row.state) / 2 - 24;

function linesOf(note: string, { width }: Frame): string[] {
  const lines: string[] = [''];
  for (const word of note.split(' ')) {
    const longer = `${lines.at(-1)!} ${word}`.trim();
    if (widthOf(longer, 12) > width - 40 && lines.at(-1) !== '') lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.slice(0, 4);
}

function stateRow(row: StateRow, frame: Frame, y: number): Drawn[] {
  const wide = pillWidth(row.state);
  const x = frame.lanes.client;
  const beside = besides(row, frame);
  const notes = row.note === '' ? [] : beside ? [row.note] : linesOf(row.note, frame);
  return [
    draw('rect', { class: row.implied ? 'pill implied' : 'pill', x: x - wide / 2, y: y + 3, width: wide, height: 21, rx: 10.5 }),
    draw('text', { class: 'pill-text', x, y: y + 18, 'text-anchor': 'middle' }, row.state),
    ...notes.map((line, i) => draw('text', { class: 'small', x: beside ? x + wide / 2 + 12 : 20, y: y + (beside ? 18 : 38 + 17 * i) }, line)),
  ];
}

function waitRow({ label }: WaitRow, frame: Frame, y: number): Drawn[] {
  return [draw('path', { class: 'fold', d: `M${frame.lanes.client} ${y + 4}v4l-5 3 10 4 -5 3v4` }), noteText(label, frame, y)];
}

function noteText(label: string, { lanes, width }: Frame, y: number): Drawn {
  return draw('text', { class: 'small', x: lanes.client + 18, y: y + 17 }, fitted(label, 12, width - lanes.client - 24));
}

function timeText(time: number | undefined, { start, narrow }: Frame, y: number): Drawn[] {
  if (time === undefined || start === undefined) return [];
  const passed = time - start;
  return [draw('text', { class: 'time', x: narrow ? 6 : 12, y: y - 1, 'data-time': passed }, passed < 1000 ? duration(passed) : passed < 60_000 ? `${(passed / 1000).toFixed(2)} s` : duration(passed))];
}

function drawBand({ number, outcome, mood, side, first, last }: Band, { width }: Frame, top: number, bottom: number, hasProxy: boolean): Drawn {
  return draw('g', { class: `band ${mood}`, 'data-band': `${hasProxy ? `${side} ` : ''}${number} ${outcome}`, 'data-rows': `${first}-${last}` },
    draw('rect', { x: 6, y: top, width: width - 12, height: bottom - top, rx: 8 }),
    draw('text', { class: 'band-text', x: 14, y: top + 17 },
      draw('tspan', { class: 'number' }, String(number)),
      draw('tspan', { dx: 7 }, hasProxy ? `${outcome} by the ${side}`.replace('under way by', 'under way with') : outcome)));
}

/** What a screen reader says of a step. */
export function spoken(row: Row): string {
  if (row.kind === 'state') return `state ${row.state}${row.note === '' ? '' : `: ${row.note}`}`;
  if (row.kind === 'wait' || row.kind === 'note') return row.label;
  const what = [labelOf(row), row.chip?.label].filter((part) => part !== undefined && part !== '').join(', ');
  return `${row.from} to ${row.to}: ${what}`;
}
