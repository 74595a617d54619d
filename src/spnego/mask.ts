import { NtlmError } from '../errors.ts';
import { isNtlmMessage } from '../messages/header.ts';
import { isSecretField, maskMessage } from '../messages/mask.ts';
import { recordSpnego } from './messages/record.ts';

const INITIAL_CONTEXT = 0x60;
const MECHANISM = 15; // tags, lengths and the object identifier

/** A token, raw NTLM or in SPNEGO, with its secrets zeroed where they stand; all zeros where it cannot be read, or is of another mechanism. */
export function maskToken(token: Uint8Array): Uint8Array<ArrayBuffer> {
  if (isNtlmMessage(token)) return maskMessage(token);
  const masked = new Uint8Array(token.length);
  try {
    const inner = recordSpnego(token, ({ name, offset, length }) => {
      if (!isSecretField(name)) masked.set(token.subarray(offset, offset + length), offset);
    });
    if (inner === undefined) return masked;
    const message = token.subarray(inner.offset, inner.offset + inner.length);
    if (isNtlmMessage(message)) masked.set(maskMessage(message), inner.offset);
    return masked;
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    masked.fill(0);
    if (token[0] === INITIAL_CONTEXT) masked.set(token.subarray(0, MECHANISM)); // which mechanism it is of
    return masked;
  }
}
