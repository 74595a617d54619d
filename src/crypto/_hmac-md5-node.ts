/** HMAC-MD5 on node:crypto: a quarter of noble's time for a whole message. Chosen by the `node` condition of `#hmac-md5`. */
import { createHmac } from 'node:crypto';
import { NtlmError } from '../errors.ts';
import type { KeyedHmacMd5 } from './_hmac-md5-noble.ts';

export function keyedHmacMd5(key: Uint8Array): KeyedHmacMd5 {
  const kept = new Uint8Array(key);
  return {
    digest(parts) {
      const mac = open(kept);
      for (const part of parts) mac.update(part);
      return new Uint8Array(mac.digest());
    },
    destroy: () => void kept.fill(0),
  };
}

function open(key: Uint8Array): ReturnType<typeof createHmac> {
  try {
    return createHmac('md5', key);
  } catch (cause) {
    // A refusal is the administrator's decision: another implementation must not slip in behind it.
    throw new NtlmError('this Node refuses MD5 (FIPS mode); NTLM cannot be computed without it', {
      code: 'unsupported',
      phase: 'authenticate',
      side: 'local',
      cause,
    });
  }
}
