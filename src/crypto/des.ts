/**
 * DES (FIPS 46-3) legacy block cipher, on whole blocks without chaining, as MS-NLMP uses it.
 * Its 56-bit key falls to a brute-force search in hours: LM and NTLMv1 need it, nothing else should.
 */
import { clean } from '@noble/hashes/utils.js';
import { invalidArgument } from '../errors.ts';
import { checkBytes } from '../checks.ts';
import { outputFor, legacyCipher } from './_cipher.ts';

// Tables of FIPS 46-3. Entries number bits from 1, the most significant, as the standard does.
const eightFrom = (first: number): number[] => Array.from({ length: 8 }, (_, i) => first - 8 * i);
const INITIAL = [58, 60, 62, 64, 57, 59, 61, 63].flatMap(eightFrom);
const FINAL = INITIAL.map((_, bit) => INITIAL.indexOf(bit + 1) + 1);
const CHOICE_1 = [57, 58, 59].flatMap(eightFrom).concat(60, 52, 44, 36, [63, 62, 61].flatMap(eightFrom), 28, 20, 12, 4);
const CHOICE_2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
  41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
const KEY_SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
const P = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
  2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];
/** S1 to S8: four rows of 16 entries, a hexadecimal digit each. */
const S = [
  'e4d12fb83a6c5907' + '0f74e2d1a6cb9538' + '41e8d62bfc973a50' + 'fc8249175b3ea06d',
  'f18e6b34972dc05a' + '3d47f28ec01a69b5' + '0e7ba4d158c6932f' + 'd8a13f42b67c05e9',
  'a09e63f51dc7b428' + 'd709346a285ecbf1' + 'd6498f30b12c5ae7' + '1ad069874fe3b52c',
  '7de3069a1285bc4f' + 'd8b56f03472c1ae9' + 'a690cb7df13e5284' + '3f06a1d8945bc72e',
  '2c417ab6853fd0e9' + 'eb2c47d150fa3986' + '421bad78f9c5630e' + 'b8c71e2d6f09a453',
  'c1af92680d34e75b' + 'af427c9561de0b38' + '9ef528c3704a1db6' + '432c95fabe17608d',
  '4b2ef08d3c975a61' + 'd0b7491ae35c2f86' + '14bdc37eaf680592' + '6bd814a7950fe23c',
  'd2846fb1a93e50c7' + '1fd8a374c56b0e92' + '7b419ce206adf358' + '21e74a8dfc90356b',
];

type Halves = readonly [left: number, right: number];

/** Picks the bits named by `table` out of two halves of `width` bits, into two halves again. */
function permute([left, right]: Halves, width: number, table: readonly number[]): Halves {
  const picked = [0, 0] as [number, number];
  table.forEach((bit, i) => {
    const value = bit <= width ? left >>> (width - bit) : right >>> (2 * width - bit);
    const half = i < table.length / 2 ? 0 : 1;
    picked[half] = (picked[half] << 1) | (value & 1);
  });
  return picked;
}

/** S-boxes with P applied: SP[64 * box + six bits] is the box's share of the round function. */
const SP = Int32Array.from({ length: 8 * 64 }, (_, i) => {
  const box = i >> 6;
  const row = ((i >> 4) & 2) | (i & 1);
  const column = (i >> 1) & 15;
  const word = Number.parseInt(S[box]![16 * row + column]!, 16) << (28 - 4 * box);
  return P.reduce((permuted, bit) => (permuted << 1) | ((word >>> (32 - bit)) & 1), 0);
});

const rotl28 = (half: number, by: number): number => ((half << by) | (half >>> (28 - by))) & 0x0fffffff;

/** Sixteen round keys of eight 6-bit pieces. */
function keySchedule(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const schedule = new Uint8Array(16 * 8);
  const view = new DataView(key.buffer, key.byteOffset, 8);
  let [c, d] = permute([view.getUint32(0), view.getUint32(4)], 32, CHOICE_1);
  KEY_SHIFTS.forEach((by, round) => {
    c = rotl28(c, by);
    d = rotl28(d, by);
    const halves = permute([c, d], 28, CHOICE_2);
    for (let i = 0; i < 8; i++) schedule[8 * round + i] = (halves[i >> 2]! >>> (18 - 6 * (i & 3))) & 63;
  });
  return schedule;
}

/** Runs the sixteen rounds over each block, with the round keys backwards for decryption. */
function crypt(schedule: Uint8Array, data: Uint8Array, output: Uint8Array, backwards: boolean): Uint8Array {
  const input = new DataView(data.buffer, data.byteOffset, data.length);
  const result = new DataView(output.buffer, output.byteOffset, output.length);
  for (let at = 0; at < data.length; at += 8) {
    let [left, right] = permute([input.getUint32(at), input.getUint32(at + 4)], 32, INITIAL);
    for (let round = 0; round < 16; round++) {
      const keys = 8 * (backwards ? 15 - round : round);
      let f = left;
      // Box i reads the six bits around the i-th nibble of the right half (FIPS 46-3, E).
      for (let i = 0, by = 5; i < 8; i++, by += 4) {
        const six = ((right << by) | (right >>> (32 - by))) & 63;
        f ^= SP[64 * i + (six ^ schedule[keys + i]!)]!;
      }
      left = right;
      right = f;
    }
    const [first, second] = permute([right, left], 32, FINAL);
    result.setUint32(at, first);
    result.setUint32(at + 4, second);
  }
  return output;
}

/**
 * DES on whole blocks, each by itself (ECB), in noble's cipher shape.
 * @param key - 8 bytes, the parity bits ignored
 * @returns `{ encrypt, decrypt }` over any multiple of 8 bytes, no padding
 * @throws NtlmError `invalid-argument` for a key or data of another size
 */
export const des = /* @__PURE__ */ legacyCipher({ blockSize: 8 }, (key) => {
  checkBytes('key', key, 'configure', 8);
  const schedule = keySchedule(key);
  const run = (data: Uint8Array, output: Uint8Array | undefined, backwards: boolean): Uint8Array => {
    if (data.length % 8 !== 0) throw invalidArgument('data', 'must be a multiple of 8 bytes');
    return crypt(schedule, data, outputFor(data, output), backwards);
  };
  return {
    encrypt: (data, output) => run(data, output, false),
    decrypt: (data, output) => run(data, output, true),
  };
});

/**
 * Spreads 56 key bits over 8 bytes and sets each lowest bit to odd parity.
 * @param key7 - 7 bytes
 * @returns 8 bytes, a key for {@link des}
 * @throws NtlmError `invalid-argument` for another size
 */
export function expandDesKey(key7: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes('key7', key7, 'configure', 7);
  return Uint8Array.from({ length: 8 }, (_, i) => {
    const seven = (((key7[i - 1] ?? 0) << (8 - i)) | ((key7[i] ?? 0) >> i)) & 0xfe;
    let ones = 0;
    for (let bits = seven; bits !== 0; bits >>= 1) ones += bits & 1;
    return seven | (~ones & 1);
  });
}

/** `DES(K, D)` of MS-NLMP 6: one block under a 7-byte key. */
export function desBlock(key7: Uint8Array, data8: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes('data8', data8, 'configure', 8);
  const key = expandDesKey(key7);
  const schedule = keySchedule(key);
  const block = new Uint8Array(8);
  crypt(schedule, data8, block, false);
  clean(key, schedule);
  return block;
}

/**
 * `DESL(K, D)` of MS-NLMP 6: one block under the three thirds of a key that is padded with zeros to 21 bytes.
 * @param key16 - 16 bytes
 * @param data8 - 8 bytes
 * @returns 24 bytes
 * @throws NtlmError `invalid-argument` for other sizes
 */
export function desl(key16: Uint8Array, data8: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes('key16', key16, 'configure', 16);
  const padded = new Uint8Array(21);
  padded.set(key16);
  const response = new Uint8Array(24);
  for (let i = 0; i < 3; i++) response.set(desBlock(padded.subarray(7 * i, 7 * i + 7), data8), 8 * i);
  clean(padded);
  return response;
}
