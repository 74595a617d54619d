/** Values of the fields of Kerberos messages (RFC 4120 5.2). */
import { BIT_STRING, GENERAL_STRING, type DerElement } from '../../der.ts';

const INTEGER = 2;
const GENERALIZED_TIME = 24;
const MOST_COMPONENTS = 16;
const LONGEST_TEXT = 1024; // bytes
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** INTEGER of at most 32 bits and a sign (RFC 4120 5.2.4). */
export function integer(element: DerElement): number {
  if (!element.isUniversal(INTEGER)) throw element.malformed('holds something else where INTEGER is due');
  const { contents } = element;
  const [first, second] = contents;
  if (first === undefined || contents.length > 5) throw element.malformed('holds an INTEGER of no byte or of more than five');
  const isPadded = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (isPadded) throw element.malformed('holds an INTEGER that is not the shortest');
  return contents.reduce((value, byte) => value * 256 + byte, first >= 0x80 ? -1 : 0);
}

/** KerberosString, which should be ASCII; UTF-8 is what is seen. */
export function text(element: DerElement): string {
  if (!element.isUniversal(GENERAL_STRING)) throw element.malformed('holds something else where GeneralString is due');
  const { contents } = element;
  if (contents.length > LONGEST_TEXT) throw element.malformed(`holds a text of more than ${LONGEST_TEXT} bytes`);
  return utf8.decode(contents);
}

/** PrincipalName: its components with slashes between (RFC 4120 5.2.2). */
export function name(element: DerElement): string {
  const fields = element.fields();
  const type = fields.get(0);
  const list = fields.get(1);
  if (type === undefined || list === undefined) throw element.malformed('holds a name without its type or components');
  integer(type.inner());
  const components: string[] = [];
  for (const component of list.inner().sequence()) {
    if (components.length === MOST_COMPONENTS) throw component.malformed(`holds a name of more than ${MOST_COMPONENTS} components`);
    components.push(text(component));
  }
  return components.join('/');
}

/** KerberosTime, which has no fractions (RFC 4120 5.2.3), in milliseconds since 1970. */
export function time(element: DerElement): number {
  if (!element.isUniversal(GENERALIZED_TIME)) throw element.malformed('holds something else where KerberosTime is due');
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(utf8.decode(element.contents)) ?? [];
  const value = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(value)) throw element.malformed('holds a malformed KerberosTime');
  return value;
}

/** KerberosFlags: the numbers of the bits that are set, the first bit being 0 (RFC 4120 5.2.8). */
export function options(element: DerElement): readonly number[] {
  if (!element.isUniversal(BIT_STRING)) throw element.malformed('holds something else where BIT STRING is due');
  const [unused, ...bytes] = element.contents;
  if (unused === undefined || unused > 7 || bytes.length > 8) throw element.malformed('holds malformed flags');
  return bytes.flatMap((byte, at) => [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (0x80 >> bit)) !== 0).map((bit) => at * 8 + bit));
}

const MOST_ETYPES = 64;

export function etypes(element: DerElement): readonly number[] {
  const found: number[] = [];
  for (const each of element.sequence()) {
    if (found.length === MOST_ETYPES) throw each.malformed(`lists more than ${MOST_ETYPES} encryption types`);
    found.push(integer(each));
  }
  return found;
}
