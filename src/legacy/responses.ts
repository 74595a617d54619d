/** NTLMv1 in its variants (MS-NLMP 3.3.1). Challenges are 8 bytes, responses 24, hashes 16. All fall to a search. */
import { md5 } from '@noble/hashes/legacy.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { checkBytes } from '../checks.ts';
import { desl } from '../crypto/des.ts';
import type { ResponseFields } from '../crypto/legacy-policy.ts';

const PHASE = 'authenticate';

/**
 * The LMv1 response, `DESL(LMOWFv1, serverChallenge)` (MS-NLMP 3.3.1). Weak: reveals the LM hash to a search.
 * @returns 24 bytes
 * @throws NtlmError `invalid-argument` for other sizes
 */
export function lmV1Response(lmHash: Uint8Array, serverChallenge: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes('lmHash', lmHash, PHASE, 16);
  checkBytes('serverChallenge', serverChallenge, PHASE, 8);
  return desl(lmHash, serverChallenge);
}

/**
 * The NTLMv1 response, `DESL(NTOWFv1, serverChallenge)` (MS-NLMP 3.3.1). Weak: reveals the NT hash to a search.
 * @returns 24 bytes
 * @throws NtlmError `invalid-argument` for other sizes
 */
export function ntlmV1Response(ntHash: Uint8Array, serverChallenge: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes('ntHash', ntHash, PHASE, 16);
  checkBytes('serverChallenge', serverChallenge, PHASE, 8);
  return desl(ntHash, serverChallenge);
}

/**
 * NTLMv1 with extended session security, "NTLM2 session" (MS-NLMP 3.3.1): the NT response hashes both
 * challenges, the LM field carries the client's.
 * @returns two fields of 24 bytes
 * @throws NtlmError `invalid-argument` for other sizes
 */
export function ntlm2SessionResponse(
  ntHash: Uint8Array,
  serverChallenge: Uint8Array,
  clientChallenge: Uint8Array,
): ResponseFields {
  checkBytes('ntHash', ntHash, PHASE, 16);
  checkBytes('serverChallenge', serverChallenge, PHASE, 8);
  checkBytes('clientChallenge', clientChallenge, PHASE, 8);
  const sessionHash = md5(concatBytes(serverChallenge, clientChallenge)).subarray(0, 8);
  const lm = new Uint8Array(24);
  lm.set(clientChallenge);
  return { nt: desl(ntHash, sessionHash), lm };
}
