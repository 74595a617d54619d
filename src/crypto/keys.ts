/** Session keys: base, export, signing and sealing (MS-NLMP 3.3.2, 3.4.5). All keys are 16 bytes. */
import { md5 } from '@noble/hashes/legacy.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { invalidArgument, type NtlmErrorPhase } from '../errors.ts';
import { checkBytes } from '../checks.ts';
import type { HmacMd5Key } from './hmac-md5.ts';
import { rc4k } from './rc4.ts';
import { checkResponseKey } from './responses.ts';

// NegotiateFlags that choose between keys (MS-NLMP 2.2.2.5).
const NEGOTIATE_DATAGRAM = 0x00000040;
const NEGOTIATE_LM_KEY = 0x00000080;
const NEGOTIATE_EXTENDED_SESSIONSECURITY = 0x00080000;
const NEGOTIATE_128 = 0x20000000;
const NEGOTIATE_56 = 0x80000000;

/** Whose messages a key signs or seals. */
export type Side = 'client' | 'server';

const MAGIC = /* @__PURE__ */ (() => ({
  client: {
    sign: utf8ToBytes('session key to client-to-server signing key magic constant\0'),
    seal: utf8ToBytes('session key to client-to-server sealing key magic constant\0'),
  },
  server: {
    sign: utf8ToBytes('session key to server-to-client signing key magic constant\0'),
    seal: utf8ToBytes('session key to server-to-client sealing key magic constant\0'),
  },
}))();

/**
 * SessionBaseKey of NTLMv2, `HMAC_MD5(NTOWFv2, NTProofStr)` (MS-NLMP 3.3.2), which is its KeyExchangeKey too (3.4.5.1).
 * @param responseKey - keyed with the result of `ntowfV2`
 * @param proof - 16 bytes of `ntProofStr`
 * @throws NtlmError `invalid-argument`
 */
export function sessionBaseKeyV2(responseKey: HmacMd5Key, proof: Uint8Array): Uint8Array<ArrayBuffer> {
  checkResponseKey(responseKey);
  checkBytes('proof', proof, 'configure', 16);
  return responseKey.digest(proof);
}

/**
 * EncryptedRandomSessionKey, `RC4K(KeyExchangeKey, ExportedSessionKey)` (MS-NLMP 3.1.5.1.2, 3.4.5.1).
 * @param keyExchangeKey - 16 bytes
 * @param exportedSessionKey - 16 random bytes
 * @throws NtlmError `invalid-argument`
 */
export function encryptRandomSessionKey(keyExchangeKey: Uint8Array, exportedSessionKey: Uint8Array): Uint8Array {
  checkBytes('keyExchangeKey', keyExchangeKey, 'configure', 16);
  checkBytes('exportedSessionKey', exportedSessionKey, 'configure', 16);
  return rc4k(keyExchangeKey, exportedSessionKey);
}

/** ExportedSessionKey out of an EncryptedRandomSessionKey (MS-NLMP 3.2.5.1.2): the server's way back. */
export function decryptRandomSessionKey(keyExchangeKey: Uint8Array, encryptedRandomSessionKey: Uint8Array): Uint8Array {
  checkBytes('keyExchangeKey', keyExchangeKey, 'configure', 16);
  checkBytes('encryptedRandomSessionKey', encryptedRandomSessionKey, 'configure', 16);
  return rc4k(keyExchangeKey, encryptedRandomSessionKey);
}

/**
 * SIGNKEY (MS-NLMP 3.4.5.2). Exists with extended session security only.
 * @param exportedSessionKey - 16 bytes
 * @param side - whose messages it signs
 * @throws NtlmError `invalid-argument`
 */
export function signKey(exportedSessionKey: Uint8Array, side: Side): Uint8Array<ArrayBuffer> {
  checkBytes('exportedSessionKey', exportedSessionKey, 'session', 16);
  return md5(concatBytes(exportedSessionKey, magic(side).sign));
}

/**
 * SEALKEY (MS-NLMP 3.4.5.3), weakened to 56 or 40 bits unless the flags say 128.
 * @param flags - the negotiated NegotiateFlags
 * @param exportedSessionKey - 16 bytes
 * @param side - whose messages it seals; without extended session security both sides share one key
 * @returns 16 bytes, or 8 with LM_KEY or DATAGRAM and no extended session security
 * @throws NtlmError `invalid-argument`
 */
export function sealKey(flags: number, exportedSessionKey: Uint8Array, side: Side): Uint8Array<ArrayBuffer> {
  checkFlags(flags, 'session');
  checkBytes('exportedSessionKey', exportedSessionKey, 'session', 16);
  const { seal } = magic(side);
  if (flags & NEGOTIATE_EXTENDED_SESSIONSECURITY) {
    const strength = flags & NEGOTIATE_128 ? 16 : flags & NEGOTIATE_56 ? 7 : 5;
    return md5(concatBytes(exportedSessionKey.subarray(0, strength), seal));
  }
  if (flags & (NEGOTIATE_LM_KEY | NEGOTIATE_DATAGRAM)) {
    return flags & NEGOTIATE_56
      ? concatBytes(exportedSessionKey.subarray(0, 7), Uint8Array.of(0xa0))
      : concatBytes(exportedSessionKey.subarray(0, 5), Uint8Array.of(0xe5, 0x38, 0xb0));
  }
  return Uint8Array.from(exportedSessionKey);
}

function magic(side: Side): (typeof MAGIC)[Side] {
  if (side !== 'client' && side !== 'server') throw invalidArgument('side', "must be 'client' or 'server'", 'session');
  return MAGIC[side];
}

function checkFlags(flags: number, phase?: NtlmErrorPhase): void {
  if (!Number.isInteger(flags)) throw invalidArgument('flags', 'must be a 32-bit integer', phase);
}
