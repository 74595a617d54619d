/** The fields of a token as a tree: names without what they share with their parent, AV pairs as nodes. */
import type { DecodedField, DecodedToken } from '../decode/decode.ts';

export interface TreeNode {
  /** From the root: `NTLMv2Response.AV pairs.Timestamp`. */
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly detail: readonly string[];
  readonly section: string;
  /** Bytes from the start of the token. */
  readonly offset: number;
  readonly length: number;
  readonly masked: boolean;
  readonly children: readonly TreeNode[];
  /** Whether it begins folded: what most readers do not look for. */
  readonly folded: boolean;
}

interface Part {
  readonly path: readonly string[];
  readonly field: DecodedField;
}

export function treeOf({ fields }: DecodedToken): readonly TreeNode[] {
  return grouped(fields.map((field) => ({ path: pathOf(field.name), field })), '', 0);
}

/** `NTLMv2Response.MsvAvTimestamp.Value` is the Value of Timestamp among the AV pairs. */
function pathOf(name: string): readonly string[] {
  if (/^(?:Signature|MessageType|\w+Fields)$/.test(name)) return ['Header', name.replace(/Fields$/, '')];
  return name.split('.').flatMap((part) => (part.startsWith('MsvAv') ? ['AV pairs', part.slice(5)] : [part]));
}

/** Neighbours that share the first part of their names are one node. */
function grouped(parts: readonly Part[], parent: string, depth: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let from = 0; from < parts.length; ) {
    const name = parts[from]!.path[depth]!;
    let to = from + 1;
    while (to < parts.length && parts[to]!.path[depth] === name && parts[to]!.path.length > depth + 1 && parts[from]!.path.length > depth + 1) to++;
    const id = `${parent}${name}@${parts[from]!.field.offset}`;
    nodes.push(parts[from]!.path.length > depth + 1 ? group(name, id, parts.slice(from, to), depth) : leaf(name, id, parts[from]!.field));
    from = to;
  }
  return nodes;
}

function group(name: string, id: string, parts: readonly Part[], depth: number): TreeNode {
  const children = grouped(parts, `${id}.`, depth + 1);
  const [first, last] = [parts[0]!.field, parts.at(-1)!.field];
  const told = children.find((child) => child.name === 'Value');
  return {
    id,
    name,
    value: told?.value ?? (name === 'Version' ? children.slice(0, 3).map(({ value }) => value).join('.') : ''),
    detail: told?.detail ?? [],
    section: first.section,
    offset: first.offset,
    length: last.offset + last.length - first.offset,
    masked: children.every(({ masked }) => masked),
    children,
    folded: told !== undefined || name === 'Version' || name === 'Header' || children.some((child) => child.name === 'AvId'),
  };
}

function leaf(name: string, id: string, { value, detail, section, offset, length, masked }: DecodedField): TreeNode {
  return { id, name, value, detail, section, offset, length, masked, children: [], folded: false };
}
