/** Responses to a server's challenge (MS-NLMP 3.3.1, 3.3.2). Challenges are 8 bytes, responses 24, hashes 16. */
import { md5 } from '@noble/hashes/legacy.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { invalidArgument } from '../errors.ts';
import { checkBytes } from './_arguments.ts';
import { desl } from './des.ts';
import { HmacMd5Key } from './hmac-md5.ts';

const PHASE = 'authenticate';

/** Asserts that `responseKey` is the keyed state of {@link ntowfV2}'s result, and not the bytes themselves. */
export function checkResponseKey(responseKey: HmacMd5Key): void {
  if (!(responseKey instanceof HmacMd5Key)) throw invalidArgument('responseKey', 'must be a HmacMd5Key', PHASE);
}

/**
 * The LMv1 response, `DESL(LMOWFv1, serverChallenge)` (MS-NLMP 3.3.1). Weak: reveals the LM hash to a search.
 * @returns 24 bytes
 * @throws {@link NtlmError} `invalid-argument` for other sizes
 */
export function lmV1Response(lmHash: Uint8Array, serverChallenge: Uint8Array): Uint8Array {
  checkBytes(lmHash, 'lmHash', 16, PHASE);
  checkBytes(serverChallenge, 'serverChallenge', 8, PHASE);
  return desl(lmHash, serverChallenge);
}

/**
 * The NTLMv1 response, `DESL(NTOWFv1, serverChallenge)` (MS-NLMP 3.3.1). Weak: reveals the NT hash to a search.
 * @returns 24 bytes
 * @throws {@link NtlmError} `invalid-argument` for other sizes
 */
export function ntlmV1Response(ntHash: Uint8Array, serverChallenge: Uint8Array): Uint8Array {
  checkBytes(ntHash, 'ntHash', 16, PHASE);
  checkBytes(serverChallenge, 'serverChallenge', 8, PHASE);
  return desl(ntHash, serverChallenge);
}

/**
 * NTLMv1 with extended session security, "NTLM2 session" (MS-NLMP 3.3.1): the NT response hashes both
 * challenges, the LM field carries the client's.
 * @returns two fields of 24 bytes
 * @throws {@link NtlmError} `invalid-argument` for other sizes
 */
export function ntlm2SessionResponse(
  ntHash: Uint8Array,
  serverChallenge: Uint8Array,
  clientChallenge: Uint8Array,
): { nt: Uint8Array; lm: Uint8Array } {
  checkBytes(ntHash, 'ntHash', 16, PHASE);
  checkBytes(serverChallenge, 'serverChallenge', 8, PHASE);
  checkBytes(clientChallenge, 'clientChallenge', 8, PHASE);
  const sessionHash = md5(concatBytes(serverChallenge, clientChallenge)).subarray(0, 8);
  const lm = new Uint8Array(24);
  lm.set(clientChallenge);
  return { nt: desl(ntHash, sessionHash), lm };
}

/**
 * The LMv2 response, `HMAC_MD5(NTOWFv2, serverChallenge || clientChallenge) || clientChallenge` (MS-NLMP 3.3.2).
 * @param responseKey - keyed with {@link ntowfV2}'s result
 * @returns 24 bytes
 * @throws {@link NtlmError} `invalid-argument` for other shapes
 */
export function lmV2Response(
  responseKey: HmacMd5Key,
  serverChallenge: Uint8Array,
  clientChallenge: Uint8Array,
): Uint8Array {
  checkResponseKey(responseKey);
  checkBytes(serverChallenge, 'serverChallenge', 8, PHASE);
  checkBytes(clientChallenge, 'clientChallenge', 8, PHASE);
  return concatBytes(responseKey.digest(serverChallenge, clientChallenge), clientChallenge);
}

/**
 * NTProofStr, `HMAC_MD5(NTOWFv2, serverChallenge || temp)` (MS-NLMP 3.3.2). The NTLMv2 response is it and `temp`.
 * @param responseKey - keyed with {@link ntowfV2}'s result
 * @param temp - the NTLMv2_CLIENT_CHALLENGE and what follows it, exactly as sent (MS-NLMP 2.2.2.7)
 * @returns 16 bytes
 * @throws {@link NtlmError} `invalid-argument` for other shapes
 */
export function ntProofStr(responseKey: HmacMd5Key, serverChallenge: Uint8Array, temp: Uint8Array): Uint8Array {
  checkResponseKey(responseKey);
  checkBytes(serverChallenge, 'serverChallenge', 8, PHASE);
  checkBytes(temp, 'temp', undefined, PHASE);
  return responseKey.digest(serverChallenge, temp);
}
