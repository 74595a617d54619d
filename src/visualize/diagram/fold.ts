/** A diagram in two: the whole with its large groups closed, and each of those from inside, so that both can be read. */
import type { Diagram, DiagramState, DiagramTransition } from './walk.ts';
import { childrenOf, lineageOf, pathOf, rootOf } from './ways.ts';

/** A group of more states than this is closed. */
const MOST = 3;

/** The groups that are drawn on their own, outermost first. */
export function groupsOf(diagram: Diagram): readonly DiagramState[] {
  return childrenOf(diagram, rootOf(diagram).id).filter(({ id }) => diagram.states.filter((state) => state.id !== id && lineageOf(diagram, state.id).includes(id)).length > MOST);
}

/** The whole, with `groups` as boxes that hold nothing. */
export function closed(diagram: Diagram, groups: readonly DiagramState[]): Diagram {
  const ids = new Set(groups.map(({ id }) => id));
  const shown = (id: string): string => lineageOf(diagram, id).find((each) => ids.has(each)) ?? id;
  return {
    id: diagram.id,
    states: diagram.states.filter(({ id }) => shown(id) === id),
    transitions: moved(diagram, shown, ({ source, target }) => target === undefined || shown(source) !== shown(target) || !ids.has(shown(source))),
  };
}

/** One group from inside. What leads out of it is said in the box that it leads from, by the name of where it goes. */
export function opened(diagram: Diagram, group: DiagramState): Diagram {
  const inside = (id: string): boolean => lineageOf(diagram, id).includes(group.id);
  const leaving = diagram.transitions.filter(({ source, target }) => inside(source) && target !== undefined && !inside(target));
  const exits = (id: string): readonly string[] => [...new Set(leaving.flatMap(({ source, target }) => (source === id ? [pathOf(diagram, target!)] : [])))];
  return {
    id: diagram.id,
    states: diagram.states.filter(({ id, parent }) => parent === undefined || inside(id)).map((state) => ({ ...state, exits: exits(state.id) })),
    transitions: diagram.transitions.filter(({ source, target }) => inside(source) && target !== undefined && inside(target)),
  };
}

function moved({ transitions }: Diagram, shown: (id: string) => string, kept: (transition: DiagramTransition) => boolean): DiagramTransition[] {
  return transitions.filter(kept).map((each) => ({ ...each, source: shown(each.source), target: each.target === undefined ? undefined : shown(each.target) }));
}
