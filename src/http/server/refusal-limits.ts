/**
 * How often passwords may be guessed: refusals are counted by account and by address, and no more is verified than could
 * still be refused. A guess that waits for the verdict on another counts as one.
 */
import { checkObject } from '../../checks.ts';
import { invalidArgument } from '../../errors.ts';
import { upperCase } from '../../crypto/text.ts';

export interface RefusalLimit {
  /** Refusals of one account, from wherever, known or not; default 10. `Infinity`: any number. */
  readonly account?: number | undefined;
  /** Refusals of one address (IPv6: of one /64), of whatever account; default 100. `Infinity`: any number. */
  readonly address?: number | undefined;
  /** For how long a refusal counts, in milliseconds; default 15 minutes. */
  readonly time?: number | undefined;
}

/** What came of a guess: `open`, where nothing was said about the password. */
export type GuessOutcome = 'accepted' | 'refused' | 'open';

export interface Guess {
  /** Counts once; later calls change nothing. */
  settle(outcome: GuessOutcome): void;
}

interface Counter {
  readonly limit: number;
  /** When each refusal that counts was, on the monotonic clock. */
  refusals: number[];
  pending: number;
  waiting: (() => void)[];
}

/** Of an account, and of an address where it is known. */
type Counters = readonly [account: Counter, ...address: Counter[]];

/** Names that a server remembers: whoever comes with more has the oldest forgotten. */
const MAX_COUNTERS = 10_000;

export class RefusalLimits {
  readonly #account: number;
  readonly #address: number;
  readonly #time: number;
  readonly #counters = new Map<string, Counter>();

  /** @throws NtlmError `invalid-argument` */
  constructor(options: RefusalLimit = {}) {
    checkObject('refusalLimit', options);
    const { account = 10, address = 100, time = 15 * 60_000 } = options;
    for (const [name, value] of Object.entries({ account, address })) {
      const isCount = Number.isInteger(value) || value === Infinity;
      if (!(isCount && value > 0)) throw invalidArgument(`refusalLimit.${name}`, 'must be a whole number above 0, or Infinity');
    }
    if (!(time > 0)) throw invalidArgument('refusalLimit.time', 'must be milliseconds above 0');
    this.#account = account;
    this.#address = address;
    this.#time = time;
  }

  /**
   * A guess at the password of `username`, once it may be made; milliseconds until one may, where the limit is reached.
   * `isOver` tells that nobody waits for it any more.
   */
  async begin(username: string, address: string | undefined, isOver: () => boolean): Promise<Guess | number> {
    for (;;) {
      const counters = this.#countersOf(username, address);
      const wait = Math.max(...counters.map((counter) => this.#wait(counter)));
      if (wait > 0) return wait;
      const full = counters.find(({ limit, refusals, pending }) => refusals.length + pending >= limit);
      if (full === undefined || isOver()) return this.#guess(counters);
      await new Promise<void>((resolve) => full.waiting.push(resolve));
    }
  }

  #countersOf(username: string, address: string | undefined): Counters {
    const account = this.#counter(`account ${accountOf(username)}`, this.#account);
    return address === undefined ? [account] : [account, this.#counter(`address ${address}`, this.#address)];
  }

  #counter(key: string, limit: number): Counter {
    const counter = this.#counters.get(key) ?? { limit, refusals: [], pending: 0, waiting: [] };
    this.#counters.delete(key); // the last used is the last to be forgotten
    this.#counters.set(key, counter);
    if (this.#counters.size > MAX_COUNTERS) this.#forgetOldest();
    return counter;
  }

  #forgetOldest(): void {
    for (const [key, { pending }] of this.#counters) {
      if (pending > 0) continue;
      this.#counters.delete(key);
      return;
    }
  }

  /** Milliseconds until `counter` has room again; 0 where it has. */
  #wait(counter: Counter): number {
    const since = performance.now() - this.#time;
    counter.refusals = counter.refusals.filter((at) => at > since);
    const [oldest] = counter.refusals;
    return counter.refusals.length < counter.limit || oldest === undefined ? 0 : Math.max(1, oldest - since);
  }

  #guess(counters: Counters): Guess {
    for (const counter of counters) counter.pending += 1;
    let settled = false;
    return {
      settle: (outcome) => {
        if (settled) return;
        settled = true;
        if (outcome === 'accepted') counters[0].refusals = [];
        for (const counter of counters) {
          counter.pending -= 1;
          if (outcome === 'refused') counter.refusals.push(performance.now());
          for (const wake of counter.waiting.splice(0)) wake();
        }
      },
    };
  }
}

/** `CASTLE\alice`, `alice@castle.example` and `ALICE` may be one account: they count as one, whatever domain the client claims. */
function accountOf(username: string): string {
  return upperCase(username.replace(/^.*\\(?=.)/s, '').replace(/(.)@.*$/s, '$1'));
}
