/** The message integrity code over a whole exchange. */
import { checkBytes } from '../checks.ts';
import { HmacMd5Key } from './hmac-md5.ts';

/**
 * MIC, `HMAC_MD5(ExportedSessionKey, NEGOTIATE || CHALLENGE || AUTHENTICATE)` (MS-NLMP 3.1.5.1.2).
 * @param exportedSessionKey - 16 bytes
 * @param negotiate - NEGOTIATE_MESSAGE as sent; empty in a connectionless exchange
 * @param challenge - CHALLENGE_MESSAGE as received
 * @param authenticate - AUTHENTICATE_MESSAGE as sent, its MIC field zeroed
 * @returns 16 bytes
 * @throws NtlmError `invalid-argument`
 */
export function mic(
  exportedSessionKey: Uint8Array,
  negotiate: Uint8Array,
  challenge: Uint8Array,
  authenticate: Uint8Array,
): Uint8Array<ArrayBuffer> {
  checkBytes('exportedSessionKey', exportedSessionKey, 'authenticate', 16);
  checkBytes('negotiate', negotiate, 'authenticate');
  checkBytes('challenge', challenge, 'authenticate');
  checkBytes('authenticate', authenticate, 'authenticate');
  const keyed = new HmacMd5Key(exportedSessionKey);
  try {
    return keyed.mac(negotiate, challenge, authenticate);
  } finally {
    keyed.destroy();
  }
}
