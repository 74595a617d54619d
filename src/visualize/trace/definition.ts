/** What of a machine's configuration is its shape, by an allow-list: what a drawing needs, and neither a context nor an input. */
const SHAPE: ReadonlySet<string> = new Set(['id', 'initial', 'type', 'states', 'on', 'always', 'after', 'invoke', 'onDone', 'onError', 'target', 'guard', 'src', 'tags', 'entry', 'exit', 'actions', 'description']);
/** Under these the keys are names: of states, of events, of delays. */
const NAMED: ReadonlySet<string> = new Set(['states', 'on', 'after']);
const DEEPEST = 24;

export type Definition = string | readonly Definition[] | { readonly [key: string]: Definition };

/** `undefined` for logic that is no machine. */
export function definitionOf(config: unknown): Definition | undefined {
  return typeof config === 'object' && config !== null ? shapeOf(config, false, DEEPEST) : undefined;
}

function shapeOf(value: unknown, named: boolean, depth: number): Definition | undefined {
  if (typeof value === 'string') return value;
  if (depth === 0 || typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return value.map((each) => shapeOf(each, false, depth - 1)).filter((each) => each !== undefined);
  const entries = Object.entries(value).flatMap(([key, inner]): [string, Definition][] => {
    if (!named && key === 'type' && typeof inner === 'string') return [[key, inner]];
    const shape = named || SHAPE.has(key) ? shapeOf(inner, !named && NAMED.has(key), depth - 1) : undefined;
    return shape === undefined ? [] : [[key, shape]];
  });
  return Object.fromEntries(entries);
}
