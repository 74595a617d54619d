import { unlessRefused } from '../errors.ts';
import { isNtlmMessage } from '../messages/header.ts';
import { isSecretField, maskMessage } from '../messages/mask.ts';
import type { FieldRecorder } from '../messages/reader.ts';
import { isSealed } from './kerberos/places.ts';
import { mayBeKerberos, readKerberosToken } from './kerberos/token.ts';
import { decodeGssToken } from './messages/gss-token.ts';
import { MechType } from './messages/mech-types.ts';
import { recordSpnego, type InnerToken } from './messages/record.ts';

const INITIAL_CONTEXT = 0x60;
const MECHANISM = 15; // tags, lengths and the object identifier

/**
 * A token, raw or in SPNEGO, of NTLM or of Kerberos, with its secrets zeroed where they stand; what cannot be read, or is of
 * another mechanism, is all zeros but for its envelope.
 */
export function maskToken(token: Uint8Array): Uint8Array<ArrayBuffer> {
  if (isNtlmMessage(token)) return maskMessage(token);
  const masked = new Uint8Array(token.length);
  const show: FieldRecorder = ({ name, offset, length }) => {
    if (!isSecretField(name) && !isSealed(name)) masked.set(token.subarray(offset, offset + length), offset);
  };
  const envelope = unlessRefused(() => (isSpnego(token) ? (recordSpnego(token, show) ?? NOTHING) : { offset: 0, length: token.length }));
  if (envelope === undefined) {
    masked.fill(0);
    if (token[0] === INITIAL_CONTEXT) masked.set(token.subarray(0, MECHANISM)); // which mechanism it is of
    return masked;
  }
  const { offset, length } = envelope;
  const message = token.subarray(offset, offset + length);
  if (isNtlmMessage(message)) masked.set(maskMessage(message), offset);
  else if (mayBeKerberos(message)) showKerberos(message, offset, show, masked);
  return masked;
}

const NOTHING: InnerToken = { offset: 0, length: 0 };

/** What is no first token, or one of SPNEGO's own. */
function isSpnego(token: Uint8Array): boolean {
  return token[0] !== INITIAL_CONTEXT || decodeGssToken(token).mechanism === MechType.SPNEGO;
}

function showKerberos(message: Uint8Array, offset: number, show: FieldRecorder, masked: Uint8Array): void {
  if (unlessRefused(() => readKerberosToken(message, show, offset)) !== undefined) return;
  masked.fill(0, offset, offset + message.length);
  if (message[0] === INITIAL_CONTEXT) masked.set(message.subarray(0, Math.min(MECHANISM, message.length)), offset);
}
