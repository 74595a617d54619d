import type { Diagram, DiagramState, DiagramTransition } from './walk.ts';

/** All transitions between the same two states: drawn as one arrow. */
export interface Way {
  readonly source: string;
  readonly target: string | undefined;
  readonly transitions: readonly DiagramTransition[];
}

/** The arrows of a drawing, in the order of the transitions. */
export function waysOf({ transitions }: Diagram): readonly Way[] {
  const ways = new Map<string, { source: string; target: string | undefined; transitions: DiagramTransition[] }>();
  for (const transition of transitions) {
    const { source, target } = transition;
    const key = wayId(source, target);
    const way = ways.get(key) ?? { source, target, transitions: [] };
    way.transitions.push(transition);
    ways.set(key, way);
  }
  return [...ways.values()];
}

export function wayId(source: string, target: string | undefined): string {
  return `${source}→${target ?? ''}`;
}

/** `event [guard]`, as UML writes it. */
export function captionOf({ label, guard, otherwise }: DiagramTransition): string {
  if (otherwise) return `${label} [else]`;
  return guard === undefined ? label : `${label} [${guard}]`;
}

/** The captions of an arrow; of more than `most` that share an event only their number is told. */
export function captionsOf({ transitions }: Way, most: number): readonly string[] {
  const labels = new Set(transitions.map(({ label }) => label));
  return [...labels].flatMap((label) => {
    const alike = transitions.filter((transition) => transition.label === label);
    return alike.length > most ? [`${label} [one of ${alike.length} guards]`] : alike.map(captionOf);
  });
}

export function childrenOf({ states }: Diagram, id: string): readonly DiagramState[] {
  return states.filter(({ parent }) => parent === id);
}

export function rootOf({ states }: Diagram): DiagramState {
  return states.find(({ parent }) => parent === undefined)!;
}

/** The state and all around it, innermost first. */
export function lineageOf({ states }: Diagram, id: string): readonly string[] {
  const lineage: string[] = [];
  for (let at: string | undefined = id; at !== undefined; ) {
    lineage.push(at);
    at = states.find((state) => state.id === at)?.parent;
  }
  return lineage;
}

/** A state's name below the machine: `challenged.decoding`. */
export function pathOf({ id: machine }: Diagram, id: string): string {
  return id.startsWith(`${machine}.`) ? id.slice(machine.length + 1) : id;
}
