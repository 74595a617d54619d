/** A second reading of the clear part of Kerberos tokens (RFC 4120, RFC 4121), on the reference's DER. `undefined` means not valid. */
import type { Reading } from './reference-decoder.ts';
import { elements, oid, only, tagged, type Tlv } from './reference-der.ts';

type Value = number | string | readonly number[] | null;
/** `undefined` means not valid. */
type Read = (tlv: Tlv) => Value | undefined;
type Fields = Readonly<Record<number, readonly [string, Read | Nested]>>;
interface Nested {
  readonly tag?: number;
  readonly fields: Fields;
}

const integer = ({ id, body }: Tlv): number | undefined => {
  if (id !== 0x02 || body.length === 0 || body.length > 5) return undefined;
  const bits = BigInt.asIntN(body.length * 8, BigInt(`0x${Buffer.from(body).toString('hex')}`));
  const shortest = body.length === 1 || BigInt.asIntN(body.length * 8 - 8, bits) !== bits;
  return shortest ? Number(bits) : undefined;
};
const text = ({ id, body }: Tlv): string | undefined => (id === 0x1b && body.length <= 1024 ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(body) : undefined);
const name = (tlv: Tlv): string | undefined => {
  const parts = tagged(tlv);
  const [type, list] = [0, 1].map((tag) => parts?.get(tag) && only(elements(parts.get(tag)!.body)));
  if (type === undefined || list?.id !== 0x30 || integer(type) === undefined) return undefined;
  const components = elements(list.body)?.map(text);
  return components === undefined || components.length > 16 || components.includes(undefined) ? undefined : components.join('/');
};
const time = ({ id, body }: Tlv): number | undefined => {
  const found = id === 0x18 ? /^(....)(..)(..)(..)(..)(..)Z$/.exec(Buffer.from(body).toString('latin1')) : null;
  if (found === null || !found.slice(1).every((digits) => /^[0-9]+$/.test(digits))) return undefined;
  const value = Date.parse(`${found.slice(1, 4).join('-')}T${found.slice(4).join(':')}Z`);
  return Number.isNaN(value) ? undefined : value;
};
const flags = ({ id, body }: Tlv): readonly number[] | undefined => {
  if (id !== 0x03 || body.length === 0 || body.length > 9 || body[0]! > 7) return undefined;
  return [0];
};
const numbers = ({ id, body }: Tlv): readonly number[] | undefined => {
  const all = id === 0x30 ? elements(body) : undefined;
  return all === undefined || all.length > 64 || all.some((each) => integer(each) === undefined) ? undefined : [0];
};
const anything = (): null => null;
const octets = ({ id }: Tlv): null | undefined => (id === 0x04 ? null : undefined);

const encrypted: Nested = { fields: { 0: ['etype', integer], 1: ['kvno', integer], 2: ['cipher', octets] } };
const ticket: Nested = { tag: 0x61, fields: { 0: ['vno', integer], 1: ['realm', text], 2: ['sname', name], 3: ['enc', encrypted] } };
const body: Nested = {
  fields: { 0: ['o', flags], 1: ['cname', name], 2: ['realm', text], 3: ['sname', name], 4: ['from', time], 5: ['till', time], 6: ['rtime', time], 7: ['nonce', integer], 8: ['etypes', numbers] },
};
const asked: Fields = { 1: ['pvno', integer], 2: ['type', integer], 4: ['body', body] };
const granted: Fields = { 0: ['pvno', integer], 1: ['type', integer], 3: ['crealm', text], 4: ['cname', name], 5: ['ticket', ticket], 6: ['enc', encrypted] };
const MESSAGES: Readonly<Record<string, Nested & { readonly tag: number }>> = {
  'AS-REQ': { tag: 0x6a, fields: asked },
  'AS-REP': { tag: 0x6b, fields: granted },
  'TGS-REQ': { tag: 0x6c, fields: asked },
  'TGS-REP': { tag: 0x6d, fields: granted },
  'AP-REQ': { tag: 0x6e, fields: { 0: ['pvno', integer], 1: ['type', integer], 2: ['o', flags], 3: ['ticket', ticket], 4: ['auth', encrypted] } },
  'AP-REP': { tag: 0x6f, fields: { 0: ['pvno', integer], 1: ['type', integer], 2: ['enc', encrypted] } },
  'KRB-ERROR': {
    tag: 0x7e,
    fields: { 0: ['pvno', integer], 1: ['type', integer], 2: ['ctime', time], 3: ['cusec', integer], 4: ['stime', time], 5: ['susec', integer], 6: ['code', integer], 7: ['crealm', text], 8: ['cname', name], 9: ['realm', text], 10: ['sname', name], 11: ['text', text] },
  },
};

/** Values by path; unknown fields hold one element of any kind. */
function values(tlv: Tlv | undefined, { tag, fields }: Nested, path: string, found: Map<string, Value>): boolean {
  if (tlv === undefined || (tag !== undefined && tlv.id !== tag)) return false;
  const members = tagged(tag === undefined ? tlv : only(elements(tlv.body)));
  if (members === undefined) return false;
  return [...members].every(([number, member]) => {
    const inner = only(elements(member.body));
    if (inner === undefined) return false;
    const [own, read] = fields[number] ?? ['', anything];
    if (typeof read === 'object') return values(inner, read, `${path}${own}.`, found);
    const value = read(inner);
    if (value !== undefined) found.set(`${path}${own}`, value);
    return value !== undefined;
  });
}

const IDS: Readonly<Record<string, string>> = { '0100': 'AP-REQ', '0200': 'AP-REP', '0300': 'KRB-ERROR', '0501': 'IAKERB' };
const KERBEROS = ['1.2.840.113554.1.2.2', '1.2.840.48018.1.2.2', '1.2.840.113554.1.2.2.3', '1.3.6.1.5.2.5'];

export function readKerberos(token: Uint8Array): Reading | undefined {
  if (token.length > 128 * 1024) return undefined;
  if (token[0] !== 0x60) return readBody(token, undefined);
  const frame = only(elements(token));
  const first = frame && leading(frame.body);
  const mechanism = oid(first);
  if (mechanism === undefined || !KERBEROS.includes(mechanism)) return undefined;
  return readBody(frame!.body.subarray(first!.whole.length), mechanism);
}

/** The first element of several bytes, whatever follows. */
function leading(bytes: Uint8Array): Tlv | undefined {
  for (let size = 2; size <= Math.min(bytes.length, 200); size++) {
    const found = only(elements(bytes.subarray(0, size)));
    if (found !== undefined) return found;
  }
  return undefined;
}

function readBody(bytes: Uint8Array, mechanism: string | undefined): Reading | undefined {
  const id = IDS[Buffer.from(bytes.subarray(0, 2)).toString('hex')];
  if (id === undefined) return mechanism === undefined ? readPlain(bytes, mechanism) : undefined;
  if (id !== 'IAKERB') {
    const reading = readPlain(bytes.subarray(2), mechanism);
    return reading?.['message'] === id ? reading : undefined;
  }
  const header = headerOf(bytes.subarray(2));
  const target = header && tagged(header)?.get(1);
  const realm = target && only(elements(target.body));
  if (header === undefined || realm === undefined || ![0x04, 0x0c].includes(realm.id)) return undefined;
  const reading = readPlain(bytes.subarray(2 + header.whole.length), mechanism);
  return reading && { ...reading, iakerb: true, realm: reading['realm'] ?? new TextDecoder().decode(realm.body) };
}

function headerOf(bytes: Uint8Array): Tlv | undefined {
  const [, first = 0, second = 0, third = 0] = bytes;
  const size = first < 128 ? first + 2 : first === 129 ? second + 3 : first === 130 ? second * 256 + third + 4 : 0;
  return size > bytes.length ? undefined : only(elements(bytes.subarray(0, size)));
}

function readPlain(bytes: Uint8Array, mechanism: string | undefined): Reading | undefined {
  const element = only(elements(bytes));
  const message = Object.keys(MESSAGES).find((each) => MESSAGES[each]!.tag === element?.id);
  if (message === undefined) return undefined;
  const found = new Map<string, Value>();
  if (!values(element, MESSAGES[message]!, '', found)) return undefined;
  if (found.get('pvno') !== 5 || found.get('type') !== MESSAGES[message]!.tag - 0x60) return undefined;
  if (message === 'KRB-ERROR' && !(found.has('code') && found.has('stime'))) return undefined;
  if (message === 'AP-REQ' && !(found.has('ticket.realm') && found.has('ticket.sname'))) return undefined;
  const place = ['ticket.', 'body.', ''].find((each) => found.has(`${each}realm`) || found.has(`${each}sname`)) ?? '';
  return {
    message,
    mechanism,
    iakerb: false,
    realm: found.get(`${place}realm`),
    service: found.get(`${place}sname`),
    etype: found.get('ticket.enc.etype'),
    kvno: found.get('ticket.enc.kvno'),
    error: message === 'KRB-ERROR' ? [found.get('code'), found.get('stime'), found.get('text')] : undefined,
  } as Reading;
}
