/**
 * HMAC-MD5 (RFC 2104), the one MAC of NTLMv2. MD5's collisions do not reach HMAC (RFC 6151), its age does.
 * All HMAC-MD5 of this library goes through this file.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { md5 } from '@noble/hashes/legacy.js';
import { NtlmError } from '../errors.ts';
import { checkBytes } from './_arguments.ts';

/** Cloning a keyed state into this one costs a third of keying it again; finalizing wipes it. */
const SCRATCH = /* @__PURE__ */ hmac.create(md5, /* @__PURE__ */ new Uint8Array(0));

/** `HMAC_MD5(key, …)` for many messages under one key (MS-NLMP 6): the key is hashed once and not kept. */
export class HmacMd5Key {
  readonly #keyed: ReturnType<typeof hmac.create>;
  #destroyed = false;

  /**
   * @param key - any number of bytes; NTLM's are 16
   * @throws {@link NtlmError} `invalid-argument` when it is not bytes
   */
  constructor(key: Uint8Array) {
    checkBytes(key, 'key');
    this.#keyed = hmac.create(md5, key);
  }

  /**
   * The MAC of the parts, one after the other.
   * @returns 16 bytes
   * @throws {@link NtlmError} `invalid-argument` when a part is not bytes; `unexpected-call` after {@link destroy}
   */
  digest(...parts: readonly Uint8Array[]): Uint8Array {
    if (this.#destroyed) {
      throw new NtlmError('the HMAC-MD5 key was destroyed', {
        code: 'unexpected-call',
        phase: 'authenticate',
        side: 'local',
      });
    }
    for (const part of parts) checkBytes(part, 'parts');
    this.#keyed._cloneInto(SCRATCH);
    for (const part of parts) SCRATCH.update(part);
    return SCRATCH.digest();
  }

  /** Zeroes the keyed state. */
  destroy(): void {
    this.#keyed.destroy();
    this.#destroyed = true;
  }
}

/**
 * `HMAC_MD5(key, parts…)`, once.
 * @param key - any number of bytes
 * @returns 16 bytes
 * @throws {@link NtlmError} `invalid-argument` when an argument is not bytes
 */
export function hmacMd5(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  checkBytes(key, 'key');
  for (const part of parts) checkBytes(part, 'parts');
  const mac = hmac.create(md5, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
