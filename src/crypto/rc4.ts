/**
 * RC4 legacy stream cipher. Its keystream is biased and every key must be used once: MS-NLMP's session key
 * exchange and sealing need it, nothing else should.
 */
import { clean } from '@noble/hashes/utils.js';
import { invalidArgument, localError } from '../errors.ts';
import { checkBytes } from '../checks.ts';
import { outputFor, legacyCipher } from './_cipher.ts';

/** A running RC4 keystream: what `RC4Init` makes and `RC4` advances in MS-NLMP 6 and 3.4. */
export class RC4 {
  readonly #state = new Uint8Array(256);
  #i = 0;
  #j = 0;
  #destroyed = false;

  /**
   * @param key - 1 to 256 bytes; NTLM's are 16, or 8 without extended session security (MS-NLMP 3.4.5.3)
   * @throws NtlmError `invalid-argument` for another size
   */
  constructor(key: Uint8Array) {
    checkBytes('key', key, 'configure');
    if (key.length < 1 || key.length > 256) throw invalidArgument('key', 'must be 1 to 256 bytes');
    const state = this.#state;
    for (let i = 0; i < 256; i++) state[i] = i;
    for (let i = 0, j = 0, k = 0; i < 256; i++, k++) {
      if (k === key.length) k = 0;
      const s = state[i]!;
      j = (j + s + key[k]!) & 0xff;
      state[i] = state[j]!;
      state[j] = s;
    }
  }

  /**
   * Encrypts or decrypts the next bytes of the stream.
   * @param data - any number of bytes
   * @param output - where to write, as long as `data`; may be `data` itself. A new array by default.
   * @returns `output`
   * @throws NtlmError `invalid-argument`; `session-unavailable` after {@link destroy}
   */
  process(data: Uint8Array, output?: Uint8Array): Uint8Array {
    checkBytes('data', data, 'configure');
    this.#assertUsable();
    const out = outputFor(data, output);
    const state = this.#state;
    const length = data.length;
    const inWords = length < WORDS_PAY ? 0 : length & ~3;
    let i = this.#i;
    let j = this.#j;
    let at = 0;
    if (inWords > 0) {
      const from = new DataView(data.buffer, data.byteOffset, length);
      const to = new DataView(out.buffer, out.byteOffset, length);
      for (; at < inWords; at += 4) {
        // written out: an inner loop costs a fifth
        i = (i + 1) & 0xff;
        let a = state[i]!;
        j = (j + a) & 0xff;
        let b = state[j]!;
        state[i] = b;
        state[j] = a;
        let word = state[(a + b) & 0xff]!;
        i = (i + 1) & 0xff;
        a = state[i]!;
        j = (j + a) & 0xff;
        b = state[j]!;
        state[i] = b;
        state[j] = a;
        word |= state[(a + b) & 0xff]! << 8;
        i = (i + 1) & 0xff;
        a = state[i]!;
        j = (j + a) & 0xff;
        b = state[j]!;
        state[i] = b;
        state[j] = a;
        word |= state[(a + b) & 0xff]! << 16;
        i = (i + 1) & 0xff;
        a = state[i]!;
        j = (j + a) & 0xff;
        b = state[j]!;
        state[i] = b;
        state[j] = a;
        word |= state[(a + b) & 0xff]! << 24;
        to.setInt32(at, from.getInt32(at, true) ^ word, true);
      }
    }
    for (; at < length; at++) {
      i = (i + 1) & 0xff;
      const a = state[i]!;
      j = (j + a) & 0xff;
      const b = state[j]!;
      state[i] = b;
      state[j] = a;
      out[at] = data[at]! ^ state[(a + b) & 0xff]!;
    }
    this.#i = i;
    this.#j = j;
    return out;
  }

  /** A stream at the same position that goes its own way. */
  clone(): RC4 {
    this.#assertUsable();
    const copy = new RC4(ANY_KEY);
    copy.#state.set(this.#state);
    copy.#i = this.#i;
    copy.#j = this.#j;
    return copy;
  }

  /** Zeroes the state. */
  destroy(): void {
    clean(this.#state);
    this.#i = 0;
    this.#j = 0;
    this.#destroyed = true;
  }

  #assertUsable(): void {
    if (!this.#destroyed) return;
    throw localError('the RC4 state was destroyed', 'session-unavailable', 'session');
  }
}

/** From how many bytes on four at a time are faster, two views and all. */
const WORDS_PAY = 64;

/** For a state that is overwritten at once. */
const ANY_KEY = /* @__PURE__ */ new Uint8Array(1);

/**
 * `RC4K(K, D)` of MS-NLMP 6: a fresh keystream over one message. It is its own inverse.
 * @param key - 1 to 256 bytes
 * @param data - any number of bytes
 * @returns as many bytes as `data`
 */
export function rc4k(key: Uint8Array, data: Uint8Array, output?: Uint8Array): Uint8Array {
  const stream = new RC4(key);
  const result = stream.process(data, output);
  stream.destroy();
  return result;
}

/**
 * RC4 over one message in noble's cipher shape; see {@link RC4} for a stream.
 * @param key - 1 to 256 bytes
 * @throws NtlmError `invalid-argument`
 */
export const rc4 = /* @__PURE__ */ legacyCipher({ blockSize: 1 }, (key) => {
  const stream = new RC4(key);
  const run = (data: Uint8Array, output?: Uint8Array): Uint8Array => stream.clone().process(data, output);
  return {
    encrypt: (data, output) => run(data, output),
    decrypt: (data, output) => run(data, output),
  };
});
