/**
 * Tokens of a real realm, `CASTLE.EXAMPLE`, whose KDC lived while `kerberos/make.py` ran: MIT krb5 1.20.1, python3-gssapi
 * 1.8.2. The user is alice, the service HTTP/keep.castle.example; passwords are in that file, keys were random.
 */
import { hex } from '../support/bytes.ts';
import { MADE, TOKENS } from './kerberos-tokens.ts';

export type KerberosTokenName = keyof typeof TOKENS;
export const kerberosNames = Object.keys(TOKENS) as readonly KerberosTokenName[];

/** When, in milliseconds since 1970. */
export const kerberosMade = Date.parse(MADE);

export function kerberosToken(name: KerberosTokenName): Uint8Array {
  return hex(TOKENS[name]);
}
