/**
 * The clear part of a Kerberos token: framed as GSS-API has it (RFC 2743 3.1, RFC 4121 4.1), between two ends that speak
 * to a KDC through each other (IAKERB, draft-ietf-kitten-iakerb), or a message of Kerberos alone, as DCE sends it. What
 * is encrypted is passed over.
 */
import { DerElement, OCTET_STRING, type DerOrigin } from '../../der.ts';
import { NtlmError } from '../../errors.ts';
import type { FieldRecorder } from '../../messages/reader.ts';
import { decodeGssToken } from '../messages/gss-token.ts';
import { MechType, mechTypeName } from '../messages/mech-types.ts';
import { KERBEROS_MESSAGES, SHAPES, type KerberosMessage } from './shapes.ts';
import { walk, type LeafValue } from './walk.ts';

export interface KerberosToken {
  readonly message: KerberosMessage;
  /** Of the frame, a dotted object identifier; `undefined` where there is none around it. */
  readonly mechanism: string | undefined;
  /** Whether it is on its way to a KDC, or from one, by way of the server. */
  readonly iakerb: boolean;
  /** Of the service. */
  readonly realm: string | undefined;
  /** `HTTP/keep.castle.example`. */
  readonly service: string | undefined;
  /** What the ticket is encrypted with, and which of the keys of the service. */
  readonly etype: number | undefined;
  readonly kvno: number | undefined;
  /** Of a KRB-ERROR. */
  readonly error: KerberosError | undefined;
}

export interface KerberosError {
  readonly code: number;
  /** By the clock of whoever answered, in milliseconds since 1970. */
  readonly serverTime: number;
  /** Free words of whoever answered. */
  readonly text: string | undefined;
}

const ORIGIN: DerOrigin = { what: 'Kerberos token', phase: 'spnego', side: 'peer' };
/** More than anyone sends: a ticket with the groups of a user has 12 kB, with many 48. */
const LONGEST = 128 * 1024;
/** RFC 4121 4.1, RFC 4120 7.5.7; IAKERB's own. */
const TOKEN_IDS: Readonly<Record<number, KerberosMessage | 'IAKERB'>> = { 0x0100: 'AP-REQ', 0x0200: 'AP-REP', 0x0300: 'KRB-ERROR', 0x0501: 'IAKERB' };
const MECHANISMS: readonly string[] = [MechType.KERBEROS, MechType.MS_KERBEROS, MechType.KERBEROS_USER_TO_USER, MechType.IAKERB];
const APPLICATION = 0x60;

/** Whether the bytes begin as a Kerberos token does; a frame may still be another mechanism's. */
export function mayBeKerberos(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  if (first === 0x05 && second === 0x01) return true;
  return first === APPLICATION || KERBEROS_MESSAGES.some((message) => first === APPLICATION + SHAPES[message].application);
}

/**
 * @param offset where the token lies in whatever is around it: spans are told and errors are placed from there
 * @throws NtlmError `malformed-token`; `mechanism-refused` for the frame of another mechanism. What was told before holds.
 */
export function readKerberosToken(token: Uint8Array, record: FieldRecorder = () => {}, offset = 0): KerberosToken {
  if (token.length > LONGEST) throw malformed(`has more than ${LONGEST / 1024} KiB`, offset);
  if (token[0] !== APPLICATION) return readMessage(token, undefined, record, offset);
  const { mechanism, body, offset: start } = decodeGssToken(token);
  if (!MECHANISMS.includes(mechanism)) {
    throw new NtlmError(`the token is of the mechanism ${mechTypeName(mechanism)}, not of Kerberos`, { code: 'mechanism-refused', phase: 'spnego', side: 'peer', offset });
  }
  const [thisMech] = DerElement.decode(token, ORIGIN).elements();
  record({ name: 'InitialContextToken', offset, length: thisMech!.offset });
  record({ name: 'InitialContextToken.thisMech', offset: offset + thisMech!.offset, length: thisMech!.bytes.length });
  return readMessage(body, mechanism, record, offset + start);
}

function readMessage(bytes: Uint8Array, mechanism: string | undefined, record: FieldRecorder, offset: number): KerberosToken {
  const id = bytes.length < 2 ? undefined : TOKEN_IDS[bytes[0]! * 256 + bytes[1]!];
  if (id === undefined && mechanism !== undefined) throw malformed('begins with a TOK_ID that is not of a first token', offset);
  if (id === undefined) return readPlain(DerElement.decode(bytes, ORIGIN, offset), mechanism, false, record);
  record({ name: 'TOK_ID', offset, length: 2 });
  if (id !== 'IAKERB') return readPlain(DerElement.decode(bytes.subarray(2), ORIGIN, offset + 2), mechanism, false, record, id);
  return readIakerb(bytes.subarray(2), mechanism, record, offset + 2);
}

/** IAKERB-HEADER, and behind it a message to a KDC or of one. */
function readIakerb(bytes: Uint8Array, mechanism: string | undefined, record: FieldRecorder, offset: number): KerberosToken {
  const size = shortLength(bytes);
  if (size === undefined) throw malformed('has no IAKERB-HEADER', offset);
  const header = DerElement.decode(bytes.subarray(0, size), ORIGIN, offset);
  const realm = header.fields().get(1)?.inner();
  // a UTF8String by the draft, an OCTET STRING by MIT
  if (realm === undefined || !(realm.isUniversal(12) || realm.isUniversal(OCTET_STRING))) throw header.malformed('names no realm');
  record({ name: 'IAKERB-HEADER', offset, length: header.bytes.length });
  const rest = readPlain(DerElement.decode(bytes.subarray(size), ORIGIN, offset + size), mechanism, true, record);
  return { ...rest, realm: rest.realm ?? new TextDecoder().decode(realm.contents) };
}

/** Of a whole element of up to 64 KiB, from its length octets. */
function shortLength(bytes: Uint8Array): number | undefined {
  const [, first = 0, second = 0, third = 0] = bytes;
  const size = first < 0x80 ? 2 + first : first === 0x81 ? 3 + second : first === 0x82 ? 4 + second * 256 + third : undefined;
  return size !== undefined && size <= bytes.length ? size : undefined;
}

function readPlain(
  element: DerElement,
  mechanism: string | undefined,
  iakerb: boolean,
  record: FieldRecorder,
  due?: KerberosMessage,
): KerberosToken {
  const message = KERBEROS_MESSAGES.find((each) => element.isApplication(SHAPES[each].application));
  if (message === undefined) throw element.malformed('holds no message that is known');
  if (due !== undefined && message !== due) throw element.malformed(`says ${due} and holds ${message}`);
  const values = new Map<string, LeafValue>();
  walk(element, SHAPES[message], message, values, record);
  const number = (name: string): number | undefined => values.get(`${message}.${name}`) as number | undefined;
  const text = (name: string): string | undefined => values.get(`${message}.${name}`) as string | undefined;
  if (number('pvno') !== 5) throw element.malformed('is not of version 5');
  if (number('msg-type') !== SHAPES[message].application) throw element.malformed('has a msg-type that is not that of its message');
  const part = ['ticket.', 'req-body.', ''].find((each) => values.has(`${message}.${each}realm`) || values.has(`${message}.${each}sname`)) ?? '';
  const isError = message === 'KRB-ERROR';
  const [code, serverTime] = [number('error-code'), number('stime')];
  if (isError && (code === undefined || serverTime === undefined)) throw element.malformed('has no code or no time');
  if (message === 'AP-REQ' && (text('ticket.realm') === undefined || text('ticket.sname') === undefined)) throw element.malformed('has a ticket without a realm or a service');
  return {
    message,
    mechanism,
    iakerb,
    realm: text(`${part}realm`),
    service: text(`${part}sname`),
    etype: number('ticket.enc-part.etype'),
    kvno: number('ticket.enc-part.kvno'),
    error: isError ? { code: code!, serverTime: serverTime!, text: text('e-text') } : undefined,
  };
}

function malformed(problem: string, offset: number): NtlmError {
  return new NtlmError(`the ${ORIGIN.what} ${problem} (at byte ${offset})`, { code: 'malformed-token', phase: 'spnego', side: 'peer', offset });
}
