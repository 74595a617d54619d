/**
 * XChaCha20-Poly1305 around a body: version (1 byte), nonce (24), ciphertext, tag (16). The version is authenticated
 * too. The nonce is long enough to be drawn at random for any number of snapshots under one key.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concatBytes, isBytes, utf8ToBytes } from '@noble/ciphers/utils.js';
import { NtlmError, invalidArgument } from '../errors.ts';
import { systemRandomBytes } from '../machine/sources.ts';

const VERSION = 1;
const NONCE_LENGTH = 24;
const KEY_LENGTH = 32;
const HEADER_LENGTH = 1 + NONCE_LENGTH;
const CONTEXT = 'ntlmachine snapshot';

/** @throws NtlmError `invalid-argument`; `unsupported` where the platform has no cryptographic randomness. */
export function seal(body: Uint8Array, key: Uint8Array): Uint8Array<ArrayBuffer> {
  checkKey(key);
  // Never the actor's own source: it may be scripted, and a nonce that comes twice would open both snapshots.
  const nonce = systemRandomBytes(NONCE_LENGTH);
  return concatBytes(Uint8Array.of(VERSION), nonce, xchacha20poly1305(key, nonce, associatedData()).encrypt(body));
}

/** @throws NtlmError `invalid-argument`; `snapshot-refused` for another version, a wrong key or an altered byte. */
export function unseal(bytes: Uint8Array, key: Uint8Array): Uint8Array<ArrayBuffer> {
  checkKey(key);
  if (!isBytes(bytes)) throw invalidArgument('bytes', 'must be a Uint8Array', 'snapshot');
  if (bytes[0] !== VERSION) throw refused('the snapshot was not made by this version');
  const nonce = bytes.subarray(1, HEADER_LENGTH);
  try {
    return xchacha20poly1305(key, nonce, associatedData()).decrypt(bytes.subarray(HEADER_LENGTH));
  } catch (cause) {
    throw refused('the snapshot was altered or sealed with another key', cause);
  }
}

/** The error for a snapshot that is not opened. */
export function refused(message: string, cause?: unknown): NtlmError {
  return new NtlmError(message, { code: 'snapshot-refused', phase: 'snapshot', side: 'local', cause });
}

function checkKey(key: Uint8Array): void {
  if (!isBytes(key) || key.length !== KEY_LENGTH) {
    throw invalidArgument('key', `must be a Uint8Array of ${KEY_LENGTH} bytes`, 'snapshot');
  }
}

const associatedData = (): Uint8Array<ArrayBuffer> => concatBytes(utf8ToBytes(CONTEXT), Uint8Array.of(VERSION));
