/**
 * A policy that allows weak responses, as an opaque value: its name is readable, the code that makes and checks those
 * responses sits in private storage. `ntlmachine/legacy` has them all. Who holds none has no such code at hand.
 */
import { invalidArgument } from '../errors.ts';
import type { Credentials } from './credentials.ts';

/** The responses that can be cracked within hours, strongest first. A policy is named after the weakest it allows. */
export type WeakResponse = 'ntlm2-session' | 'ntlmv1' | 'lm-and-ntlmv1' | 'lm';

/** What a weak response is made over. */
export interface WeakExchange {
  /** The handle: a policy's code reads no more of it than any other. */
  readonly credentials: Credentials;
  /** As agreed on. */
  readonly negotiateFlags: number;
  /** 8 bytes. */
  readonly serverChallenge: Uint8Array;
}

/** The two response fields of an AUTHENTICATE. */
export interface ResponseFields {
  readonly lm: Uint8Array;
  readonly nt: Uint8Array;
}

/** How one kind of weak response is made and checked. */
export interface WeakScheme {
  respond(exchange: WeakExchange, clientChallenge: Uint8Array): ResponseFields;
  /** @throws NtlmError `credentials-unsuitable` where that takes an LM hash and there is none. */
  verify(exchange: WeakExchange, fields: ResponseFields): boolean;
  /** 16 bytes. @throws NtlmError as `verify`. */
  keyExchangeKey(exchange: WeakExchange, lm: Uint8Array): Uint8Array<ArrayBuffer>;
}

/** The code that a policy brings along: one scheme for each kind of response that it allows. */
export type WeakSchemes = { readonly [Kind in WeakResponse]?: WeakScheme };

/** Made by `ntlmachine/legacy` alone. Prints, serializes and clones as its name. */
export class LegacyPolicy {
  readonly name: WeakResponse;
  readonly #schemes: WeakSchemes;

  constructor(name: WeakResponse, schemes: WeakSchemes) {
    if (schemes?.[name] === undefined) throw invalidArgument('policy', 'is imported from ntlmachine/legacy');
    this.name = name;
    this.#schemes = schemes;
    Object.freeze(this);
  }

  /** Whether `value` is one: what only looks like one has no code. */
  static is(value: unknown): value is LegacyPolicy {
    return typeof value === 'object' && value !== null && #schemes in value;
  }

  /** The code of `policy` for one kind of response; `undefined` where it allows no such response. */
  static schemeOf(policy: LegacyPolicy | undefined, kind: WeakResponse): WeakScheme | undefined {
    return policy === undefined ? undefined : policy.#schemes[kind];
  }

  toJSON(): WeakResponse {
    return this.name;
  }

  toString(): string {
    return this.name;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `LegacyPolicy ${this.name}`;
  }
}
