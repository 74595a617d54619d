/** A bundle for browsers says what is wrong, and not what was meant. */
import type { NtlmError } from '../errors.ts';
import type { Envelope } from './hints.ts';

export { checkBytes as checkToken } from '../checks.ts';

export function hinted(error: NtlmError, _token: Uint8Array | undefined, _end?: Envelope): NtlmError {
  return error;
}
