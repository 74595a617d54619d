import { isSecretField } from '../../messages/mask.ts';
import type { FieldSpan } from '../../messages/reader.ts';
import { decodeToken, type MessageName } from '../decode/decode.ts';
import { fromBase64, toBase64 } from '../bytes.ts';
import { isSealed } from '../../spnego/kerberos/places.ts';

/** A token as a trace keeps it. */
export interface TracedToken {
  /** `undefined` where the bytes are none that is known. */
  readonly message: MessageName | undefined;
  /** With zeros where masked. */
  readonly base64: string;
  /** What was masked, in bytes from the start of the token. */
  readonly masked: readonly FieldSpan[];
}

/** A token as plain data. Unless `responses` is `shown`, its secret fields are zeroed where they stand. */
export function traceToken(token: Uint8Array, responses: 'masked' | 'shown'): TracedToken {
  const { message, fields } = decodeToken(token);
  const isPublic = message === 'NEGOTIATE' || message === 'CHALLENGE';
  const bytes = Uint8Array.from(token);
  const masked: FieldSpan[] = [];
  for (const { name, offset, length } of responses === 'shown' ? [] : fields) {
    const secret = isSecretField(name) || isSealed(name) || (name === 'unread' && !isPublic);
    if (!secret || bytes.subarray(offset, offset + length).every((byte) => byte === 0)) continue;
    bytes.fill(0, offset, offset + length);
    masked.push({ name, offset, length });
  }
  return { message, base64: toBase64(bytes), masked };
}

/** The bytes of a traced token; empty where its base64 is none. */
export function tokenBytes({ base64 }: TracedToken): Uint8Array {
  return fromBase64(base64) ?? new Uint8Array(0);
}
