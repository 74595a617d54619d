/** What the fields of a Kerberos token say, for people. */
import { DerElement } from '../../der.ts';
import { TOKEN } from '../../spnego/messages/token-origin.ts';
import { toHex } from '../bytes.ts';
import { plural, quoted } from '../decode/text.ts';
import { errorMeaning, errorName, etypeName } from './numbers.ts';
import { isKerberosField, placeOf } from '../../spnego/kerberos/places.ts';
import type { Leaf } from '../../spnego/kerberos/shapes.ts';
import { readLeaf } from '../../spnego/kerberos/walk.ts';

export interface KerberosMeaning {
  readonly value: string;
  readonly detail: readonly string[];
  readonly section: string;
}

/** `undefined` where it is no field of such a token. Throws where the bytes are not those of the field. */
export function kerberosMeaning(name: string, bytes: Uint8Array): KerberosMeaning | undefined {
  if (name === 'TOK_ID') return { value: toHex(bytes), detail: [], section: 'RFC 4121 4.1' };
  if (name === 'IAKERB-HEADER') return { value: plural(bytes.length, 'byte'), detail: [], section: 'draft-ietf-kitten-iakerb' };
  if (!isKerberosField(name)) return undefined;
  const { leaf, section, frames } = placeOf(name);
  const about = frames ? { value: `tags and lengths, ${plural(bytes.length, 'byte')}`, detail: [] } : describe(leaf, name, bytes);
  return { ...about, section: `RFC 4120 ${section}` };
}

function describe(leaf: Leaf, name: string, bytes: Uint8Array): Omit<KerberosMeaning, 'section'> {
  const plain = (value: string, detail: readonly string[] = []): Omit<KerberosMeaning, 'section'> => ({ value, detail });
  if (leaf === 'sealed') return plain(`${plural(bytes.length, 'byte')}, ${SEALED.find(([of]) => of.test(name))?.[1] ?? 'not read here'}`);
  const value = readLeaf(leaf, DerElement.decode(bytes, TOKEN).inner());
  switch (leaf) {
    case 'text':
    case 'name':
      return plain(quoted(String(value)));
    case 'etype':
      return plain(`${value}, ${etypeName(Number(value))}`);
    case 'etypes':
      return plain((value as readonly number[]).map(etypeName).join(', '));
    case 'time':
      return plain(new Date(Number(value)).toISOString().replace('.000Z', 'Z'));
    case 'error':
      return plain(`${value}, ${errorName(Number(value))}`, [errorMeaning(Number(value))]);
    case 'options':
      return plain((value as readonly number[]).map((bit) => optionName(name, bit)).join(', ') || 'none');
    case 'integer':
      return plain(String(value));
  }
}

/** Who could read it. */
const SEALED: readonly (readonly [RegExp, string])[] = [
  [/ticket\.enc-part\.cipher$/, 'encrypted: the service alone can read it'],
  [/authenticator\.cipher$/, 'encrypted: the service alone can read it, with the key in the ticket'],
  [/cipher$/, 'encrypted: the client alone can read it'],
];

/** RFC 4120 5.5.1. */
const AP_OPTIONS: Readonly<Record<number, string>> = { 1: 'use-session-key', 2: 'mutual-required' };

function optionName(name: string, bit: number): string {
  return (name.endsWith('ap-options') ? AP_OPTIONS[bit] : undefined) ?? `bit ${bit}`;
}
