/** What a request cost on the wire. */
import { NtlmSocket } from '../http/exchange/socket.ts';

/** Requests that went out since the count began. */
export type LegCount = () => number;

/** From a socket that is about to carry one request: those that authenticate themselves count, others carry it alone. */
export function countLegs(socket: unknown): LegCount {
  if (!(socket instanceof NtlmSocket)) return () => 1;
  const before = socket.legs;
  return () => socket.legs - before;
}
