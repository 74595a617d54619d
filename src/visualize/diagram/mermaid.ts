import type { Diagram, DiagramState } from './walk.ts';
import { captionsOf, childrenOf, lineageOf, pathOf, rootOf, waysOf, type Way } from './ways.ts';

/** More guards than these on one arrow are counted instead of listed. */
const MOST_GUARDS = 2;

/**
 * A mermaid `stateDiagram-v2`, small enough for a document. What leads out of the whole machine's
 * states (`reset`) is a note: an arrow from each would hide the others.
 */
export function toMermaid(diagram: Diagram): string {
  const root = rootOf(diagram);
  const ways = waysOf(diagram);
  const lines = ['stateDiagram-v2', ...block(diagram, ways, root, '  ')];
  const everywhere = ways.filter(({ source }) => source === root.id);
  const first = childrenOf(diagram, root.id).find(({ initial }) => initial);
  if (everywhere.length > 0 && first !== undefined) {
    lines.push(`  note left of ${name(diagram, first.id)}`);
    for (const way of everywhere) {
      const target = way.target === undefined ? 'stays' : `leads to ${pathOf(diagram, way.target)}`;
      for (const caption of captionsOf(way, MOST_GUARDS)) lines.push(`    in every state ${text(caption)} ${target}`);
    }
    lines.push('  end note');
  }
  return `${lines.join('\n')}\n`;
}

function block(diagram: Diagram, ways: readonly Way[], state: DiagramState, indent: string): string[] {
  const children = childrenOf(diagram, state.id);
  const lines: string[] = [];
  for (const child of children) lines.push(...declaration(diagram, ways, child, indent));
  for (const child of children) {
    if (child.initial) lines.push(`${indent}[*] --> ${name(diagram, child.id)}`);
  }
  for (const way of ways) {
    const { source, target = source } = way;
    if (source === rootOf(diagram).id || homeOf(diagram, source, target) !== state.id) continue;
    for (const caption of captionsOf(way, MOST_GUARDS)) {
      lines.push(`${indent}${name(diagram, source)} --> ${name(diagram, target)}: ${text(caption)}`);
    }
  }
  for (const child of children) {
    if (child.kind === 'final') lines.push(`${indent}${name(diagram, child.id)} --> [*]`);
  }
  return lines;
}

function declaration(diagram: Diagram, ways: readonly Way[], state: DiagramState, indent: string): string[] {
  const id = name(diagram, state.id);
  if (childrenOf(diagram, state.id).length > 0) {
    return [
      `${indent}state ${JSON.stringify(text([state.key, ...notes(state)].join(', ')))} as ${id} {`,
      ...block(diagram, ways, state, `${indent}  `),
      `${indent}}`,
    ];
  }
  return [state.key, ...notes(state)].map((line) => `${indent}${id}: ${text(line)}`);
}

function notes({ services, tags }: DiagramState): string[] {
  return [...services.map((service) => `do / ${service}`), ...(tags.length > 0 ? [`tags ${tags.join(', ')}`] : [])];
}

/** The innermost state that holds both ends. */
function homeOf(diagram: Diagram, source: string, target: string): string | undefined {
  const [, ...around] = lineageOf(diagram, source);
  const [, ...aroundTarget] = lineageOf(diagram, target);
  return around.find((id) => aroundTarget.includes(id));
}

/** Mermaid's identifiers have no dots. */
function name(diagram: Diagram, id: string): string {
  return pathOf(diagram, id).replace(/\W/g, '_');
}

/** Mermaid reads `:` and `;` as its own and `#` as the start of an entity. */
function text(caption: string): string {
  return caption.replace(/[#:;"<>]/g, (character) => `#${character.charCodeAt(0)};`);
}
