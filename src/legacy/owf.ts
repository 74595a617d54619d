/** The LM hash of a password (MS-NLMP 3.3.1), and credentials that hold it. */
import { clean } from '@noble/hashes/utils.js';
import { checkObject, checkText } from '../checks.ts';
import { Credentials, type PasswordCredentials } from '../crypto/credentials.ts';
import { desBlock } from '../crypto/des.ts';
import { ntowfV1 } from '../crypto/owf.ts';
import { upperCase } from '../crypto/text.ts';
import { localError } from '../errors.ts';

/** `KGS!@#$%`, what LMOWFv1 encrypts. */
const LM_CONSTANT = /* @__PURE__ */ Uint8Array.from([0x4b, 0x47, 0x53, 0x21, 0x40, 0x23, 0x24, 0x25]);

/**
 * LMOWFv1: the LM hash (MS-NLMP 3.3.1).
 * @param password - at most 14 ASCII characters: longer ones have no LM hash, others depend on an OEM code page
 * @returns 16 bytes
 * @throws NtlmError `credentials-unsuitable` for any other password; `invalid-argument` for no string
 */
export function lmowfV1(password: string): Uint8Array<ArrayBuffer> {
  checkText('password', password, 'configure');
  if (password.length > 14 || /[^\0-\x7f]/.test(password)) {
    throw localError('"password" has no LM hash: that takes at most 14 ASCII characters', 'credentials-unsuitable', 'configure');
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
 * Credentials of an account and its password that hold the LM hash beside the NT hash: policies `lm` and
 * `lmAndNtlmv1` answer with it, and an acceptor checks an LM response against it.
 * @throws NtlmError `credentials-unsuitable` for a password that has no LM hash; else as `Credentials.fromNtHash`
 */
export function credentialsWithLmHash(options: Omit<PasswordCredentials, 'lmHash'>): Credentials {
  checkObject('options', options);
  const { username, domain, password } = options;
  const [lmHash, ntHash] = [lmowfV1(password), ntowfV1(password)];
  try {
    return Credentials.fromNtHash({ username, domain, ntHash, lmHash });
  } finally {
    clean(ntHash, lmHash);
  }
}
