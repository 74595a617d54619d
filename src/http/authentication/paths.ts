/** Beyond, what was learned is forgotten. */
const MAX_NOTES = 1000;
/** Stand-ins in a row that came to nothing. */
const MAX_MISHAPS = 2;

/** A request, as far as an origin's answers teach anything of its like. */
export interface Like {
  /** Method and path. */
  readonly key: string;
  /** The same, and what else may tell the server who asks. */
  readonly identityKey: string;
}

/**
 * How a body waits until it is wanted. `for a 100`: the request says Expect (RFC 9110 10.1.1). `for a moment`: it does not,
 * for a server that refuses this or closes the connection over it. `no`: the server waits as well.
 */
export type Waiting = 'for a 100' | 'for a moment' | 'no';

/**
 * What the answers of one origin have taught about what may be sent to it before it is known whether it asks. Only the
 * request's own method counts as evidence for it; a stand-in's answer says that its like is asked, or nothing.
 */
export class Paths {
  /** Some request was answered without authentication. */
  answeredUnasked = false;
  /** An authenticated connection was asked again. */
  asksAgain = false;
  #waiting: Waiting = 'for a 100';
  #mishaps = 0;
  readonly #open = new Set<string>();
  readonly #asked = new Set<string>();
  readonly #misleading = new Set<string>();

  /** Whether such a request was answered without authentication, and not asked for it since. */
  isOpen({ identityKey }: Like): boolean {
    return this.#open.has(identityKey);
  }

  /** Whether a stand-in for such a request says nothing: its like passed where the request itself was asked, or none is answered. */
  isMisleading({ key }: Like): boolean {
    return this.#mishaps >= MAX_MISHAPS || this.#misleading.has(key);
  }

  /** Such a request was answered without authentication. */
  noteAnswered({ identityKey }: Like): void {
    note(this.#open, identityKey);
    this.answeredUnasked = true;
  }

  /** Such a request, or a stand-in for it, was asked for authentication. */
  noteAsked({ key, identityKey }: Like): void {
    this.#open.delete(identityKey);
    note(this.#asked, key);
  }

  /** Whether a request of this method and path was ever asked for authentication. */
  hasAsked({ key }: Pick<Like, 'key'>): boolean {
    return this.#asked.has(key);
  }

  noteMisleading({ key }: Like): void {
    note(this.#misleading, key);
  }

  get waiting(): Waiting {
    return this.#waiting;
  }

  /** It refused an Expect, or closed the connection over it. */
  noteExpectRefused(): void {
    if (this.#waiting === 'for a 100') this.#waiting = 'for a moment';
  }

  /** It said nothing before it had the body, and then asked for authentication, or not. */
  noteWaitedInVain(asked: boolean): void {
    if (asked) this.#waiting = 'no';
    else this.noteExpectRefused(); // it may still be one that asks at once
  }

  /** What became of a stand-in: an answer, or no answer in time, or none that can be read. */
  noteStandIn(end: 'answered' | 'lost' | 'timed-out'): void {
    if (end === 'answered') this.#mishaps = 0;
    else this.#mishaps += end === 'lost' ? 1 : MAX_MISHAPS; // a limit is not waited for twice
  }
}

function note(set: Set<string>, key: string): void {
  if (set.size >= MAX_NOTES) set.clear();
  set.add(key);
}
