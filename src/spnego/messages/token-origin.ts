import { isBytes } from '@noble/hashes/utils.js';
import { context, OCTET_STRING, primitive, type DerNode, type DerOrigin } from '../../der.ts';
import { invalidArgument } from '../../errors.ts';

/** Every malformed token is the other end's. */
export const TOKEN: DerOrigin = { what: 'SPNEGO token', phase: 'spnego', side: 'peer' };

export function checkBytes(value: Uint8Array, argument: string): Uint8Array {
  if (!isBytes(value)) throw invalidArgument(argument, 'must be a Uint8Array', 'spnego');
  return value;
}

/** An optional OCTET STRING under its explicit tag: one node or none. */
export function octetStringField(tag: number, value: Uint8Array | undefined, argument: string): readonly DerNode[] {
  return value === undefined ? [] : [context(tag, primitive(OCTET_STRING, checkBytes(value, argument)))];
}
