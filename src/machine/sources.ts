/** Where time and randomness come from. */
import { invalidArgument, localError } from '../errors.ts';
import { heard } from './promised.ts';
import { isBytes, isUint64 } from '../checks.ts';
import { filetimeFromDate, type Filetime } from '../messages/filetime.ts';

/**
 * The platform's generator, called each time: for keys.
 *
 * @throws NtlmError `unsupported` where there is none; never a weaker one.
 */
export function systemRandomBytes(length: number): Uint8Array<ArrayBuffer> {
  return fillRandomly(new Uint8Array(length));
}

/** Bytes of a client challenge (MS-NLMP 2.2.2.7). */
const NONCE_LENGTH = 8;
const pool = /* @__PURE__ */ new Uint8Array(64 * NONCE_LENGTH);
/** How many of the pool's first bytes are still to be handed out. */
let left = 0;

/**
 * The 8 bytes of a client challenge, which go out in the clear. Those of the platform come out of a pool, since a call of
 * its generator costs more than a digest; the pool is empty until first used, and what is handed out is wiped in it.
 *
 * @throws NtlmError as `systemRandomBytes`.
 */
export function drawClientChallenge(randomBytes: (length: number) => Uint8Array): Uint8Array {
  if (randomBytes !== systemRandomBytes) return randomBytes(NONCE_LENGTH);
  if (left === 0) {
    fillRandomly(pool);
    left = pool.length;
  }
  left -= NONCE_LENGTH;
  const nonce = pool.slice(left, left + NONCE_LENGTH);
  pool.fill(0, left, left + NONCE_LENGTH);
  return nonce;
}

function fillRandomly(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (globalThis.crypto?.getRandomValues === undefined) {
    throw localError('this platform has no crypto.getRandomValues; give "randomBytes"', 'unsupported', 'configure');
  }
  return globalThis.crypto.getRandomValues(bytes);
}

/** The system's clock. */
export function systemClock(): Filetime {
  return filetimeFromDate(new Date());
}

/** Wraps a clock so that only FILETIME ticks pass. */
export function checkedClock(now: () => Filetime): () => Filetime {
  return () => {
    const ticks: unknown = now();
    if (isUint64(ticks)) return ticks;
    heard(ticks);
    throw invalidArgument('now', 'must return FILETIME ticks, a bigint of 64 bits');
  };
}

/** Wraps a source so that a short or shared answer cannot pass. */
export function checkedRandomness(randomBytes: (length: number) => Uint8Array): (length: number) => Uint8Array {
  return (length) => {
    const bytes: unknown = heard(randomBytes(length));
    if (!isBytes(bytes) || bytes.length !== length) {
      throw invalidArgument('randomBytes', `must return a Uint8Array of the ${length} bytes asked for`);
    }
    return new Uint8Array(bytes);
  };
}
