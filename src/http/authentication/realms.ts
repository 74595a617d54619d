import type { HttpScheme } from './schemes.ts';
import { Proofs, type ProofLimits } from './proofs.ts';
import type { ConnectionSide, CredentialsSource } from './question.ts';
import { Realm } from './realm.ts';

/** Milliseconds without a connection after which a realm is let go, with the credentials it holds. */
const UNUSED = 3_600_000;

export interface RealmsOptions {
  /** The scheme taken where both are offered. */
  readonly prefer: HttpScheme;
  readonly refusals: ProofLimits;
  /** Milliseconds that never run backwards. */
  readonly now?: (() => number) | undefined;
}

/** What one agent, dispatcher or fetch learned of those who ask. Realms long unused are forgotten; refused proofs are not, for a new realm would repeat them. */
export class Realms {
  readonly #prefer: HttpScheme;
  readonly #now: () => number;
  readonly #proofs: Proofs;
  /** The longest unused first. */
  readonly #realms = new Map<string, { readonly realm: Realm; readonly used: number }>();

  constructor({ prefer, refusals, now = () => performance.now() }: RealmsOptions) {
    this.#prefer = prefer;
    this.#now = now;
    this.#proofs = new Proofs(refusals, now);
  }

  /** The one realm of a side of an origin, made where there is none. */
  of(side: ConnectionSide, origin: string, source: CredentialsSource): Realm {
    const key = `${side} ${origin}`;
    const realm = this.#realms.get(key)?.realm ?? new Realm(origin, side, source, this.#prefer, this.#proofs);
    this.#realms.delete(key);
    this.#letGo();
    this.#realms.set(key, { realm, used: this.#now() });
    return realm;
  }

  get size(): number {
    return this.#realms.size;
  }

  forgetRefusals(): void {
    this.#proofs.forget();
    for (const { realm } of this.#realms.values()) realm.forgetNegotiatorRefused();
  }

  #letGo(): void {
    const oldest = this.#now() - UNUSED;
    for (const [key, { realm, used }] of this.#realms) {
      if (used > oldest) return;
      if (realm.connections === 0) this.#realms.delete(key);
    }
  }
}
