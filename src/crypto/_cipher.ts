/** noble's cipher shape with this library's errors: shared by DES and RC4. */
import { wrapCipher, type CipherCons, type CipherParams } from '@noble/ciphers/utils.js';
import { invalidArgument } from '../errors.ts';
import { typed } from './_arguments.ts';

/** A cipher under one key. Encrypts once, as noble's do; `output` must be as long as the data and may be it. */
export interface LegacyCipher {
  encrypt(plaintext: Uint8Array, output?: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array, output?: Uint8Array): Uint8Array;
}

/** noble's `wrapCipher`, throwing {@link NtlmError} `invalid-argument` where noble throws a plain error. */
export function typedCipher<P extends CipherParams>(
  params: P,
  keyed: (key: Uint8Array) => LegacyCipher,
): ((key: Uint8Array) => LegacyCipher) & P {
  const wrapped: (key: Uint8Array) => LegacyCipher = wrapCipher(params, keyed as CipherCons<[]>);
  const cipher = (key: Uint8Array): LegacyCipher => {
    const { encrypt, decrypt } = typed(() => wrapped(key));
    return {
      encrypt: (plaintext, output) => typed(() => encrypt(plaintext, output)),
      decrypt: (ciphertext, output) => typed(() => decrypt(ciphertext, output)),
    };
  };
  return Object.assign(cipher, params);
}

/** `output` when it fits `data`, or a new array. In-place work is fine; running ahead of unread input is not. */
export function outputFor(data: Uint8Array, output: Uint8Array | undefined): Uint8Array {
  if (output === undefined) return new Uint8Array(data.length);
  if (output.length !== data.length) throw invalidArgument('output', `must be ${data.length} bytes, as the data is`);
  const ahead = output.byteOffset - data.byteOffset;
  if (output.buffer === data.buffer && ahead > 0 && ahead < data.length) {
    throw invalidArgument('output', 'must not overlap bytes of the data that are still to be read');
  }
  return output;
}
