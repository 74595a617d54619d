/** HMAC-MD5 on noble: the default everywhere but on Node, where `_hmac-md5-node.ts` takes its place. */
import { hmac } from '@noble/hashes/hmac.js';
import { md5 } from '@noble/hashes/legacy.js';

/** A keyed state. Keys and parts are checked by its user. */
export interface KeyedHmacMd5 {
  /** 16 bytes. */
  digest(parts: readonly Uint8Array[]): Uint8Array;
  destroy(): void;
}

/** Cloning a keyed state into this one costs a third of keying it again; finalizing wipes it. */
const SCRATCH = /* @__PURE__ */ hmac.create(md5, /* @__PURE__ */ new Uint8Array(0));

export function keyedHmacMd5(key: Uint8Array): KeyedHmacMd5 {
  const keyed = hmac.create(md5, key);
  return {
    digest(parts) {
      keyed._cloneInto(SCRATCH);
      for (const part of parts) SCRATCH.update(part);
      return SCRATCH.digest();
    },
    destroy: () => keyed.destroy(),
  };
}
