import { invalidArgument } from '../errors.ts';

/** FILETIME: 100 ns ticks since 1601-01-01T00:00:00Z, 64 bits unsigned, little-endian on the wire (MS-DTYP 2.3.3). */
export type Filetime = bigint;

const TICKS_PER_MILLISECOND = 10_000n;
const UNIX_EPOCH_IN_TICKS = 116_444_736_000_000_000n;

/** @throws NtlmError `invalid-argument` for an invalid date or one before 1601. */
export function filetimeFromDate(date: Date): Filetime {
  const milliseconds = date.getTime();
  if (Number.isNaN(milliseconds)) throw invalidArgument('date', 'must be a valid Date');
  const ticks = BigInt(milliseconds) * TICKS_PER_MILLISECOND + UNIX_EPOCH_IN_TICKS;
  if (ticks < 0n) throw invalidArgument('date', 'must not lie before 1601-01-01');
  return ticks;
}

/** Milliseconds are rounded down. Ticks beyond the years of `Date` give an invalid Date. */
export function dateFromFiletime(ticks: Filetime): Date {
  const sinceUnixEpoch = ticks - UNIX_EPOCH_IN_TICKS;
  const remainder = ((sinceUnixEpoch % TICKS_PER_MILLISECOND) + TICKS_PER_MILLISECOND) % TICKS_PER_MILLISECOND;
  return new Date(Number((sinceUnixEpoch - remainder) / TICKS_PER_MILLISECOND));
}
