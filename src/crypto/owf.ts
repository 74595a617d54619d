/** One-way functions of a password (MS-NLMP 3.3.1, 3.3.2). Their results log on as well as the password does. */
import { clean } from '@noble/hashes/utils.js';
import { NtlmError } from '../errors.ts';
import { checkBytes, checkString } from './_arguments.ts';
import { desBlock } from './des.ts';
import { hmacMd5 } from './hmac-md5.ts';
import { md4 } from './md4.ts';
import { upperCase, utf16le } from './text.ts';

/** `KGS!@#$%`, what LMOWFv1 encrypts. */
const LM_CONSTANT = /* @__PURE__ */ Uint8Array.from([0x4b, 0x47, 0x53, 0x21, 0x40, 0x23, 0x24, 0x25]);

/**
 * LMOWFv1: the LM hash (MS-NLMP 3.3.1).
 * @param password - at most 14 ASCII characters: longer ones have no LM hash, others depend on an OEM code page
 * @returns 16 bytes
 * @throws {@link NtlmError} `credentials-unsuitable` for any other password; `invalid-argument` for no string
 */
export function lmowfV1(password: string): Uint8Array {
  checkString(password, 'password');
  if (password.length > 14 || /[^\0-\x7f]/.test(password)) {
    throw new NtlmError('"password" has no LM hash: that takes at most 14 ASCII characters', {
      code: 'credentials-unsuitable',
      phase: 'configure',
      side: 'local',
    });
  }
  const padded = new Uint8Array(14);
  const upper = upperCase(password);
  for (let i = 0; i < upper.length; i++) padded[i] = upper.charCodeAt(i);
  const hash = new Uint8Array(16);
  hash.set(desBlock(padded.subarray(0, 7), LM_CONSTANT));
  hash.set(desBlock(padded.subarray(7), LM_CONSTANT), 8);
  clean(padded);
  return hash;
}

/**
 * NTOWFv1: the NT hash, `MD4(UNICODE(password))` (MS-NLMP 3.3.1).
 * @param password - any string, empty too
 * @returns 16 bytes
 * @throws {@link NtlmError} `invalid-argument` when it is not a string
 */
export function ntowfV1(password: string): Uint8Array {
  checkString(password, 'password');
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
 * @throws {@link NtlmError} `invalid-argument`
 */
export function ntowfV2(ntHash: Uint8Array, userName: string, userDomain: string): Uint8Array {
  checkBytes(ntHash, 'ntHash', 16);
  checkString(userName, 'userName');
  checkString(userDomain, 'userDomain');
  return hmacMd5(ntHash, utf16le(upperCase(userName) + userDomain));
}

/** LMOWFv2, which is {@link ntowfV2} (MS-NLMP 3.3.2). */
export const lmowfV2: typeof ntowfV2 = ntowfV2;
