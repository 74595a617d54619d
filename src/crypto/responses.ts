/** Responses to a server's challenge (MS-NLMP 3.3.2). Challenges are 8 bytes. */
import { concatBytes } from '@noble/hashes/utils.js';
import { invalidArgument } from '../errors.ts';
import { checkBytes } from '../checks.ts';
import { HmacMd5Key } from './hmac-md5.ts';

const PHASE = 'authenticate';

/** Asserts that `responseKey` is the keyed state of {@link ntowfV2}'s result, and not the bytes themselves. */
export function checkResponseKey(responseKey: HmacMd5Key): void {
  if (!(responseKey instanceof HmacMd5Key)) throw invalidArgument('responseKey', 'must be a HmacMd5Key', PHASE);
}

/**
 * The LMv2 response, `HMAC_MD5(NTOWFv2, serverChallenge || clientChallenge) || clientChallenge` (MS-NLMP 3.3.2).
 * @param responseKey - keyed with {@link ntowfV2}'s result
 * @returns 24 bytes
 * @throws NtlmError `invalid-argument` for other shapes
 */
export function lmV2Response(
  responseKey: HmacMd5Key,
  serverChallenge: Uint8Array,
  clientChallenge: Uint8Array,
): Uint8Array<ArrayBuffer> {
  checkResponseKey(responseKey);
  checkBytes('serverChallenge', serverChallenge, PHASE, 8);
  checkBytes('clientChallenge', clientChallenge, PHASE, 8);
  return concatBytes(responseKey.mac(serverChallenge, clientChallenge), clientChallenge);
}

/**
 * NTProofStr, `HMAC_MD5(NTOWFv2, serverChallenge || temp)` (MS-NLMP 3.3.2). The NTLMv2 response is it and `temp`.
 * @param responseKey - keyed with {@link ntowfV2}'s result
 * @param temp - the NTLMv2_CLIENT_CHALLENGE and what follows it, exactly as sent (MS-NLMP 2.2.2.7)
 * @returns 16 bytes
 * @throws NtlmError `invalid-argument` for other shapes
 */
export function ntProofStr(responseKey: HmacMd5Key, serverChallenge: Uint8Array, temp: Uint8Array): Uint8Array<ArrayBuffer> {
  checkResponseKey(responseKey);
  checkBytes('serverChallenge', serverChallenge, PHASE, 8);
  checkBytes('temp', temp, PHASE);
  return responseKey.mac(serverChallenge, temp);
}
