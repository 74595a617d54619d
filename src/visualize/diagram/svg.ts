import type { Diagram, DiagramState } from './walk.ts';
import type { ArrowLayout, DiagramLayout, Point } from './geometry.ts';
import { EVERYWHERE, HEADER, LABEL_LINE, TEXT_SIZE, TITLE_SIZE, drawnWays, labelLinesOf, layoutOf, linesOf, textWidth } from './layout.ts';
import { captionOf, captionsOf, childrenOf, rootOf, wayId, waysOf } from './ways.ts';

export interface SvgOptions {
  /** `auto` follows the reader's; `none` leaves colours to the page that holds the drawing. Default `auto`. */
  readonly scheme?: 'auto' | 'light' | 'dark' | 'none' | undefined;
  /** Default: the one that ships for this machine, else a column of boxes without arrows. */
  readonly layout?: DiagramLayout | undefined;
}

const LIGHT = {
  paper: '#ffffff',
  ink: '#1c2430',
  soft: '#5a6675',
  line: '#8793a3',
  box: '#f4f7fb',
  group: '#fafbfd',
  edge: '#c4cdda',
  good: '#157f4e',
  bad: '#b4232f',
};
const DARK = {
  paper: '#0f141b',
  ink: '#e6ebf2',
  soft: '#9aa7b8',
  line: '#6d7b8f',
  box: '#1b2430',
  group: '#141b24',
  edge: '#35424f',
  good: '#4cc38a',
  bad: '#ff7b85',
};

const RULES = `
.paper{fill:var(--paper)}
.state rect{fill:var(--box);stroke:var(--edge);stroke-width:1.2}
.group rect{fill:var(--group);stroke:var(--edge);stroke-width:1.2}
.state text,.group text{fill:var(--ink);font:600 ${TITLE_SIZE}px system-ui,sans-serif}
.group text{paint-order:stroke;stroke:var(--group);stroke-width:5px;stroke-linejoin:round}
.state .line,.group .line{fill:var(--soft);font:${TEXT_SIZE}px system-ui,sans-serif}
.state.good rect{stroke:var(--good)} .state.bad rect{stroke:var(--bad)}
.way path{fill:none;stroke:var(--line);stroke-width:1.4}
.way text,.everywhere{fill:var(--soft);font:${TEXT_SIZE}px system-ui,sans-serif}
.head{fill:var(--line)}
.start circle{fill:var(--ink)} .start path{fill:none;stroke:var(--line);stroke-width:1.4}
.final{fill:none!important}`;

/**
 * A statechart as a standalone SVG document. States and arrows carry `data-state` and `data-way`,
 * so that a page can light them.
 */
export function toSvg(diagram: Diagram, { scheme = 'auto', layout = layoutOf(diagram) }: SvgOptions = {}): string {
  const { width, height } = layout;
  const ways = drawnWays(diagram);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${text(`State machine ${diagram.id}`)}">`,
    ...(scheme === 'none' ? [] : [`<style>${styleOf(scheme)}${RULES}</style>`]),
    '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="head" d="M0 1L10 5L0 9z"/></marker></defs>',
    `<rect class="paper" width="${width}" height="${height}" rx="10"/>`,
    ...everywhere(diagram),
    ...diagram.states.map((state) => box(diagram, layout, state, 'box')),
    ...Object.entries(layout.starts).map(([id, { at: [x, y], points }]) => `<g class="start" data-start="${text(id)}"><circle cx="${x}" cy="${y}" r="5"/><path d="${pathThrough(points)}" marker-end="url(#head)"/></g>`),
    ...layout.arrows.map((arrow, i) => arrowPath(arrow, captionsTitle(ways[i]!))),
    // arrows may pass under the name of a group
    ...diagram.states.map((state) => box(diagram, layout, state, 'title')),
    ...layout.arrows.map((arrow, i) => arrowLabel(arrow, labelLinesOf(ways[i]!))),
    '</svg>',
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

function styleOf(scheme: 'auto' | 'light' | 'dark'): string {
  const variables = (colours: Readonly<Record<string, string>>): string =>
    `svg{${Object.entries(colours).map(([name, colour]) => `--${name}:${colour}`).join(';')}}`;
  if (scheme === 'dark') return variables(DARK);
  return variables(LIGHT) + (scheme === 'auto' ? `@media (prefers-color-scheme:dark){${variables(DARK)}}` : '');
}

function everywhere(diagram: Diagram): string[] {
  const root = rootOf(diagram).id;
  return waysOf(diagram)
    .filter(({ source }) => source === root)
    .map((way, i) => {
      const { target } = way;
      const goal = target === undefined ? '' : ` → ${diagram.states.find(({ id }) => id === target)?.key ?? ''}`;
      const caption = `in every state: ${captionsOf(way, Infinity).join(', ')}${goal}`;
      return `<g class="way" data-way="${text(wayId(root, target))}"><text class="everywhere" x="14" y="${20 + i * EVERYWHERE}">${text(caption)}</text></g>`;
    });
}

function box(diagram: Diagram, { boxes }: DiagramLayout, state: DiagramState, part: 'box' | 'title'): string {
  const at = boxes[state.id];
  if (at === undefined) return '';
  const { x, y, width, height } = at;
  const isGroup = childrenOf(diagram, state.id).length > 0;
  if (!isGroup && part === 'title') return '';
  const lines = linesOf(state);
  const data = `data-state="${text(state.id)}"`;
  if (isGroup) {
    const caption = lines.join('  ');
    const beside = 30 + 1.1 * textWidth(state.key, TITLE_SIZE) + textWidth(caption, TEXT_SIZE) <= width;
    const place = beside ? 'dx="6"' : `x="${x + 14}" dy="15"`;
    const note = caption === '' ? '' : ` <tspan class="line" ${place}>${text(caption)}</tspan>`;
    const rect = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="12"/>`;
    const title = `<text x="${x + 14}" y="${y + HEADER - 6}">${text(state.key)}${note}</text>`;
    return `<g class="group" ${data}>${part === 'title' ? title : rect}</g>`;
  }
  const middle = x + width / 2;
  const ring = state.kind === 'final' ? `<rect class="final" x="${x + 4}" y="${y + 4}" width="${width - 8}" height="${height - 8}" rx="6"/>` : '';
  const rows = lines.map((line, i) => `<text class="line" text-anchor="middle" x="${middle}" y="${y + 23 + (i + 1) * 17}">${text(line)}</text>`);
  const name = `<text text-anchor="middle" x="${middle}" y="${y + 23}">${text(state.key)}</text>`;
  return `<g class="state${moodOf(state)}" ${data}><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="9"/>${ring}${name}${rows.join('')}</g>`;
}

/** Where a handshake may end has a colour of its own. */
function moodOf({ id }: DiagramState): string {
  if (/\.(authenticated|accepted|ready)$/.test(id)) return ' good';
  return /\.(failed\.\w+|refused|failed)$/.test(id) ? ' bad' : '';
}

function captionsTitle({ transitions }: ReturnType<typeof drawnWays>[number]): string {
  return transitions.map(captionOf).join('\n');
}

function arrowPath({ way, points }: ArrowLayout, title: string): string {
  return `<g class="way" data-way="${text(way)}"><title>${text(title)}</title><path d="${pathThrough(points)}" marker-end="url(#head)"/></g>`;
}

function arrowLabel({ way, label }: ArrowLayout, lines: readonly string[]): string {
  if (label === undefined) return '';
  const { x, y, width } = label;
  const rows = lines.map((caption, i) => `<text text-anchor="middle" x="${x + width / 2}" y="${y + 13 + i * LABEL_LINE}">${text(caption)}</text>`);
  return `<g class="way" data-way="${text(way)}">${rows.join('')}</g>`;
}

const ROUNDING = 8;

/** Straight runs with round corners. */
function pathThrough(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let path = `M${first[0]} ${first[1]}`;
  for (const [i, point] of rest.entries()) {
    const next = rest[i + 1];
    if (next === undefined) {
      path += `L${point[0]} ${point[1]}`;
      continue;
    }
    const before = towards(point, points[i]!);
    const after = towards(point, next);
    path += `L${before[0]} ${before[1]}Q${point[0]} ${point[1]} ${after[0]} ${after[1]}`;
  }
  return path;
}

function towards([x, y]: Point, [toX, toY]: Point): Point {
  const distance = Math.hypot(toX - x, toY - y);
  const part = distance === 0 ? 0 : Math.min(ROUNDING, distance / 2) / distance;
  return [round(x + (toX - x) * part), round(y + (toY - y) * part)];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
