/** One-way functions of a password (MS-NLMP 3.3.1, 3.3.2). Their results log on as well as the password does. */
import { clean } from '@noble/hashes/utils.js';
import { checkBytes, checkText } from '../checks.ts';
import { hmacMd5 } from './hmac-md5.ts';
import { md4 } from './md4.ts';
import { upperCase, utf16le } from './text.ts';

/**
 * NTOWFv1: the NT hash, `MD4(UNICODE(password))` (MS-NLMP 3.3.1).
 * @param password - any string, empty too
 * @returns 16 bytes
 * @throws NtlmError `invalid-argument` when it is not a string
 */
export function ntowfV1(password: string): Uint8Array<ArrayBuffer> {
  checkText('password', password, 'configure');
  const unicode = utf16le(password);
  const hash = md4(unicode);
  clean(unicode);
  return hash;
}

/**
 * NTOWFv2: `HMAC_MD5(NTOWFv1, UNICODE(UPPER(userName) || userDomain))` (MS-NLMP 3.3.2).
 * @param ntHash - 16 bytes of {@link ntowfV1}
 * @param userName - in any case
 * @param userDomain - exactly as AUTHENTICATE_MESSAGE carries it
 * @returns 16 bytes, the key of every NTLMv2 MAC
 * @throws NtlmError `invalid-argument`
 */
export function ntowfV2(ntHash: Uint8Array, userName: string, userDomain: string): Uint8Array<ArrayBuffer> {
  checkBytes('ntHash', ntHash, 'configure', 16);
  checkText('userName', userName, 'configure');
  checkText('userDomain', userDomain, 'configure');
  return hmacMd5(ntHash, utf16le(upperCase(userName) + userDomain));
}

/** LMOWFv2, which is {@link ntowfV2} (MS-NLMP 3.3.2). */
export const lmowfV2: typeof ntowfV2 = ntowfV2;
