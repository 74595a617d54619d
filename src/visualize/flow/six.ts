/** The machine in six boxes, for people: where a handshake stands, and the way back over a reset. */
import type { StateRow } from './story.ts';
import { arrowHead, draw, type Drawn } from './svg.ts';

export const SIX_WIDTH = 560;
export const SIX_HEIGHT = 232;

type Box = 'idle' | 'negotiated' | 'challenged' | 'responded' | 'authenticated' | 'failed';

const BOXES: Readonly<Record<Box, { readonly x: number; readonly y: number; readonly width: number; readonly height: number }>> = {
  idle: { x: 14, y: 34, width: 72, height: 42 },
  negotiated: { x: 138, y: 34, width: 104, height: 42 },
  challenged: { x: 292, y: 34, width: 104, height: 42 },
  responded: { x: 442, y: 34, width: 104, height: 42 },
  authenticated: { x: 434, y: 150, width: 120, height: 48 },
  failed: { x: 186, y: 150, width: 176, height: 48 },
};

export interface Way {
  readonly id: string;
  readonly d: string;
  readonly label: string;
  readonly at: readonly [x: number, y: number, anchor: 'start' | 'middle' | 'end'];
  readonly mood?: 'bad' | 'good';
}

export const WAYS: readonly Way[] = [
  { id: 'idle negotiated', d: 'M86 55H136', label: 'negotiate', at: [112, 24, 'middle'] },
  { id: 'negotiated challenged', d: 'M242 55H290', label: 'challenge', at: [267, 24, 'middle'] },
  { id: 'challenged responded', d: 'M396 55H440', label: 'answer', at: [419, 24, 'middle'] },
  { id: 'responded authenticated', d: 'M508 76V148', label: '200', at: [515, 116, 'start'], mood: 'good' },
  { id: 'responded failed', d: 'M470 76V118H330V148', label: '401', at: [462, 112, 'end'], mood: 'bad' },
  { id: 'challenged failed', d: 'M344 76V102H292V148', label: '', at: [0, 0, 'start'] },
  { id: 'negotiated failed', d: 'M190 76V118H220V148', label: '', at: [0, 0, 'start'] },
  { id: 'failed idle', d: 'M186 176H50V78', label: 'reset', at: [60, 169, 'start'], mood: 'bad' },
];

/** `before` and `now` as a story has them. */
export function drawSix(now: StateRow | undefined, before: StateRow | undefined): Drawn {
  const lit = boxOf(now);
  const from = boxOf(before);
  const taken = new Set<string>();
  if (now !== undefined && lit !== undefined) {
    const restarted = lit === 'negotiated' && from !== undefined && from !== 'idle';
    if (restarted) ['failed idle', 'idle negotiated'].forEach((id) => taken.add(id));
    else if (lit === 'idle' && from !== undefined) taken.add('failed idle');
    else taken.add(`${lit === 'negotiated' ? 'idle' : from ?? previous(lit)} ${lit}`);
  }
  return draw('svg', { viewBox: `0 0 ${SIX_WIDTH} ${SIX_HEIGHT}`, class: 'six', role: 'img', 'aria-label': now === undefined ? 'The machine: idle, negotiated, challenged, responded, then authenticated or failed' : `The machine is in the state ${now.path}` },
    draw('defs', {}, arrowHead('six-head')),
    ...WAYS.map(({ id, d, label, at: [x, y, anchor], mood }) =>
      draw('g', { class: `way${mood === undefined ? '' : ` ${mood}`}${taken.has(id) ? ' taken' : ''}`, 'data-six-way': id },
        draw('path', { d, 'marker-end': 'url(#six-head)' }),
        label === '' ? undefined : draw('text', { x, y, 'text-anchor': anchor }, label))),
    ...(Object.keys(BOXES) as Box[]).map((box) => drawBox(box, lit === box ? now : undefined)));
}

function drawBox(box: Box, now: StateRow | undefined): Drawn {
  const { x, y, width, height } = BOXES[box];
  const mood = box === 'authenticated' ? ' good' : box === 'failed' ? ' bad' : '';
  const middle = x + width / 2;
  const second = box === 'failed' ? (now === undefined ? 'rejected, refused, faulted' : now.path.split('.')[1] ?? now.state) : '';
  return draw('g', { class: `box${mood}${now === undefined ? '' : ' lit'}`, 'data-box': box },
    draw('rect', { x, y, width, height, rx: 9 }),
    draw('text', { class: 'name', x: middle, y: y + (second === '' ? height / 2 + 5 : 20), 'text-anchor': 'middle' }, box),
    second === '' ? undefined : draw('text', { class: 'second', x: middle, y: y + 37, 'text-anchor': 'middle' }, second));
}

/** The machines of a client's handshake; any other has boxes of its own. */
const HANDSHAKES: ReadonlySet<string> = new Set(['ntlm', 'connection', 'spnego']);

/** Which box holds a state of whatever machine stands for a handshake. */
export function boxOf(row: StateRow | undefined): Box | undefined {
  if (row === undefined || !HANDSHAKES.has(row.machine)) return undefined;
  const [top = ''] = row.path.split(', ')[0]!.split('.');
  if (Object.hasOwn(BOXES, top)) return top as Box;
  if (row.mood === 'bad') return 'failed';
  if (row.mood === 'good') return 'authenticated';
  return top === 'asking' || top === 'anonymous' ? 'idle' : undefined;
}

function previous(box: Box): Box {
  return ({ idle: 'failed', negotiated: 'idle', challenged: 'negotiated', responded: 'challenged', authenticated: 'responded', failed: 'responded' } as const)[box];
}
