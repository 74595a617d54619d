/** Session keys of NTLMv1 in its variants (MS-NLMP 3.3.1, 3.4.5.1). All keys are 16 bytes. */
import { clean, concatBytes } from '@noble/hashes/utils.js';
import { checkBytes } from '../checks.ts';
import { desBlock } from '../crypto/des.ts';
import { hmacMd5 } from '../crypto/hmac-md5.ts';
import { md4 } from '../crypto/md4.ts';
import { invalidArgument, localError } from '../errors.ts';
import { NegotiateFlags as F } from '../messages/flags.ts';

/**
 * SessionBaseKey of NTLMv1 in all its variants, `MD4(NTOWFv1)` (MS-NLMP 3.3.1).
 * @param ntHash - 16 bytes
 * @throws NtlmError `invalid-argument`
 */
export function sessionBaseKeyV1(ntHash: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes('ntHash', ntHash, 'configure', 16);
  return md4(ntHash);
}

/** What KXKEY needs of an NTLMv1 exchange. */
export interface KxKeyNtlmV1 {
  /** The LM response as sent, 24 bytes; with extended session security it starts with the client challenge. */
  readonly lmChallengeResponse: Uint8Array;
  /** 8 bytes. */
  readonly serverChallenge: Uint8Array;
  /** LMOWFv1, 16 bytes: needed with LM_KEY and NON_NT_SESSION_KEY. */
  readonly lmHash?: Uint8Array | undefined;
}

/**
 * KXKEY: the KeyExchangeKey (MS-NLMP 3.4.5.1).
 * @param flags - the negotiated NegotiateFlags
 * @param sessionBaseKey - 16 bytes
 * @param ntlmV1 - left out for NTLMv2, whose KeyExchangeKey is the SessionBaseKey
 * @throws NtlmError `invalid-argument`; `credentials-unsuitable` when the flags ask for a missing LM hash
 */
export function kxKey(flags: number, sessionBaseKey: Uint8Array, ntlmV1?: KxKeyNtlmV1): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(flags)) throw invalidArgument('flags', 'must be a 32-bit integer');
  checkBytes('sessionBaseKey', sessionBaseKey, 'configure', 16);
  if (ntlmV1 === undefined) return Uint8Array.from(sessionBaseKey);
  const { lmChallengeResponse, serverChallenge, lmHash } = ntlmV1;
  checkBytes('lmChallengeResponse', lmChallengeResponse, 'configure', 24);
  checkBytes('serverChallenge', serverChallenge, 'configure', 8);
  const response = lmChallengeResponse.subarray(0, 8);
  if (flags & F.NEGOTIATE_EXTENDED_SESSIONSECURITY) return hmacMd5(sessionBaseKey, serverChallenge, response);
  if (flags & F.NEGOTIATE_LM_KEY) {
    const key = new Uint8Array(14).fill(0xbd);
    key.set(requireLmHash(lmHash).subarray(0, 8));
    const exchangeKey = concatBytes(desBlock(key.subarray(0, 7), response), desBlock(key.subarray(7), response));
    clean(key);
    return exchangeKey;
  }
  if (flags & F.REQUEST_NON_NT_SESSION_KEY) {
    const exchangeKey = new Uint8Array(16);
    exchangeKey.set(requireLmHash(lmHash).subarray(0, 8));
    return exchangeKey;
  }
  return Uint8Array.from(sessionBaseKey);
}

/** @throws NtlmError `credentials-unsuitable` where there is none. */
export function requireLmHash(lmHash: Uint8Array | undefined): Uint8Array {
  if (lmHash === undefined) {
    throw localError(
      'this needs credentials with an LM hash: "credentialsWithLmHash" of ntlmachine/legacy makes them of a password',
      'credentials-unsuitable',
      'authenticate',
    );
  }
  checkBytes('lmHash', lmHash, 'configure', 16);
  return lmHash;
}
