/** Checks of a caller's values: a typed error that names the argument. What a peer sent is checked by `ByteReader`. */
import { checkLength16, invalidArgument, type NtlmErrorPhase } from './errors.ts';

const LARGEST_UINT64 = 0xffffffffffffffffn;

/** Whether `value` is a Uint8Array, of any realm: a Buffer is one, a test runner's sandbox brings its own. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && value.constructor.name === 'Uint8Array');
}

export function checkObject(name: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null) throw invalidArgument(name, 'must be an object');
}

/** Of `length` bytes, or of any number. */
export function checkBytes(name: string, value: unknown, phase: NtlmErrorPhase, length?: number): void {
  if (isBytes(value) && (length === undefined || value.length === length)) return;
  throw invalidArgument(name, `must be a Uint8Array${length === undefined ? '' : ` of ${length} bytes`}`, phase);
}

export function checkText(name: string, value: unknown, phase: NtlmErrorPhase): void {
  if (typeof value !== 'string') throw invalidArgument(name, 'must be a string', phase);
}

/** What no name has. Most come of a backslash that source code took for the beginning of an escape. */
export function controlIn(name: string): string | undefined {
  return /[\0-\x1f\x7f]/.test(name) ? 'has a control character: in source a backslash is written twice' : undefined;
}

/** A name that a message carries, in UTF-16. @throws NtlmError `invalid-argument`; `too-long`. */
export function checkName(argument: string, name: string): void {
  checkText(argument, name, 'configure');
  const control = controlIn(name);
  if (control !== undefined) throw invalidArgument(argument, control);
  checkLength16(argument, 2 * name.length, 'configure');
}

export function checkUint32(name: string, value: unknown, phase: NtlmErrorPhase): void {
  if (typeof value === 'number' && value >>> 0 === value) return;
  throw invalidArgument(name, 'must be a whole number of 32 bits', phase);
}

export function isUint64(value: unknown): value is bigint {
  return typeof value === 'bigint' && value >= 0n && value <= LARGEST_UINT64;
}

export function checkUint64(name: string, value: unknown, phase: NtlmErrorPhase): void {
  if (!isUint64(value)) throw invalidArgument(name, 'must be a bigint of 64 bits', phase);
}
