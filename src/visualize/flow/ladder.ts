/** A thread as a ladder: a lane for each end, a rung for each message of HTTP, the states on the client's lane. */
import { BOLD, CHIP, HEAD, TEXT, besides, chipWidth, isStacked, labelOf, laneOf, linesOf, pillWidth, placesBetween, type Frame, type LadderLayout, type Place, type PlacedBand } from './ladder-layout.ts';
import type { Fold, Row, Rung, StateRow, Thread, WaitRow } from './story.ts';
import { arrowHead, draw, fitted, widthOf, type Drawn } from './svg.ts';
import { clock } from './waits.ts';

export interface LadderOptions {
  /** Index of the step that is shown, among the steps; what lies behind it is still to come. */
  readonly step: number;
  /** The part of the height that is drawn. */
  readonly from: number;
  readonly to: number;
  /** Drawn wherever it lies. */
  readonly always?: Place | undefined;
}

type Phase = 'past' | 'now' | 'later';

/** As high as all of it, whatever part is drawn. */
export function drawLadder(layout: LadderLayout, { step, from, to, always }: LadderOptions): Drawn {
  const { thread, frame, bands, height } = layout;
  const places = placesBetween(layout, from, to);
  const drawn = always === undefined || places.includes(always) ? places : [...places, always];
  const seen = bands.filter(({ top, bottom }) => bottom >= from && top <= to);
  return draw('svg', { viewBox: `0 0 ${frame.width} ${height}`, width: frame.width, height, role: 'none', class: 'ladder' },
    draw('defs', {}, arrowHead('rung-head')),
    ...seen.map((band) => drawBand(band, frame, thread)),
    ...thread.lanes.map((lane) => draw('path', { class: 'life', d: `M${frame.lanes[lane]} ${HEAD - 8}V${height - 6}` })),
    ...seen.map((band) => bandText(band, thread)),
    ...(from <= HEAD ? namesOf(thread, frame) : []),
    ...drawn.map((place) => drawPlace(place, layout, place.isStep && place.step === step ? 'now' : place.step < step ? 'past' : 'later')));
}

/** The names of the lanes alone, which stay in sight. */
export function drawNames({ thread, frame }: LadderLayout): Drawn {
  return draw('svg', { viewBox: `0 0 ${frame.width} 26`, width: frame.width, height: 26, class: 'ladder', 'aria-hidden': 'true' }, ...namesOf(thread, frame));
}

function namesOf({ lanes }: Thread, frame: Frame): Drawn[] {
  return lanes.map((lane) => draw('text', { class: 'end', x: frame.lanes[lane], y: 18, 'text-anchor': 'middle' }, lane));
}

function drawPlace({ row, y, height, step, isStep }: Place, { frame, open, thread }: LadderLayout, phase: Phase): Drawn {
  const mood = 'mood' in row ? ` ${row.mood}` : '';
  const isFold = row.kind === 'fold';
  const data = isStep ? { id: `step-${step}`, 'data-step': step, role: 'option', 'aria-selected': String(phase === 'now'), 'aria-posinset': step + 1, 'aria-setsize': thread.steps.length, 'aria-description': spoken(row) } : { 'aria-hidden': 'true' };
  return draw('g', { class: `row ${row.kind}${mood} ${phase}`, ...data, ...(isFold ? { 'data-fold': row.id } : {}) },
    isStep || isFold ? draw('rect', { class: 'hit', x: 2, y: y + 1, width: frame.width - 4, height: height - 2, rx: 6 }) : undefined,
    ...(isFold ? foldRow(row, frame, y, open.has(row.id)) : innerRow(row, frame, y, height)));
}

function innerRow(row: Row, frame: Frame, y: number, height: number): Drawn[] {
  switch (row.kind) {
    case 'state':
      return stateRow(row, frame, y);
    case 'wait':
      return waitRow(row, frame, y);
    case 'note':
      return [noteText(row.label, frame, y)];
    case 'request':
    case 'response':
      return rungRow(row, frame, y, height);
  }
}

/** What it stands for, on a torn piece of the client's lane; open, where it can be closed again. */
function foldRow({ label }: Fold, frame: Frame, y: number, isOpen: boolean): Drawn[] {
  const x = frame.lanes.client;
  const sign = isOpen ? '▾' : '▸';
  return [
    draw('path', { class: 'fold', d: `M${x} ${y + 6}v5l-6 4 12 5 -6 4v5` }),
    draw('text', { class: 'label', x: x + 18, y: y + 22 }, fitted(`${sign} ${label}`, TEXT, frame.width - x - 28)),
  ];
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
  const wide = widthOf(label, TEXT) * BOLD + (note === '' ? 0 : widthOf(note, TEXT) + 9);
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

function stateRow(row: StateRow, frame: Frame, y: number): Drawn[] {
  const wide = pillWidth(row.state);
  const lane = laneOf(row);
  const x = frame.lanes[lane];
  const beside = besides(row, frame);
  const notes = row.note === '' ? [] : beside ? [row.note] : linesOf(row.note, frame);
  return [
    draw('rect', { class: row.implied ? 'pill implied' : 'pill', x: x - wide / 2, y: y + 3, width: wide, height: 21, rx: 10.5 }),
    draw('text', { class: 'pill-text', x, y: y + 18, 'text-anchor': 'middle' }, row.state),
    ...notes.map((line, i) => {
      if (!beside) return draw('text', { class: 'small', x: 20, y: y + 38 + 17 * i }, line);
      const away = wide / 2 + 12;
      return draw('text', lane === 'server' ? { class: 'small', x: x - away, y: y + 18, 'text-anchor': 'end' } : { class: 'small', x: x + away, y: y + 18 }, line);
    }),
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
  return [draw('text', { class: 'time', x: narrow ? 6 : 12, y: y - 1, 'data-time': passed }, clock(passed))];
}

function drawBand({ band: { number, outcome, mood, side, first, last }, top, bottom }: PlacedBand, { width }: Frame, { lanes }: Thread): Drawn {
  return draw('g', { class: `band ${mood}`, 'data-band': `${lanes.length > 2 ? `${side} ` : ''}${number} ${outcome}`, 'data-rows': `${first}-${last}` },
    draw('rect', { x: 6, y: top, width: width - 12, height: bottom - top, rx: 8 }));
}

/** Above the lanes, which it crosses. */
function bandText({ band: { number, outcome, mood, side }, top }: PlacedBand, { lanes }: Thread): Drawn {
  return draw('g', { class: `band ${mood}` },
    draw('text', { class: 'band-text', x: 14, y: top + 17 },
      draw('tspan', { class: 'number' }, String(number)),
      draw('tspan', { dx: 7 }, lanes.length > 2 ? `${outcome} by the ${side}`.replace('under way by', 'under way with') : outcome)));
}

/** What a screen reader says of a step. */
export function spoken(row: Row | Fold): string {
  if (row.kind === 'fold') return `${row.label}: Enter opens and closes`;
  if (row.kind === 'state') return `state ${row.state}${row.note === '' ? '' : `: ${row.note}`}`;
  if (row.kind === 'wait' || row.kind === 'note') return row.label;
  const what = [labelOf(row), row.chip?.label].filter((part) => part !== undefined && part !== '').join(', ');
  return `${row.from} to ${row.to}: ${what}`;
}
