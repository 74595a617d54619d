import type { DiagramLayout, Rectangle } from './geometry.ts';
import { layouts } from './layouts.ts';
import { captionsOf, childrenOf, rootOf, waysOf, wayId, type Way } from './ways.ts';
import type { Diagram, DiagramState } from './walk.ts';

export const TITLE_SIZE = 14;
export const TEXT_SIZE = 11.5;
const LINE = 17;
const PADDING = 12;
export const HEADER = 26;
/** Above everything: what holds in every state. */
export const EVERYWHERE = 30;

/** Guards on one arrow are counted where they are more. */
const MOST_GUARDS = 2;

/** The layout made for this very diagram, or a plain column of boxes for a machine nobody laid out. */
export function layoutOf(diagram: Diagram): DiagramLayout {
  const made = layouts[diagram.id];
  return made !== undefined && fits(diagram, made) ? made : columnLayout(diagram);
}

function fits(diagram: Diagram, { boxes, arrows }: DiagramLayout): boolean {
  const root = rootOf(diagram).id;
  const ways = drawnWays(diagram);
  const states = diagram.states.filter(({ id }) => id !== root);
  return (
    states.length === Object.keys(boxes).length &&
    states.every(({ id }) => boxes[id] !== undefined) &&
    ways.length === arrows.length &&
    ways.every((way, i) => arrows[i]?.way === wayId(way.source, way.target))
  );
}

/** The arrows: ways between two states. What leads out of every state or stays where it is has none. */
export function drawnWays(diagram: Diagram): readonly Way[] {
  const root = rootOf(diagram).id;
  return waysOf(diagram).filter(({ source, target }) => source !== root && target !== undefined);
}

/** What a leaf's box says under its name. */
export function linesOf({ services, tags, exits = [] }: DiagramState): readonly string[] {
  return [...services.map((service) => `do / ${service}`), ...(tags.length > 0 ? [`# ${tags.join(', ')}`] : []), ...exits.map((exit) => `→ ${exit}`)];
}

export function leafSize(state: DiagramState): { width: number; height: number } {
  const lines = linesOf(state);
  const widest = Math.max(1.1 * textWidth(state.key, TITLE_SIZE), ...lines.map((line) => textWidth(line, TEXT_SIZE)));
  return { width: Math.ceil(Math.max(76, widest + 2 * PADDING)), height: 36 + lines.length * LINE };
}

export function labelSize(way: Way): { width: number; height: number } {
  const lines = labelLinesOf(way);
  return {
    width: Math.ceil(Math.max(...lines.map((line) => textWidth(line, TEXT_SIZE))) + 10),
    height: lines.length * LABEL_LINE + 4,
  };
}

export const LABEL_LINE = 14;
const LONGEST_LABEL = 15;

/** The captions of an arrow, broken where that makes the drawing narrower. */
export function labelLinesOf(way: Way): readonly string[] {
  return captionsOf(way, MOST_GUARDS).flatMap((caption) =>
    caption.length > LONGEST_LABEL ? caption.split(/ (?=\[(?!else\]))| (?=done \[else\]$|done$|failed$)/) : [caption],
  );
}

/** About the width of a sans-serif text: no font is at hand where nothing is drawn yet. */
export function textWidth(text: string, size: number): number {
  let ems = 0;
  for (const character of text) {
    ems += /[iljtfrI.,:;'|[\]()/ ]/.test(character) ? 0.36 : /[mwMW]/.test(character) ? 0.9 : /[A-Z#→]/.test(character) ? 0.7 : 0.58;
  }
  return ems * size;
}

const GAP = 14;

function columnLayout(diagram: Diagram): DiagramLayout {
  const boxes: Record<string, Rectangle> = {};
  const place = (state: DiagramState, x: number, y: number): Rectangle => {
    const children = childrenOf(diagram, state.id);
    if (children.length === 0) return (boxes[state.id] = { x, y, ...leafSize(state) });
    boxes[state.id] = { x, y, width: 0, height: 0 }; // parents before their children
    let bottom = y + HEADER + GAP;
    let width = leafSize(state).width;
    for (const child of children) {
      const box = place(child, x + GAP, bottom);
      bottom += box.height + GAP;
      width = Math.max(width, box.width + 2 * GAP);
    }
    return (boxes[state.id] = { x, y, width, height: bottom - y });
  };
  let bottom = EVERYWHERE + GAP;
  let right = 0;
  for (const state of childrenOf(diagram, rootOf(diagram).id)) {
    const box = place(state, GAP, bottom);
    bottom += box.height + GAP;
    right = Math.max(right, box.x + box.width);
  }
  return { width: right + GAP, height: bottom, boxes, starts: {}, arrows: [] };
}
