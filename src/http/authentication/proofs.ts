/**
 * The memory of refused proofs. A proof is a type 3: whoever sends wrong ones locks the account of their user.
 *
 * Rules, for one account and password, in whatever handle, at one realm (the server or the proxy of an origin)
 * - At most `limit` proofs are refused within a memory, which begins anew with each of them. What comes then is not sent:
 *   it is `blocked` until the memory is over. Then one proof may go out, and each further refusal doubles the memory, up
 *   to `longestMemory`. After twice its time everything is forgotten.
 * - While a proof is undecided it counts as refused, and others wait for its end: where that lasts, one further goes out
 *   each `patience`, as far as the limit allows, and the rest wait on for as long as their requests do.
 * - What the realm accepted is proven: it waits for nobody, and the refusal of a place that never took it (an access list)
 *   says nothing. The refusal of a place that did take it ends that, for the password has been changed since.
 * - A proof that was lost with its connection, or was not answered in time, may have counted at the other end: three of
 *   them weigh as much as one refusal. One that never went out counts for nothing.
 * - An account is its user's name in any letter case, without domain or realm, wherever they are written: a server takes a
 *   domain that it does not know for its own, and `user@realm` names the same account as `DOMAIN\user`. What is proven is the name as a whole.
 * - Passwords are told apart by digests under a key that this process draws and never shows. Clocks are monotonic.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { secretsOf, type Credentials } from '../../crypto/credentials.ts';
import { upperCase } from '../../crypto/text.ts';

/** What is remembered of refused proofs; times are milliseconds. */
export interface ProofLimits {
  readonly limit: number;
  readonly memory: number;
  readonly longestMemory: number;
  readonly patience: number;
  /** Credentials that are remembered, at most. */
  readonly entries: number;
}

/** Leave to send one proof. The first word on it counts. */
export interface Proof {
  /** The other end took it, for a request to this place. */
  accepted(place: string): void;
  refused(place: string): void;
  /** It is out, and nobody will ever say what became of it. */
  lost(): void;
  /** It is not needed, or nothing can be learned from what became of it. */
  withdraw(): void;
}

/** Why a proof does not go out. */
export interface Blocked {
  readonly refusals: number;
  /** Milliseconds until it may. */
  readonly remaining: number;
}

export type Admission =
  | { readonly proof: Proof }
  | { readonly blocked: Blocked }
  /** Other credentials are in use by now. */
  | 'superseded';

const LOST_PER_REFUSAL = 3;
/** Of one credential: enough to notice that its password was changed. */
const MAX_PLACES = 100;

export class Proofs {
  readonly #limits: ProofLimits;
  readonly #now: () => number;
  /** By realm and account. */
  readonly #accounts = new Map<string, Account>();
  /** By realm and credential: the places that took it. */
  readonly #proven = new Map<string, Set<string>>();

  /** `now`: milliseconds that never run backwards. */
  constructor(limits: ProofLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Leave to send a proof of `credentials`, maybe later. Where it has to wait, `current` is asked then whether it is
   * still wanted; rejects once `signal` is aborted.
   */
  async admit(realm: string, credentials: Credentials, current: () => boolean, signal: AbortSignal): Promise<Admission> {
    const names = identify(credentials);
    const keys = { account: `${realm} ${names.account}`, credential: `${realm} ${names.credential}` };
    const account = this.#account(keys.account);
    for (;;) {
      signal.throwIfAborted();
      if (this.#proven.has(keys.credential)) return { proof: this.#proof(keys, () => {}) };
      const now = this.#now();
      const weight = account.weight(now);
      if (weight >= this.#limits.limit) {
        return { blocked: { refusals: account.refused, remaining: Math.ceil(account.remaining(now)) } };
      }
      const patience = account.undecided === 0 ? 0 : account.lastSent + this.#limits.patience - now;
      if (patience <= 0 && weight + account.undecided < this.#limits.limit) {
        account.send(now);
        return { proof: this.#proof(keys, () => (account.undecided -= 1)) };
      }
      await account.change(signal, weight + account.undecided < this.#limits.limit ? patience : undefined);
      if (!current()) return 'superseded';
    }
  }

  /** Every refusal; what is undecided stays so. */
  forget(): void {
    for (const account of this.#accounts.values()) account.forget();
    this.#sweep(0);
  }

  /** `end`: it is undecided no more. */
  #proof({ account, credential }: CredentialNames, end: () => void): Proof {
    let settled = false;
    const settle = (learn: () => void): void => {
      if (settled) return;
      settled = true;
      end();
      learn();
      this.#accounts.get(account)?.tell();
    };
    return {
      accepted: (place) => settle(() => this.#noteAccepted(credential, place)),
      refused: (place) =>
        settle(() => {
          const places = this.#proven.get(credential);
          if (places !== undefined && !places.has(place)) return;
          this.#proven.delete(credential);
          this.#account(account).noteRefused(this.#now());
        }),
      lost: () =>
        settle(() => {
          if (!this.#proven.has(credential)) this.#account(account).noteLost(this.#now());
        }),
      withdraw: () => settle(() => {}),
    };
  }

  #noteAccepted(key: string, place: string): void {
    const places = this.#proven.get(key) ?? new Set();
    this.#proven.delete(key); // the latest are the last
    this.#proven.set(key, places);
    places.add(place);
    if (places.size > MAX_PLACES) dropFirst(places);
    if (this.#proven.size > this.#limits.entries) dropFirst(this.#proven);
  }

  #account(key: string): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      this.#sweep(this.#limits.entries - 1);
      this.#accounts.set(key, (account = new Account(this.#limits)));
    }
    return account;
  }

  /** Lets go of what is forgotten anyway, and, beyond `most`, of what would be next. */
  #sweep(most: number): void {
    if (this.#accounts.size <= most) return;
    const now = this.#now();
    const idle = [...this.#accounts].filter(([, account]) => account.idle);
    idle.sort(([, a], [, b]) => a.remaining(now) - b.remaining(now));
    for (const [key, account] of idle) {
      if (account.weight(now) > 0 && this.#accounts.size <= most) break;
      this.#accounts.delete(key);
    }
  }
}

/** One account and password at one realm, not known to be right. */
class Account {
  refused = 0;
  undecided = 0;
  /** When leave was given last. */
  lastSent = 0;
  readonly #limits: ProofLimits;
  #lost = 0;
  #memory: number;
  /** When something was learned last. */
  #since = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limits: ProofLimits) {
    this.#limits = limits;
    this.#memory = limits.memory;
  }

  /** Refusals that count now. */
  weight(now: number): number {
    const age = now - this.#since;
    const weight = this.refused + Math.floor(this.#lost / LOST_PER_REFUSAL);
    if (age < this.#memory) return weight;
    if (weight >= this.#limits.limit && age < 2 * this.#memory) return this.#limits.limit - 1;
    this.#startOver();
    return 0;
  }

  /** Milliseconds until another proof may go out. */
  remaining(now: number): number {
    return this.#since + this.#memory - now;
  }

  /** Nobody waits either: that is for what is undecided. */
  get idle(): boolean {
    return this.undecided === 0;
  }

  send(now: number): void {
    this.undecided += 1;
    this.lastSent = now;
  }

  noteRefused(now: number): void {
    this.weight(now); // what is too old to count is forgotten first
    if (this.refused >= this.#limits.limit) this.#memory = Math.min(2 * this.#memory, this.#limits.longestMemory);
    this.refused += 1;
    this.#since = now;
  }

  noteLost(now: number): void {
    this.weight(now);
    this.#lost += 1;
    this.#since = now;
  }

  forget(): void {
    this.#startOver();
    this.tell();
  }

  #startOver(): void {
    this.refused = 0;
    this.#lost = 0;
    this.#memory = this.#limits.memory;
  }

  /** Those who wait look again. */
  tell(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when something is learned, or in `limit` milliseconds. */
  change(signal: AbortSignal, limit: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', give);
        this.#waiting.delete(wake);
      };
      const wake = (): void => (leave(), resolve());
      const give = (): void => (leave(), reject(signal.reason as Error));
      const timer = limit === undefined ? undefined : setTimeout(wake, Math.ceil(limit));
      signal.addEventListener('abort', give);
      this.#waiting.add(wake);
    });
  }
}

function dropFirst(collection: { keys(): Iterator<string>; delete(key: string): boolean }): void {
  const { value, done } = collection.keys().next();
  if (!done) collection.delete(value);
}

/** Digests. */
export interface CredentialNames {
  /** Of account and password. */
  readonly account: string;
  /** Of the whole name and the password. */
  readonly credential: string;
}

const digestKey = randomBytes(32);
/** Kept, for a handle that was wiped can still be the one that was refused. */
const identified = new WeakMap<Credentials, CredentialNames>();

/**
 * What tells credentials apart without showing them, in this process.
 *
 * @throws NtlmError `credentials-missing` for a handle that was wiped before it was ever asked for.
 */
export function identify(credentials: Credentials): CredentialNames {
  let found = identified.get(credentials);
  if (found === undefined) identified.set(credentials, (found = digests(credentials)));
  return found;
}

function digests(credentials: Credentials): CredentialNames {
  const { anonymous, username, domain } = credentials;
  const secret = anonymous ? new Uint8Array(0) : secretsOf(credentials).ntHash;
  const digest = (...parts: readonly string[]): string =>
    createHmac('sha256', digestKey).update(JSON.stringify(parts.map(upperCase))).update(secret).digest('base64');
  const account = username.replace(/^.*\\(?=.)/s, '').replace(/(?<=.)@[^@]*$/s, '');
  return { account: digest(account), credential: digest(username, domain) };
}
