/**
 * What was probably meant by a token that is none: text that still has to be decoded, a token in its envelope. For a person
 * who reads the error; nothing is decoded for them, since the next value may look like another thing than it is.
 */
import { isBytes } from '../checks.ts';
import { NtlmError, invalidArgument, type NtlmErrorPhase } from '../errors.ts';
import { textHint } from './texts.ts';

/** What takes SPNEGO where this end does not. */
export type Envelope = 'client' | 'acceptor';

const OTHER_END: Readonly<Record<Envelope, string>> = {
  client: 'give the client spnego: true',
  acceptor: 'SpnegoAcceptor of ntlmachine/spnego takes it',
};

/** @throws NtlmError `invalid-argument` for what is no Uint8Array, with the way to make one of it. */
export function checkToken(name: string, value: unknown, phase: NtlmErrorPhase): void {
  if (isBytes(value)) return;
  const what = typeof value === 'string' ? textHint(value, name) : objectHint(value, name);
  throw invalidArgument(name, `must be a Uint8Array${what && `, and ${what}`}`, phase);
}

/** The error, or one that says what the bytes are that are no message, where that is known. */
export function hinted(error: NtlmError, token: Uint8Array | undefined, end: Envelope = 'client'): NtlmError {
  if (token === undefined) return error;
  const what = isMangled(token) ? MANGLED : error.code === 'wrong-signature' ? bytesHint(token, end) : '';
  if (what === '') return error;
  const { message, code, phase, side, offset } = error;
  return new NtlmError(`${message}: ${what}`, { code, phase, side, offset, cause: error });
}

function objectHint(value: unknown, name: string): string {
  if (value === undefined || value === null) return 'there is none: the other end sent no token';
  if (value instanceof ArrayBuffer) return `is an ArrayBuffer: give new Uint8Array(${name})`;
  if (ArrayBuffer.isView(value)) return `is another view of bytes: give new Uint8Array(${name}.buffer, ${name}.byteOffset, ${name}.byteLength)`;
  if (Array.isArray(value)) return value.length > 1 && value.every(isByte) ? `is a list of numbers: give Uint8Array.from(${name})` : 'is a list: give the one token in it';
  if (value instanceof Blob) return `is a Blob: give new Uint8Array(await ${name}.arrayBuffer())`;
  const { type, data, then } = value as { type?: unknown; data?: unknown; then?: unknown };
  if (typeof then === 'function') return 'is a promise: await it';
  if (type === 'Buffer' && Array.isArray(data)) return `is a Buffer as JSON has it: give Buffer.from(${name}.data)`;
  return '';
}

const isByte = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xff;

/** Longer tokens say at their start what they are, too. */
const ENOUGH = 4096;

function bytesHint(bytes: Uint8Array, end: Envelope): string {
  if (isSpnego(bytes)) return `it is SPNEGO around one, as HTTP's Negotiate has it; ${OTHER_END[end]}`;
  const start = Buffer.from(bytes.subarray(0, ENOUGH));
  if (start.subarray(0, 24).includes(KERBEROS)) return 'it is a token of Kerberos: the other end chose another mechanism than NTLM';
  const at = start.indexOf('NTLMSSP\0', 0, 'latin1');
  if (at > 0) return `one begins at byte ${at}: give bytes.subarray(${at})`;
  const encoding = start[0] !== 0 && start[1] === 0 ? 'utf16le' : 'latin1';
  const text = start.toString(encoding);
  const what = /^[\x20-\x7e\s]*$/.test(text) ? textHint(text, 'text') : '';
  return what && `as text (text = Buffer.from(bytes).toString('${encoding}')) it ${what}`;
}

const MANGLED = 'the bytes were made text as UTF-8 and bytes again, which loses most of them; leave them bytes, or make text of them as base64';

/** What UTF-8 makes of bytes that are none of it. No message has it three times by chance. */
function isMangled(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, ENOUGH)).toString('latin1').split('\xef\xbf\xbd').length > 3;
}

const SPNEGO_OID = '06062b0601050502';
/** 1.2.840.113554.1.2.2 */
const KERBEROS = Buffer.from('06092a864886f712010202', 'hex');

/** A NegTokenInit under its identifier, or a NegTokenResp (RFC 4178 4.2). */
function isSpnego(bytes: Uint8Array): boolean {
  if (bytes[0] === 0xa1) return true;
  return bytes[0] === 0x60 && Buffer.from(bytes.subarray(1, 16)).toString('hex').includes(SPNEGO_OID);
}
