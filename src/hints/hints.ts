/**
 * What was probably meant by a token that is none: text that still has to be decoded, a token in its envelope. For a person
 * who reads the error; nothing is decoded for them, since the next value may look like another thing than it is.
 */
import { isBytes } from '../checks.ts';
import { NtlmError, invalidArgument, type NtlmErrorPhase } from '../errors.ts';

/** What takes SPNEGO where this end does not. */
export type Envelope = 'client' | 'acceptor';

const OTHER_END: Readonly<Record<Envelope, string>> = {
  client: 'give the client spnego: true',
  acceptor: 'SpnegoAcceptor of ntlmachine/spnego takes it',
};

/** @throws NtlmError `invalid-argument` for what is no Uint8Array, with the way to make one of it. */
export function checkToken(name: string, value: unknown, phase: NtlmErrorPhase): void {
  if (isBytes(value)) return;
  const what = typeof value === 'string' ? textHint(value, name) : viewHint(value, name);
  throw invalidArgument(name, `must be a Uint8Array${what && `, and ${what}`}`, phase);
}

/** The error, or one that says what the bytes are that are no message, where that is known. */
export function hinted(error: NtlmError, token: Uint8Array | undefined, end: Envelope = 'client'): NtlmError {
  const what = error.code === 'wrong-signature' && token !== undefined ? bytesHint(token, end) : '';
  if (what === '') return error;
  const { message, code, phase, side, offset } = error;
  return new NtlmError(`${message}: ${what}`, { code, phase, side, offset, cause: error });
}

/** Of "NTLMSSP", or of the first byte of a token of SPNEGO; base64url too, which Buffer reads alike. */
const BASE64 = /^(?:TlRMTVNT|Y[A-P]|o[Q-Za-f])[\w+/-]+={0,2}$/;
const HEADER = /^[A-Za-z-]+:\s*(?:NTLM|Negotiate)\b/i;
const SCHEME = /^(?:NTLM|Negotiate)(?:\s|$)/i;
const HEX = /^(?:4e544c4d53535000|60|a1)[0-9a-f]*$/i;

/** `text` as the name of a variable in the sentence. */
function textHint(text: string, name: string): string {
  const value = text.trim();
  const last = `Buffer.from(${name}.trim().split(/\\s+/).at(-1), 'base64')`;
  if (value === '') return 'this text is empty: the other end sent no token';
  if (HEADER.test(value)) return `is a whole header line: ${last} is its token`;
  if (SCHEME.test(value)) return `is the value of a header: ${last} is its token`;
  if (text.startsWith('NTLMSSP\0')) return `is bytes as text: give Buffer.from(${name}, 'latin1')`;
  if (value.length % 2 === 0 && HEX.test(value)) return `is hexadecimal: give Buffer.from(${name}, 'hex')`;
  if (BASE64.test(value.replace(/\s+/g, ''))) return `is base64: give Buffer.from(${name}, 'base64')`;
  return '';
}

function viewHint(value: unknown, name: string): string {
  if (value instanceof ArrayBuffer) return `is an ArrayBuffer: give new Uint8Array(${name})`;
  if (Array.isArray(value)) return 'is a list: give the one token in it';
  return '';
}

/** Longer tokens say at their start what they are, too. */
const ENOUGH = 4096;

function bytesHint(bytes: Uint8Array, end: Envelope): string {
  if (isSpnego(bytes)) return `it is SPNEGO around one, as HTTP's Negotiate has it; ${OTHER_END[end]}`;
  const text = Buffer.from(bytes.subarray(0, ENOUGH)).toString('latin1');
  const what = /^[\x20-\x7e\s]*$/.test(text) ? textHint(text, 'text') : '';
  return what && `as text (text = Buffer.from(bytes).toString('latin1')) it ${what}`;
}

const SPNEGO_OID = '06062b0601050502';

/** A NegTokenInit under its identifier, or a NegTokenResp (RFC 4178 4.2). */
function isSpnego(bytes: Uint8Array): boolean {
  if (bytes[0] === 0xa1) return true;
  return bytes[0] === 0x60 && Buffer.from(bytes.subarray(1, 16)).toString('hex').includes(SPNEGO_OID);
}
