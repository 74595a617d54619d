/** What a request brings along: a token, and which step of a negotiation it is. */
import { NtlmError } from '../../errors.ts';
import { MessageType } from '../../messages/header.ts';
import { isRawKerberos } from '../../spnego/acceptor/kerberos.ts';
import { MechType } from '../../spnego/messages/mech-types.ts';
import { decodeSpnegoToken, isRawNtlmssp, type SpnegoToken } from '../../spnego/messages/spnego-token.ts';
import type { HttpScheme } from '../authentication/schemes.ts';

export interface Authorization {
  readonly scheme: HttpScheme;
  /** `undefined` for a bare scheme; of no bytes where it is not base64. */
  readonly token: Uint8Array | undefined;
}

/** `undefined` where there is no header, or one of a scheme that is not offered here. */
export function readAuthorization(schemes: readonly HttpScheme[], header = ''): Authorization | undefined {
  const [, name = '', credentials = ''] = /^(\S+)\s*(.*)/.exec(header) ?? [];
  const scheme = schemes.find((offered) => offered.toLowerCase() === name.toLowerCase());
  if (scheme === undefined) return undefined;
  if (credentials === '') return { scheme, token: undefined };
  const isBase64 = credentials.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(credentials);
  return { scheme, token: isBase64 ? new Uint8Array(Buffer.from(credentials, 'base64')) : new Uint8Array(0) };
}

/** What a token is, under its scheme: it opens a negotiation, goes on with one, or is refused at once. */
export type Step = { readonly kind: 'first' | 'next' } | { readonly kind: 'other'; readonly error: NtlmError };

/**
 * Windows takes NTLM messages of 2888 bytes (cbMaxToken of its package), names of 255 characters included. What is
 * longer has something else in mind.
 */
const MAX_NTLM_MESSAGE = 8192;
const NO_BYTES = new Uint8Array(0);

/** Looks at the envelope alone, so that nonsense costs no handshake. `kerberos`: whether somebody takes tickets here. */
export function stepOf(token: Uint8Array, scheme: HttpScheme, kerberos: boolean): Step {
  let decoded: SpnegoToken;
  try {
    if (scheme === 'NTLM' && !isRawNtlmssp(token)) return { kind: 'other', error: malformed('the token is no NTLM message') };
    if (kerberos && isRawKerberos(token)) return { kind: 'first' };
    decoded = decodeSpnegoToken(token);
  } catch (error) {
    if (error instanceof NtlmError && error.side === 'peer') return { kind: 'other', error };
    throw error;
  }
  if (decoded.type === 'resp') return kerberos && !isRawNtlmssp(decoded.responseToken ?? NO_BYTES) ? { kind: 'next' } : messageStep(decoded.responseToken, 'next');
  if (decoded.type === 'raw-ntlmssp') return rawStep(decoded.token);
  return decoded.mechTypes[0] === MechType.NTLMSSP ? messageStep(decoded.mechToken, 'first') : { kind: 'first' };
}

function rawStep(message: Uint8Array): Step {
  const type = message.length < 12 ? 0 : new DataView(message.buffer, message.byteOffset).getUint32(8, true);
  if (type === MessageType.NEGOTIATE) return messageStep(message, 'first');
  if (type === MessageType.AUTHENTICATE) return messageStep(message, 'next');
  return { kind: 'other', error: malformed('the token is not an NTLM message of a client') };
}

function messageStep(message: Uint8Array | undefined, kind: 'first' | 'next'): Step {
  if ((message?.length ?? 0) <= MAX_NTLM_MESSAGE) return { kind };
  return { kind: 'other', error: malformed(`the NTLM message is longer than ${MAX_NTLM_MESSAGE} bytes`) };
}

function malformed(message: string): NtlmError {
  return new NtlmError(message, { code: 'malformed-token', phase: 'authenticate', side: 'peer' });
}
