/** Goes through a message by its shape, and tells of every byte and of every value on the way. */
import { OCTET_STRING, type DerElement } from '../../der.ts';
import type { FieldRecorder } from '../../messages/reader.ts';
import { etypes, integer, name, options, text, time } from './leaves.ts';
import type { Leaf, Shape } from './shapes.ts';

/** What a field says: a number, milliseconds since 1970, a text; what is sealed says nothing. */
export type LeafValue = number | string | readonly number[] | undefined;

const READERS: Readonly<Record<Leaf, (element: DerElement) => LeafValue>> = {
  integer,
  etype: integer,
  etypes,
  options,
  text,
  name,
  time,
  error: integer,
  sealed: () => undefined,
};

export function readLeaf(leaf: Leaf, element: DerElement): LeafValue {
  return READERS[leaf](element);
}

/** `start`: where the tag around it lies, if it has one. @throws NtlmError `malformed-token`; what was told before holds. */
export function walk(
  element: DerElement,
  shape: Shape,
  path: string,
  values: Map<string, LeafValue>,
  record: FieldRecorder,
  start = element.offset,
): void {
  const { application } = shape;
  if (application !== undefined && !element.isApplication(application)) throw element.malformed(`holds something else where ${path} is due`);
  const body = application === undefined ? element : element.inner();
  const fields = body.fields();
  record({ name: path, offset: start, length: body.offset + headLength(body) - start });
  for (const [tag, field] of fields) {
    const [own = `field ${tag}`, is = 'sealed'] = shape.fields[tag] ?? [];
    const at = `${path}.${own}`;
    const value = field.inner();
    if (typeof is === 'object') {
      walk(value, is, at, values, record, field.offset);
      continue;
    }
    values.set(at, readLeaf(is, value));
    if (is === 'sealed') seal(field, value, own, at, record);
    else record({ name: at, offset: field.offset, length: field.bytes.length });
  }
}

/** The tags of what is sealed are not: with its contents zeroed the message can still be read. */
function seal(field: DerElement, value: DerElement, own: string, at: string, record: FieldRecorder): void {
  if (own === 'cipher' && !value.isUniversal(OCTET_STRING)) throw value.malformed('holds something else where OCTET STRING is due');
  const offset = value.offset + headLength(value);
  const end = field.offset + field.bytes.length;
  record({ name: `${at} header`, offset: field.offset, length: offset - field.offset });
  if (end > offset) record({ name: at, offset, length: end - offset });
}

/** Identifier and length octets. */
function headLength(element: DerElement): number {
  return element.bytes.length - element.contents.length;
}
