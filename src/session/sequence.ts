import { invalidArgument, NtlmError } from '../errors.ts';

/** Which sequence number a message bears, and which a received one may bear (MS-NLMP 3.4). */
export interface SequenceNumbers {
  /** The number after the newest. */
  readonly next: number;
  /** Takes the number of a message that goes out; `wanted` is the caller's, or the next. */
  send(wanted: number | undefined): number;
  /** Why a message of that number may not come now; `undefined` if it may. Changes nothing. */
  objection(number: number): string | undefined;
  /** A message of that number came and was genuine. */
  received(number: number): void;
}

const LAST = 0xffffffff;
/** How far behind the newest datagram another may come. */
const WINDOW = 64;

/** A connection delivers every message once and in order. */
export class StreamSequence implements SequenceNumbers {
  next = 0;

  send(): number {
    checkLeft(this.next);
    return this.next++;
  }

  objection(number: number): string | undefined {
    if (number === this.next && number <= LAST) return undefined;
    return 'the message is replayed, reordered or after a lost one';
  }

  received(): void {
    this.next++;
  }
}

/** Datagrams come in any order, late or never. Each is taken once, and not when older than the window. */
export class DatagramSequence implements SequenceNumbers {
  next = 0;
  /** Bit n: the message of number `next - 1 - n` was here. */
  #seen = 0n;

  send(wanted = this.next): number {
    if (wanted < this.next) {
      throw invalidArgument('sequenceNumber', 'must be higher than all before: it keys the message', 'session');
    }
    checkLeft(wanted);
    this.received(wanted);
    return wanted;
  }

  objection(number: number): string | undefined {
    const age = this.next - 1 - number;
    if (number > LAST) return 'every sequence number is used up';
    if (age >= WINDOW) return 'the message is too old to be told from a replay';
    if (age >= 0 && (this.#seen >> BigInt(age)) & 1n) return 'the message was here before';
    return undefined;
  }

  received(number: number): void {
    const age = this.next - 1 - number;
    if (age >= 0) {
      this.#seen |= 1n << BigInt(age);
      return;
    }
    this.#seen = age <= -WINDOW ? 1n : BigInt.asUintN(WINDOW, (this.#seen << BigInt(-age)) | 1n);
    this.next = number + 1;
  }
}

/** A second round of the same numbers would let old messages in again. */
function checkLeft(number: number): void {
  if (number <= LAST) return;
  throw new NtlmError('every sequence number is used up', {
    code: 'session-unavailable',
    phase: 'session',
    side: 'local',
  });
}
