import { DerElement, OBJECT_IDENTIFIER } from '../../der.ts';
import { TOKEN } from './token-origin.ts';

/** The first token of a mechanism, taken out of its frame (RFC 2743 3.1). */
export interface GssToken {
  /** Whose it is, a dotted object identifier. */
  readonly mechanism: string;
  /** What the mechanism itself has put there; Kerberos begins it with two bytes that tell the message (RFC 4121 4.1). */
  readonly body: Uint8Array;
  /** Of the body: bytes from the start of the token. */
  readonly offset: number;
}

/** @throws NtlmError `malformed-token` */
export function decodeGssToken(token: Uint8Array): GssToken {
  const frame = DerElement.decode(token, TOKEN);
  if (!frame.isApplication(0)) throw frame.malformed('is not an InitialContextToken');
  const [thisMech] = frame.elements(); // what follows is no DER in most mechanisms
  if (thisMech === undefined || !thisMech.isUniversal(OBJECT_IDENTIFIER)) throw frame.malformed('names no mechanism');
  const mechanism = thisMech.objectIdentifier();
  const offset = thisMech.offset + thisMech.bytes.length;
  return { mechanism, body: token.slice(offset), offset };
}
