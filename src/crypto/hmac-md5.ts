/**
 * HMAC-MD5 (RFC 2104), the one MAC of NTLMv2. MD5's collisions do not reach HMAC (RFC 6151), its age does.
 * All HMAC-MD5 of this library goes through this file.
 */
import { keyedHmacMd5 } from '#hmac-md5';
import { localError } from '../errors.ts';
import { checkBytes } from '../checks.ts';
import type { KeyedHmacMd5 } from './_hmac-md5.ts';

/** `HMAC_MD5(key, …)` for many messages under one key (MS-NLMP 6). */
export class HmacMd5Key {
  readonly #keyed: KeyedHmacMd5;
  #destroyed = false;

  /**
   * @param key - any number of bytes; NTLM's are 16
   * @throws NtlmError `invalid-argument` when it is not bytes
   */
  constructor(key: Uint8Array) {
    checkBytes('key', key, 'configure');
    this.#keyed = keyedHmacMd5(key);
  }

  /**
   * The MAC of the parts, one after the other; it may be a key.
   * @returns 16 bytes
   * @throws NtlmError `invalid-argument` when a part is not bytes; `unexpected-call` after {@link destroy};
   * `unsupported` where the platform refuses MD5
   */
  digest(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    return this.#usable(parts).digest(parts);
  }

  /** The same for a MAC that goes out in the clear: NTProofStr, LMv2, MIC. No key, for it may leave copies behind. */
  mac(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    return this.#usable(parts).mac(parts);
  }

  /** Zeroes the keyed state. */
  destroy(): void {
    this.#keyed.destroy();
    this.#destroyed = true;
  }

  #usable(parts: readonly Uint8Array[]): KeyedHmacMd5 {
    if (this.#destroyed) {
      throw localError('the HMAC-MD5 key was destroyed', 'unexpected-call', 'authenticate');
    }
    for (const part of parts) checkBytes('parts', part, 'configure');
    return this.#keyed;
  }
}

/**
 * `HMAC_MD5(key, parts…)`, once.
 * @param key - any number of bytes
 * @returns 16 bytes
 * @throws NtlmError as {@link HmacMd5Key}
 */
export function hmacMd5(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const keyed = new HmacMd5Key(key);
  try {
    return keyed.digest(...parts);
  } finally {
    keyed.destroy();
  }
}
