import type { FieldSpan } from '../../messages/reader.ts';

/** A run of bytes with one owner. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
  /** The span that owns it; `undefined` for bytes that nobody read. */
  readonly span: FieldSpan | undefined;
  /** Spans that read some of these bytes as well: descriptors of a strange message may point to the same place. */
  readonly shared: readonly FieldSpan[];
}

/**
 * Divides `length` bytes among the spans so that each byte has one owner: the first that read it.
 * What no span covers comes out without one.
 */
export function partition(length: number, spans: readonly FieldSpan[]): readonly Segment[] {
  const owners = new Int32Array(length).fill(-1);
  const shared = new Map<number, Set<FieldSpan>>();
  for (const [index, span] of spans.entries()) {
    for (let at = span.offset; at < span.offset + span.length && at < length; at++) {
      const owner = owners[at]!;
      if (owner === -1) owners[at] = index;
      else shared.set(owner, (shared.get(owner) ?? new Set()).add(span));
    }
  }
  const segments: Segment[] = [];
  for (let start = 0; start < length; ) {
    const owner = owners[start]!;
    let end = start + 1;
    while (end < length && owners[end] === owner) end++;
    segments.push({ offset: start, length: end - start, span: spans[owner], shared: [...(shared.get(owner) ?? [])] });
    start = end;
  }
  return segments;
}
