import type { Diagram } from './walk.ts';
import { pathOf, rootOf } from './ways.ts';

/** Markdown tables of states and transitions: every guard and action by name. */
export function toTable(diagram: Diagram): string {
  const root = rootOf(diagram);
  const place = (id: string): string => (id === root.id ? '*every state*' : code(pathOf(diagram, id)));
  const states = diagram.states
    .filter((state) => state !== root)
    .map(({ id, kind, initial, services, tags }) => [
      code(pathOf(diagram, id)),
      [initial ? 'initial' : '', kind === 'atomic' ? '' : kind].filter(Boolean).join(', '),
      services.map(code).join(', '),
      tags.map(code).join(', '),
    ]);
  const transitions = diagram.transitions.map(({ source, target, label, guard, otherwise, actions }) => [
    place(source),
    code(label),
    otherwise ? '*else*' : guard === undefined ? '' : code(guard),
    target === undefined ? '*stays*' : place(target),
    actions.map(code).join(', '),
  ]);
  return [
    table(['State', 'Kind', 'Invokes', 'Tags'], states),
    table(['In', 'Event', 'Guard', 'Goes to', 'Actions'], transitions),
  ].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}
