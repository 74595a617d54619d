import { equalBytes } from '@noble/ciphers/utils.js';
import { secretsOf, type Credentials } from '../../crypto/credentials.ts';
import type { NtlmError } from '../../errors.ts';
import type { HttpScheme } from './mechanism.ts';
import type { ConnectionSide, CredentialsSource, RealmQuestion } from './question.ts';

/** Beyond, what was learned is forgotten. */
const MAX_NOTES = 1000;

/**
 * What the connections of one pool to one origin have learned together: which scheme it asks for, which
 * requests it leaves open, and the credentials in use.
 */
export class Realm {
  readonly origin: string;
  readonly side: ConnectionSide;
  /** The scheme this origin asked for last; `undefined` until it has asked. */
  scheme: HttpScheme | undefined;
  /** Whether it offered the scheme NTLM then, be it beside another. */
  ntlmOffered = false;
  /** The scheme taken where both are offered. */
  prefer: HttpScheme;
  /** Handshakes that were worth one request only, in a row (IIS: authPersistSingleRequest). */
  singleRequestHandshakes = 0;
  readonly #source: CredentialsSource;
  // By method and path.
  readonly #open = new Set<string>();
  readonly #misleading = new Set<string>();
  #credentials: Credentials | undefined;
  #asking: Promise<Credentials | undefined> | undefined;
  /** What was refused when the app gave up. */
  #forsaken: Credentials | undefined;
  /** What was accepted last. */
  #proven: Credentials | undefined;
  #attempt = 0;
  #answeredUnasked = false;

  constructor(origin: string, side: ConnectionSide, source: CredentialsSource, prefer: HttpScheme) {
    this.origin = origin;
    this.side = side;
    this.#source = source;
    this.prefer = prefer;
  }

  /** Its Negotiate takes no NTLM: later connections need not find out. */
  noteFallback(): void {
    this.prefer = 'NTLM';
    this.scheme = 'NTLM';
  }

  /** The credentials in use; a connection authenticated with others is not theirs. */
  get credentials(): Credentials | undefined {
    return this.#credentials;
  }

  /** The credentials in use, or others where those were refused. Connections that ask at once share one question. */
  ask({ scheme, refused, reason }: RealmQuestion): Promise<Credentials | undefined> {
    if (this.#credentials !== undefined && this.#credentials !== refused) return Promise.resolve(this.#credentials);
    if (refused !== undefined && refused === this.#forsaken) return Promise.resolve(undefined);
    return (this.#asking ??= this.#ask(scheme, refused, reason).finally(() => (this.#asking = undefined)));
  }

  async #ask(
    scheme: HttpScheme,
    refused: Credentials | undefined,
    reason: NtlmError | undefined,
  ): Promise<Credentials | undefined> {
    this.#credentials = undefined;
    const { origin, side } = this;
    this.#attempt = refused === undefined ? 1 : this.#attempt + 1;
    const answer = await this.#source.ask({ origin, side, scheme, attempt: this.#attempt, reason });
    // The same again would be refused again, and lock the account.
    this.#credentials = answer && refused && isSame(answer, refused) ? undefined : answer;
    this.#forsaken = this.#credentials === undefined ? refused : undefined;
    return this.#credentials;
  }

  /** The server took the credentials in use. */
  accepted(): void {
    this.#attempt = 1;
    this.#proven = this.#credentials;
  }

  /** Whether a refusal of the credentials in use would not be the end. */
  get mayAskForOthers(): boolean {
    return this.#source.others && this.#proven !== this.#credentials;
  }

  /**
   * Whether a request may go out as it is, for all that is known. Where much hangs on it (`once`: the body
   * cannot be sent again) only an answer to its like counts.
   */
  seemsOpen({ key, once }: { readonly key: string; readonly once: boolean }): boolean {
    return this.#open.has(key) || (!once && this.scheme === undefined && this.#answeredUnasked);
  }

  /** Whether stand-ins for such a request pass where it is itself asked for authentication: only its own method will do. */
  misleads({ key }: { readonly key: string }): boolean {
    return this.#misleading.has(key);
  }

  /** A request was answered without authentication. */
  noteUnasked(): void {
    this.#answeredUnasked = true;
  }

  /** Neither such a request nor a stand-in for it needed authentication. */
  noteOpen({ key }: { readonly key: string }): void {
    this.#misleading.delete(key);
    note(this.#open, key);
    this.#answeredUnasked = true;
  }

  /** Such a request was asked for authentication. */
  noteDemand({ key }: { readonly key: string }): void {
    if (this.#open.delete(key)) note(this.#misleading, key);
  }

  /** A stand-in for such a request was. */
  noteAsked({ key }: { readonly key: string }): void {
    this.#open.delete(key);
  }
}

function note(set: Set<string>, key: string): void {
  if (set.size >= MAX_NOTES) set.clear();
  set.add(key);
}

/** Whether two handles stand for one account with one password. */
function isSame(a: Credentials, b: Credentials): boolean {
  if (a === b) return true;
  if (a.username !== b.username || a.domain !== b.domain || a.wiped || b.wiped) return false;
  return a.anonymous ? b.anonymous : !b.anonymous && equalBytes(secretsOf(a).ntHash, secretsOf(b).ntHash);
}
