import { checkBytes } from '../../checks.ts';
import { context, OCTET_STRING, primitive, type DerNode, type DerOrigin } from '../../der.ts';

/** Every malformed token is the other end's. */
export const TOKEN: DerOrigin = { what: 'SPNEGO token', phase: 'spnego', side: 'peer' };

export function checked(value: Uint8Array, argument: string): Uint8Array {
  checkBytes(argument, value, 'spnego');
  return value;
}

/** An optional OCTET STRING under its explicit tag: one node or none. */
export function octetStringField(tag: number, value: Uint8Array | undefined, argument: string): readonly DerNode[] {
  return value === undefined ? [] : [context(tag, primitive(OCTET_STRING, checked(value, argument)))];
}
