/** What both variants of `#hmac-md5` share. */

/** A keyed state. Keys and parts are checked by its user. */
export interface KeyedHmacMd5 {
  /** 16 bytes, of which no copy is left behind: the MAC may be a key. */
  digest(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
  /** The same for a MAC that goes out in the clear: where it costs less, it may pass through what nobody can overwrite. */
  mac(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
  destroy(): void;
}

/** Bytes that MD5 works on at a time. */
export const BLOCK_LENGTH = 64;

// ipad and opad of RFC 2104.
export const INNER = 0x36;
export const OUTER = 0x5c;

/** What is hashed before the message: the key, or its digest where it is longer than a block, under `pad`. */
export function keyPad(key: Uint8Array, pad: number, digest: () => Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(BLOCK_LENGTH);
  padded.set(key.length > BLOCK_LENGTH ? digest() : key);
  for (let i = 0; i < BLOCK_LENGTH; i++) padded[i] = padded[i]! ^ pad;
  return padded;
}
