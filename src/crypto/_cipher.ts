/** noble's cipher shape for ciphers that need neither nonce nor tag: shared by DES and RC4. */
import { invalidArgument } from '../errors.ts';
import { checkBytes } from '../checks.ts';

/** A cipher under one key. Encrypts once, as noble's do; `output` must be as long as the data and may be it. */
export interface LegacyCipher {
  encrypt(plaintext: Uint8Array, output?: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array, output?: Uint8Array): Uint8Array;
}

/** What `wrapCipher` of noble-ciphers makes of a cipher, NtlmError `invalid-argument` in place of plain errors. */
export function legacyCipher<Params extends { readonly blockSize: number }>(
  params: Params,
  keyed: (key: Uint8Array) => LegacyCipher,
): ((key: Uint8Array) => LegacyCipher) & Params {
  const cipher = (key: Uint8Array): LegacyCipher => {
    checkBytes('key', key, 'configure');
    const { encrypt, decrypt } = keyed(key);
    let used = false;
    return {
      encrypt(plaintext, output) {
        if (used) throw invalidArgument('key', 'has encrypted once; make another cipher');
        used = true;
        checkBytes('data', plaintext, 'configure');
        return encrypt(plaintext, output);
      },
      decrypt(ciphertext, output) {
        checkBytes('data', ciphertext, 'configure');
        return decrypt(ciphertext, output);
      },
    };
  };
  return Object.assign(cipher, params);
}

/** `output` when it fits `data`, or a new array. In-place work is fine; running ahead of unread input is not. */
export function outputFor(data: Uint8Array, output: Uint8Array | undefined): Uint8Array {
  if (output === undefined) return new Uint8Array(data.length);
  checkBytes('output', output, 'configure', data.length);
  const ahead = output.byteOffset - data.byteOffset;
  if (output.buffer === data.buffer && ahead > 0 && ahead < data.length) {
    throw invalidArgument('output', 'must not overlap bytes of the data that are still to be read');
  }
  return output;
}
