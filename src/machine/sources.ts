/** Where time and randomness come from. */
import { NtlmError, invalidArgument } from '../errors.ts';
import { isBytes } from '../messages/checks.ts';
import { filetimeFromDate, type Filetime } from '../messages/filetime.ts';

const LATEST_FILETIME = 2n ** 64n - 1n;

/**
 * The system's source, asked each time: what lies in a pool is the same twice after a snapshot of the machine.
 *
 * @throws NtlmError `unsupported` where there is none; never a weaker one.
 */
export function systemRandomBytes(length: number): Uint8Array {
  if (globalThis.crypto?.getRandomValues === undefined) {
    throw new NtlmError('this platform has no crypto.getRandomValues; give "randomBytes"', {
      code: 'unsupported',
      phase: 'configure',
      side: 'local',
    });
  }
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

/** The system's clock. */
export function systemClock(): Filetime {
  return filetimeFromDate(new Date());
}

/** Wraps a clock so that only FILETIME ticks pass. */
export function checkedClock(now: () => Filetime): () => Filetime {
  return () => {
    const ticks: unknown = now();
    if (typeof ticks !== 'bigint' || ticks < 0n || ticks > LATEST_FILETIME) {
      throw invalidArgument('now', 'must return FILETIME ticks, a bigint of 64 bits');
    }
    return ticks;
  };
}

/** Wraps a source so that a short or shared answer cannot pass. */
export function checkedRandomness(randomBytes: (length: number) => Uint8Array): (length: number) => Uint8Array {
  return (length) => {
    const bytes: unknown = randomBytes(length);
    if (!isBytes(bytes) || bytes.length !== length) {
      throw invalidArgument('randomBytes', `must return a Uint8Array of the ${length} bytes asked for`);
    }
    return new Uint8Array(bytes);
  };
}
