import type { Credentials } from '../crypto/credentials.ts';
import type { NtlmError } from '../errors.ts';
import type { HttpScheme } from './mechanism.ts';
import type { ConnectionSide, CredentialsProvider } from './options.ts';

/** Why credentials are wanted, as a connection puts it. */
export interface RealmQuestion {
  readonly scheme: HttpScheme;
  /** What the server refused on this connection. */
  readonly refused: Credentials | undefined;
  readonly reason: NtlmError | undefined;
}

/** Beyond, what was learned is forgotten. */
const MAX_OPEN_PATHS = 1000;

/**
 * What the connections of one pool to one origin have learned together: which scheme it asks for, which
 * paths it leaves open, and the credentials in use.
 */
export class Realm {
  readonly origin: string;
  readonly side: ConnectionSide;
  /** The scheme this origin asked for last; `undefined` until it has asked. */
  scheme: HttpScheme | undefined;
  /** Handshakes that were worth one request only, in a row (IIS: authPersistSingleRequest). */
  singleRequestHandshakes = 0;
  readonly #provider: CredentialsProvider;
  readonly #openPaths = new Set<string>();
  #credentials: Credentials | undefined;
  #asking: Promise<Credentials | undefined> | undefined;
  /** What was refused when the provider gave up. */
  #forsaken: Credentials | undefined;
  #attempt = 0;
  #answeredUnasked = false;

  constructor(origin: string, side: ConnectionSide, provider: CredentialsProvider) {
    this.origin = origin;
    this.side = side;
    this.#provider = provider;
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

  async #ask(scheme: HttpScheme, refused: Credentials | undefined, reason: NtlmError | undefined): Promise<Credentials | undefined> {
    this.#credentials = undefined;
    const { origin, side } = this;
    this.#attempt = refused === undefined ? 1 : this.#attempt + 1;
    const answer = await this.#provider({ origin, side, scheme, attempt: this.#attempt, reason });
    // The same again would be refused again, and lock the account.
    this.#credentials = answer === refused ? undefined : answer;
    this.#forsaken = this.#credentials === undefined ? refused : undefined;
    return this.#credentials;
  }

  /** The server took the credentials in use. */
  accepted(): void {
    this.#attempt = 1;
  }

  /**
   * Whether a request may go out as it is, for all that is known. Where much hangs on it (`once`: the body
   * cannot be sent again) only an answer on this very path counts.
   */
  seemsOpen(path: string, { once }: { readonly once: boolean }): boolean {
    return this.#openPaths.has(path) || (!once && this.scheme === undefined && this.#answeredUnasked);
  }

  /** A request was answered without authentication. */
  noteUnasked(): void {
    this.#answeredUnasked = true;
  }

  /** A request for this path needed none. */
  noteOpen(path: string): void {
    if (this.#openPaths.size >= MAX_OPEN_PATHS) this.#openPaths.clear();
    this.#openPaths.add(path);
    this.#answeredUnasked = true;
  }

  noteAsked(path: string, scheme: HttpScheme): void {
    this.#openPaths.delete(path);
    this.scheme = scheme;
  }
}
