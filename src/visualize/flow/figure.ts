/** The story in six boxes, as a picture for documents: 1200 by 630, readable at 830. */
import { DRAWING_STYLE } from './drawing-style.ts';
import { SIX_HEIGHT, SIX_WIDTH, drawSix } from './six.ts';
import { draw, toMarkup, type Drawn } from './svg.ts';

const WIDTH = 1200;
const HEIGHT = 630;
const SCALE = 1.94;
const LEFT = (WIDTH - SIX_WIDTH * SCALE) / 2;
const TOP = 84;
const LEGEND = 514;

const COLOURS = {
  light: { paper: '#f4f7fb', card: '#ffffff', ink: '#17202c', soft: '#526070', line: '#d3dbe6', strong: '#7d8a9b', accent: '#2257d8', 'accent-soft': '#e5edff', on: '#ffffff', good: '#0f7044', 'good-soft': '#e3f5ec', bad: '#b3202d', 'bad-soft': '#fdeced' },
  dark: { paper: '#0d1218', card: '#151c26', ink: '#e7edf5', soft: '#9fadbd', line: '#2c3848', strong: '#6d7b8f', accent: '#86aaff', 'accent-soft': '#1c2b4d', on: '#0d1218', good: '#53cb92', 'good-soft': '#12301f', bad: '#ff8b94', 'bad-soft': '#35181d' },
} as const;

interface Chapter {
  readonly at: readonly (readonly [x: number, y: number])[];
  readonly mood: 'accent' | 'bad' | 'good';
  readonly text: string;
}

/** Where each happens, in the units of the six boxes. */
const CHAPTERS: readonly Chapter[] = [
  { at: [[112, 55]], mood: 'accent', text: '401: the server asks; NEGOTIATE goes out' },
  { at: [[267, 55]], mood: 'accent', text: '401 with a CHALLENGE' },
  { at: [[419, 55]], mood: 'accent', text: 'AUTHENTICATE answers it' },
  { at: [[396, 118]], mood: 'bad', text: '401: the password is refused' },
  { at: [[110, 176]], mood: 'bad', text: 'reset, with another password: 1, 2, 3 again' },
  { at: [[508, 100]], mood: 'good', text: '200: accepted' },
];

export function storyFigure(scheme: 'light' | 'dark'): string {
  const colours = Object.entries(COLOURS[scheme]).map(([name, colour]) => `--ntlm-${name}:${colour}`).join(';');
  const own = `.title{font:650 30px system-ui,sans-serif;fill:var(--ntlm-ink)}.chapter text{font:20px system-ui,sans-serif;fill:var(--ntlm-ink)}.chapter .n{font-weight:700;fill:var(--ntlm-on)}`;
  const six = drawSix(undefined, undefined);
  const label = 'A request is answered 401; NEGOTIATE, a CHALLENGE and AUTHENTICATE follow; the password is refused; after a reset with another one the handshake begins again and is accepted.';
  return `${toMarkup(draw('svg', { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: 'img', 'aria-label': label },
    draw('style', {}, `svg{${colours}}${DRAWING_STYLE}${own}`),
    draw('rect', { width: WIDTH, height: HEIGHT, rx: 14, fill: COLOURS[scheme].card }),
    draw('text', { class: 'title', x: 56, y: 62 }, 'A wrong password, then the right one'),
    { ...six, attributes: { ...six.attributes, x: LEFT, y: TOP, width: SIX_WIDTH * SCALE, height: SIX_HEIGHT * SCALE } },
    ...CHAPTERS.flatMap(chapter),
  ))}\n`;
}

function chapter({ at, mood, text }: Chapter, index: number): Drawn[] {
  const [column, row] = [index % 2, Math.floor(index / 2)];
  const [x, y] = [64 + column * 580, LEGEND + row * 38];
  return [...at.map(([left, top]) => badge(LEFT + left * SCALE, TOP + top * SCALE, index, mood)), draw('g', { class: 'chapter' }, badge(x, y, index, mood), draw('text', { x: x + 26, y: y + 7 }, text))];
}

function badge(x: number, y: number, index: number, mood: Chapter['mood']): Drawn {
  return draw('g', { class: 'chapter' },
    draw('circle', { cx: round(x), cy: round(y), r: 15, fill: `var(--ntlm-${mood})` }),
    draw('text', { class: 'n', x: round(x), y: round(y) + 7, 'text-anchor': 'middle' }, String(index + 1)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
