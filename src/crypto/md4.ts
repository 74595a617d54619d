/**
 * MD4 (RFC 1320) legacy hash function. Collisions are found by hand and preimages are within reach of theory:
 * it is here because the NT hash is made of it, and for nothing else.
 */
import { Chi, Maj } from '@noble/hashes/_md.js';
import { _MD5 } from '@noble/hashes/legacy.js';
import { clean, createHasher, isBytes, rotl, type CHash } from '@noble/hashes/utils.js';
import { invalidArgument } from '../errors.ts';

/** Additive constants of rounds 2 and 3, RFC 1320 3.4: the square roots of 2 and 3. */
const ROUND_2 = 0x5a827999;
const ROUND_3 = 0x6ed9eba1;
/** Rotations of the three rounds, RFC 1320 3.4. */
const SHIFTS = /* @__PURE__ */ Uint8Array.from([3, 7, 11, 19, 3, 5, 9, 13, 3, 9, 11, 15]);
/** Word order of round 3, RFC 1320 3.4: the bits of 0..15 reversed. */
const ORDER_3 = /* @__PURE__ */ Uint8Array.from([0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]);

/** Message block, reused. */
const MD4_W = /* @__PURE__ */ new Uint32Array(16);

/** Internal MD4 hash class. State, padding and order of bytes are those of MD5 (RFC 1321), which was made from it. */
export class _MD4 extends _MD5 {
  override update(data: Uint8Array): this {
    if (!isBytes(data)) throw invalidArgument('data', 'must be a Uint8Array');
    return super.update(data);
  }
  protected override process(view: DataView, offset: number): void {
    for (let i = 0; i < 16; i++, offset += 4) MD4_W[i] = view.getUint32(offset, true);
    const before = this.get();
    let [A, B, C, D] = before;
    for (let i = 0; i < 48; i++) {
      const round = i >> 4;
      const step = i & 15;
      let sum: number;
      if (round === 0) sum = Chi(B, C, D) + MD4_W[step]!;
      else if (round === 1) sum = Maj(B, C, D) + MD4_W[((step & 3) << 2) | (step >> 2)]! + ROUND_2;
      else sum = (B ^ C ^ D) + MD4_W[ORDER_3[step]!]! + ROUND_3;
      const next = rotl((A + sum) | 0, SHIFTS[(round << 2) | (step & 3)]!);
      A = D;
      D = C;
      C = B;
      B = next;
    }
    this.set(A + before[0], B + before[1], C + before[2], D + before[3]);
  }
  protected override roundClean(): void {
    clean(MD4_W);
  }
}

/**
 * Hash a message with MD4 (RFC 1320).
 * @param msg - any number of bytes
 * @returns 16 bytes
 * @throws NtlmError `invalid-argument` when `msg` is not bytes
 */
export const md4: CHash<_MD5> = /* @__PURE__ */ createHasher<_MD5>(() => new _MD4());
