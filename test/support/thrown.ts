import { NtlmError } from '../../src/errors.ts';

/** The NtlmError that `act` throws; anything else is thrown on, and nothing is an error of the test. */
export function thrown(act: () => unknown): NtlmError {
  try {
    act();
  } catch (error) {
    if (error instanceof NtlmError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
