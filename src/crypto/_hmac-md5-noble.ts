/** HMAC-MD5 (RFC 2104) on noble: the default everywhere but on Node, where `_hmac-md5-node.ts` takes its place. */
import { md5 } from '@noble/hashes/legacy.js';
import { INNER, keyPad, OUTER, type KeyedHmacMd5 } from './_hmac-md5.ts';

/** Cloning a state that has read its pad costs a third of reading it again; a digest wipes them. */
const inner = /* @__PURE__ */ md5.create();
const outer = /* @__PURE__ */ md5.create();

export function keyedHmacMd5(key: Uint8Array): KeyedHmacMd5 {
  const short = (): Uint8Array<ArrayBuffer> => md5(key);
  const keyed = (pad: number): typeof inner => {
    const padded = keyPad(key, pad, short);
    const state = md5.create().update(padded);
    padded.fill(0);
    return state;
  };
  const keyedInner = keyed(INNER);
  const keyedOuter = keyed(OUTER);
  const digest = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
    keyedInner._cloneInto(inner);
    for (const part of parts) inner.update(part);
    return keyedOuter._cloneInto(outer).update(inner.digest()).digest();
  };
  return {
    digest,
    mac: digest,
    destroy() {
      keyedInner.destroy();
      keyedOuter.destroy();
    },
  };
}
