/** Our reading of Kerberos tokens against Wireshark's: the same values at the same places. */
import { describe, expect, test } from 'vitest';
import { decodeToken, type DecodedField } from '../../src/visualize/index.ts';
import { kerberosToken, type KerberosTokenName } from '../vectors/kerberos.ts';
import { decodeConversationsWithTshark, type TsharkField } from './support/tshark.ts';

type Compare = (theirs: TsharkField, ours: DecodedField) => void;

const number: Compare = ({ value }, ours) => expect(Number.parseInt(ours.value, 10)).toBe(Number(value));
const text: Compare = ({ value }, ours) => expect(ours.value).toBe(JSON.stringify(value));
const component: Compare = ({ value }, ours) => expect((JSON.parse(ours.value) as string).split('/')).toContain(value);
const bytes: Compare = ({ value }, ours) => expect(ours.hex).toBe(value.replaceAll(':', ''));
const time: Compare = ({ value }, ours) => expect(Date.parse(ours.value)).toBe(Date.parse(value.replace(/\.\d+ UTC$/, ' UTC')));
const option: Compare = ({ value }, ours) => expect(ours.value.includes('mutual-required')).toBe(value === '1');

const TABLE: Readonly<Record<string, readonly [ours: RegExp, compare: Compare]>> = {
  'kerberos.pvno': [/\.pvno$/, number],
  'kerberos.msg_type': [/\.msg-type$/, number],
  'kerberos.tkt_vno': [/\.tkt-vno$/, number],
  'kerberos.realm': [/\.realm$/, text],
  'kerberos.SNameString': [/\.sname$/, component],
  'kerberos.APOptions.mutual.required': [/\.ap-options$/, option],
  'kerberos.etype': [/\.etype$/, number],
  'kerberos.kvno': [/\.kvno$/, number],
  'kerberos.cipher': [/\.cipher$/, bytes],
  'kerberos.stime': [/\.stime$/, time],
  'kerberos.susec': [/\.susec$/, number],
  'kerberos.error_code': [/\.error-code$/, number],
};

/** How many values were compared. */
function compare(name: KerberosTokenName, theirs: readonly TsharkField[]): number {
  const ours = decodeToken(kerberosToken(name)).fields;
  const known = theirs.filter((field) => Object.hasOwn(TABLE, field.name));
  for (const field of known) {
    const [named, held] = TABLE[field.name]!;
    const own = ours.find(({ offset, length }) => offset <= field.offset && field.offset + field.length <= offset + length);
    expect(own?.name, `${name}: ${field.name}`).toMatch(named);
    held(field, own!);
  }
  return known.length;
}

const pairs: readonly (readonly [KerberosTokenName, KerberosTokenName])[] = [
  ['AP-REQ in SPNEGO', 'AP-REP in SPNEGO'],
  ['AP-REQ in SPNEGO', 'the clock of the server is 600 s ahead, in SPNEGO'],
  ['AP-REQ in SPNEGO', 'another key of the same number, in SPNEGO'],
  ['AP-REQ', 'AP-REP'],
  ['AP-REQ without mutual authentication', 'the ticket has expired'],
  ['AP-REQ', 'the ticket is not yet valid'],
  ['AP-REQ', 'a keytab that is out of date'],
  ['AP-REQ for another service', 'a ticket for another service'],
  ['AP-REQ', 'a replay'],
];

describe('value by value with Wireshark', () => {
  test('tickets, answers and errors', { timeout: 30_000 }, async () => {
    const theirs = await decodeConversationsWithTshark(pairs.map((pair) => pair.map(kerberosToken)), { scheme: 'Negotiate' });
    const counts = pairs.flatMap((pair, at) => pair.map((name, index) => compare(name, theirs[at]![index]!.fields)));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(4); // an AP-REP holds four
  });
});
