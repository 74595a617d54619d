import { DerElement } from '../../der.ts';
import { isNtlmMessage } from '../../messages/header.ts';
import { readInitialContextToken, type NegTokenInit, type NegTokenInit2 } from './neg-token-init.ts';
import { readNegTokenResp, type NegTokenResp } from './neg-token-resp.ts';
import { checked, TOKEN } from './token-origin.ts';

/** NTLMSSP without SPNEGO around it, as `Negotiate` may carry it (MS-NLMP 2.2, MS-SPNG 3.2.5.2). */
export interface RawNtlmssp {
  readonly type: 'raw-ntlmssp';
  /** The NTLM message. */
  readonly token: Uint8Array;
}

/** Whatever a `Negotiate` header, a SASL exchange or an SMB session setup brings. */
export type SpnegoToken = NegTokenInit | NegTokenInit2 | NegTokenResp | RawNtlmssp;

/** Whether the bytes begin as an NTLM message does: `NTLMSSP` and a zero. */
export function isRawNtlmssp(token: Uint8Array): boolean {
  return isNtlmMessage(token);
}

/**
 * A token of any kind, told apart by its first bytes. All bytes of the result are copies.
 * @throws NtlmError `malformed-token`; `mechanism-refused` for the first token of another mechanism, such as Kerberos
 */
export function decodeSpnegoToken(token: Uint8Array): SpnegoToken {
  checked(token, 'token');
  if (isRawNtlmssp(token)) return { type: 'raw-ntlmssp', token: Uint8Array.from(token) };
  const element = DerElement.decode(token, TOKEN);
  if (element.isApplication(0)) return readInitialContextToken(element);
  if (element.isContext(1)) return readNegTokenResp(element);
  throw element.malformed('is neither an InitialContextToken nor a NegTokenResp');
}
