/** CRC-32 (ISO 3309, the zip polynomial). An error-detecting code and no MAC: NTLM without ESS signs with it. */

const POLYNOMIAL = 0xedb88320;

const TABLE = /* @__PURE__ */ (() =>
  Uint32Array.from({ length: 256 }, (_, index) => {
    let remainder = index;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
    return remainder;
  }))();

/**
 * `CRC32(M)` (MS-NLMP 6).
 * @returns an unsigned 32-bit integer
 */
export function crc32(message: Uint8Array): number {
  let remainder = 0xffffffff;
  for (let at = 0; at < message.length; at++) {
    remainder = (remainder >>> 8) ^ TABLE[(remainder ^ message[at]!) & 0xff]!;
  }
  return ~remainder >>> 0;
}
