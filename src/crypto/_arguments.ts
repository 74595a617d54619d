/** Argument checks shared by this folder: a typed error that names the argument and never shows its value. */
import { isBytes } from '@noble/hashes/utils.js';
import { invalidArgument, type NtlmErrorPhase } from '../errors.ts';

/** Asserts that `value` is a Uint8Array (a Node Buffer is one) of `length` bytes, or of any length. */
export function checkBytes(value: Uint8Array, argument: string, length?: number, phase?: NtlmErrorPhase): void {
  if (isBytes(value) && (length === undefined || value.length === length)) return;
  throw invalidArgument(argument, `must be ${length === undefined ? 'a Uint8Array' : `${length} bytes`}`, phase);
}

export function checkString(value: string, argument: string): void {
  if (typeof value !== 'string') throw invalidArgument(argument, 'must be a string');
}
