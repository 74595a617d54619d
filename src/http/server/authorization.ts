/** What a request brings along: a token, and which step of a negotiation it is. */
import { MessageType, isNtlmMessage } from '../../messages/header.ts';
import type { HttpScheme } from '../authentication/mechanism.ts';

export interface Authorization {
  readonly scheme: HttpScheme;
  /** `undefined` for a bare scheme; of no bytes where it is not base64. */
  readonly token: Uint8Array | undefined;
}

/** `undefined` where there is no header, or one of a scheme that is not offered here. */
export function readAuthorization(schemes: readonly HttpScheme[], header = ''): Authorization | undefined {
  const [, name = '', credentials = ''] = /^(\S+)\s*(.*)$/.exec(header) ?? [];
  const scheme = schemes.find((offered) => offered.toLowerCase() === name.toLowerCase());
  if (scheme === undefined) return undefined;
  if (credentials === '') return { scheme, token: undefined };
  const isBase64 = credentials.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(credentials);
  return { scheme, token: isBase64 ? new Uint8Array(Buffer.from(credentials, 'base64')) : new Uint8Array(0) };
}

const INITIAL_CONTEXT_TOKEN = 0x60; // RFC 2743 3.1, around a NegTokenInit
const NEG_TOKEN_RESP = 0xa1; // RFC 4178 4.2

/** Whether a token opens a negotiation or goes on with one; `other`: neither, under this scheme. */
export function stepOf({ token, scheme }: Authorization): 'first' | 'next' | 'other' {
  if (token === undefined) return 'other';
  if (isNtlmMessage(token)) {
    if (token.length < 12) return 'other';
    const type = new DataView(token.buffer, token.byteOffset).getUint32(8, true);
    return type === MessageType.NEGOTIATE ? 'first' : type === MessageType.AUTHENTICATE ? 'next' : 'other';
  }
  if (scheme === 'NTLM') return 'other';
  return token[0] === INITIAL_CONTEXT_TOKEN ? 'first' : token[0] === NEG_TOKEN_RESP ? 'next' : 'other';
}
