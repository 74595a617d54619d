import { DerElement } from '../../der.ts';
import type { FieldRecorder } from '../../messages/reader.ts';
import { TOKEN } from './token-origin.ts';

/** Where the mechanism's own token lies. */
export interface InnerToken {
  readonly offset: number;
  readonly length: number;
}

/**
 * Tells of each part of a SPNEGO token (RFC 4178 4.2): a container by its tags and lengths, a
 * value whole. Returns where the NTLM message lies, which is not told of.
 *
 * @throws NtlmError `malformed-token` where the encoding breaks off; what was told before holds.
 */
export function recordSpnego(token: Uint8Array, record: FieldRecorder): InnerToken | undefined {
  const frame = DerElement.decode(token, TOKEN);
  if (frame.isContext(1)) return recordFields(frame, 'NegTokenResp', RESPONSE_FIELDS, record);
  const [mechanism, choice, ...rest] = frame.elements();
  head(frame, 'InitialContextToken', record);
  if (mechanism !== undefined) whole(mechanism, 'InitialContextToken.thisMech', record);
  if (choice === undefined) return undefined;
  const inner = recordFields(choice, 'NegTokenInit', INIT_FIELDS, record);
  for (const element of rest) whole(element, 'InitialContextToken.rest', record);
  return inner;
}

const INIT_FIELDS = ['mechTypes', 'reqFlags', 'mechToken', 'mechListMIC', 'mechListMIC'];
const RESPONSE_FIELDS = ['negState', 'supportedMech', 'responseToken', 'mechListMIC'];

function recordFields(
  choice: DerElement,
  name: string,
  names: readonly string[],
  record: FieldRecorder,
): InnerToken | undefined {
  const body = choice.inner();
  record({ name, offset: choice.offset, length: body.offset - choice.offset + headLength(body) });
  let inner: InnerToken | undefined;
  for (const [tag, field] of body.fields()) {
    const value = field.inner();
    const hints = name === 'NegTokenInit' && tag === 3 && value.isUniversal(16);
    const fieldName = `${name}.${hints ? 'negHints' : (names[tag] ?? `field ${tag}`)}`;
    if (fieldName.endsWith('mechTypes')) {
      record({ name: fieldName, offset: field.offset, length: value.offset - field.offset + headLength(value) });
      for (const [index, mechanism] of [...value.sequence()].entries()) whole(mechanism, `${fieldName}.${index + 1}`, record);
    } else if (value.isUniversal(4)) {
      const offset = value.offset + headLength(value);
      const { length } = value.contents;
      record({ name: `${fieldName} header`, offset: field.offset, length: offset - field.offset });
      if (/Token$/.test(fieldName)) inner = { offset, length };
      else if (length > 0) record({ name: fieldName, offset, length });
    } else {
      whole(field, fieldName, record);
    }
  }
  return inner;
}

/** Identifier and length octets. */
function headLength(element: DerElement): number {
  return element.bytes.length - element.contents.length;
}

function head(element: DerElement, name: string, record: FieldRecorder): void {
  record({ name, offset: element.offset, length: headLength(element) });
}

function whole({ offset, bytes }: DerElement, name: string, record: FieldRecorder): void {
  record({ name, offset, length: bytes.length });
}
