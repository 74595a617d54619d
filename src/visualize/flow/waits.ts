/** Long waits are folded, and said in words. */
import type { Rung } from './rungs.ts';
import type { StateRow } from './states.ts';

export interface WaitRow {
  readonly kind: 'wait';
  readonly id: string;
  readonly milliseconds: number;
  readonly label: string;
}

/** Milliseconds from which on a wait is a row of its own. */
export const LONG_WAIT = 1000;

export function waitBetween(before: Rung | StateRow | WaitRow | { readonly kind: 'note' } | undefined, from: number | undefined, until: number | undefined): Omit<WaitRow, 'id'> | undefined {
  if (before === undefined || from === undefined || until === undefined || until - from < LONG_WAIT) return undefined;
  const milliseconds = until - from;
  return { kind: 'wait', milliseconds, label: `${duration(milliseconds)} ${reasonOf(before)}` };
}

function reasonOf(before: Rung | StateRow | WaitRow | { readonly kind: 'note' }): string {
  if (before.kind === 'request') return 'until the answer';
  if (before.kind === 'state') {
    if (before.state === 'asking' || before.state === 'rejected') return 'until credentials were given';
    if (before.state === 'negotiated' || before.state === 'responded') return 'until the answer';
  }
  return 'until the next request';
}

/** `18 ms`, `6.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1).replace(/\.0$/, '') : Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${pair(Math.floor(seconds % 60), 's')}`;
  return `${Math.floor(minutes / 60)} h${pair(minutes % 60, 'min')}`;
}

function pair(count: number, unit: string): string {
  return count === 0 ? '' : ` ${count} ${unit}`;
}

/** Since the beginning, so that legs near each other differ: `18 ms`, `6.25 s`, `3:19.24`, `2:05:00.1`. */
export function clock(milliseconds: number): string {
  if (milliseconds < 1000) return duration(milliseconds);
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(2)} s`;
  const hours = Math.floor(milliseconds / 3_600_000);
  const minutes = Math.floor(milliseconds / 60_000) % 60;
  const seconds = (Math.floor((milliseconds % 60_000) / 10) / 100).toFixed(hours > 0 ? 1 : 2).padStart(hours > 0 ? 4 : 5, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
}
