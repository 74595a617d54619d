import { constants, gunzipSync } from 'node:zlib';

/** What gzip has made smaller, as far as it goes: a log that is being written has no end yet. `undefined`: it has more than `most` bytes. */
export function unpacked(bytes: Uint8Array, most: number): Uint8Array | undefined {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const plain = new Uint8Array(gunzipSync(bytes, { maxOutputLength: most, finishFlush: constants.Z_SYNC_FLUSH }));
    return plain.length === 0 ? bytes : plain;
  } catch (error) {
    // what is no gzip after all is told of by who reads it
    return error instanceof RangeError ? undefined : bytes;
  }
}
