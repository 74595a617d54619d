import type { Credentials } from '../../crypto/credentials.ts';
import { NtlmError } from '../../errors.ts';
import type { HttpScheme } from './schemes.ts';
import { Paths } from './paths.ts';
import { identify, type Proof, type Proofs } from './proofs.ts';
import type { ConnectionSide, CredentialsSource, RealmQuestion } from './question.ts';
import { notTriedAgain } from './failures.ts';
import { SharedQuestion } from './shared-question.ts';

/** Credentials, and leave to send one proof of them. */
export interface Turn {
  readonly credentials: Credentials;
  readonly proof: Proof;
}

/** How long, and how often, one connection wants to ask. */
export interface Asker {
  /** Aborted when it is gone. */
  readonly signal: AbortSignal;
  /** Credentials that may turn out to be of no use. */
  readonly maxAttempts: number;
}

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
  /** What goes before NTLM was refused here, and is not tried again. */
  negotiatorRefused = false;
  /** How it failed here last, at the other end's word, unless it was accepted since: what is offered later does not undo it. */
  negotiatorFailure: NtlmError | undefined;
  /** It was accepted here. */
  negotiatorProven = false;
  /** A connection was authenticated once for several requests. */
  keepsConnections = false;
  /** Handshakes that were worth one request only, in a row (IIS: authPersistSingleRequest). */
  singleRequestHandshakes = 0;
  /** Those that are alive. */
  connections = 0;
  readonly #source: CredentialsSource;
  readonly #proofs: Proofs;
  /** What its answers have taught. */
  readonly paths = new Paths();
  #credentials: Credentials | undefined;
  #question: SharedQuestion | undefined;
  /** What was refused when the app gave up. */
  #forsaken: Credentials | undefined;
  /** What was accepted last. */
  #proven: Credentials | undefined;
  #attempt = 0;

  constructor(origin: string, side: ConnectionSide, source: CredentialsSource, prefer: HttpScheme, proofs: Proofs) {
    this.origin = origin;
    this.side = side;
    this.#source = source;
    this.prefer = prefer;
    this.#proofs = proofs;
  }

  /** Its Negotiate takes no NTLM: later connections need not find out. */
  noteFallback(): void {
    this.prefer = 'NTLM';
    this.scheme = 'NTLM';
  }

  /** NTLM takes the place of what goes before it, until that is forgotten. */
  noteNegotiatorRefused(): void {
    this.negotiatorRefused = true;
    if (this.ntlmOffered) this.scheme = 'NTLM';
  }

  /** What is asked for is learned anew. */
  forgetNegotiatorRefused(): void {
    if (this.negotiatorRefused) this.scheme = undefined;
    this.negotiatorRefused = false;
    this.negotiatorFailure = undefined;
  }

  /** The credentials in use; a connection authenticated with others is not theirs. */
  get credentials(): Credentials | undefined {
    return this.#credentials;
  }

  /**
   * The credentials in use, or others where those were refused or wiped, once a proof of them may be sent;
   * `undefined` where there are none.
   *
   * @throws NtlmError `not-tried-again` where those that there are were refused too often; `credentials-missing` for a
   * handle that was wiped; what the app throws.
   */
  async ask({ scheme, ...question }: RealmQuestion, { signal, maxAttempts }: Asker): Promise<Turn | undefined> {
    let { refused, reason } = question;
    let blocked: NtlmError | undefined;
    for (let attempts = 0; attempts < maxAttempts; ) {
      const credentials = await this.#find({ scheme, refused, reason }, signal);
      if (credentials === undefined) break;
      if (credentials.wiped) throw wiped();
      const current = (): boolean => this.#credentials === credentials;
      const admission = await this.#proofs.admit(`${this.side} ${this.origin}`, credentials, current, signal);
      if (admission === 'superseded') continue;
      if ('proof' in admission) return { credentials, proof: admission.proof };
      refused = credentials;
      reason = blocked = notTriedAgain(admission.blocked);
      attempts += 1;
    }
    if (blocked === undefined) return undefined;
    this.noteRefused(refused);
    throw blocked;
  }

  async #find(question: RealmQuestion, signal: AbortSignal): Promise<Credentials | undefined> {
    const { refused } = question;
    for (;;) {
      const inUse = this.#credentials;
      if (inUse !== undefined && !inUse.wiped && (refused === undefined || !isSame(inUse, refused))) return inUse;
      if (refused !== undefined && refused === this.#forsaken) return undefined;
      const asked = (this.#question ??= this.#put(question));
      const answer = await asked.answerFor(signal);
      if (answer !== undefined || asked.refused === refused) return answer;
      // The app had no others for a connection that was refused: here nothing was.
    }
  }

  /** Asks the app. Connections that ask at once share one question. */
  #put({ scheme, refused, reason }: RealmQuestion): SharedQuestion {
    this.#credentials = undefined;
    const { origin, side } = this;
    const attempt = (this.#attempt = refused === undefined ? 1 : this.#attempt + 1);
    return new SharedQuestion({
      refused,
      ask: () => this.#source.ask({ origin, side, scheme, attempt, reason }),
      take: (answer) => {
        // The same again would be refused again, and lock the account.
        this.#credentials = answer && refused && isSame(answer, refused) ? undefined : answer;
        this.#forsaken = this.#credentials === undefined ? refused : undefined;
        return this.#credentials;
      },
      onEnd: () => (this.#question = undefined),
    });
  }

  /** The server took the credentials in use, or what goes before them. */
  accepted(credentials: boolean): void {
    if (!credentials) {
      this.negotiatorProven = true;
      this.negotiatorFailure = undefined;
      return;
    }
    this.#attempt = 1;
    this.#proven = this.#credentials;
  }

  /** It refused these, and who asked gave up: the next who asks begins anew. */
  noteRefused(credentials: Credentials | undefined): void {
    if (this.#credentials === credentials) this.#credentials = undefined;
  }

  /** Whether a refusal of the credentials in use would not be the end. */
  get mayAskForOthers(): boolean {
    return this.#source.others && this.#proven !== this.#credentials;
  }
}

/** Whether two handles stand for one account with one password. A wiped one that was never in use is its own. */
function isSame(a: Credentials, b: Credentials): boolean {
  if (a === b) return true;
  if (a.wiped) return false;
  return identify(a).credential === identify(b).credential;
}

function wiped(): NtlmError {
  return new NtlmError('the credentials were wiped', { code: 'credentials-missing', phase: 'authenticate', side: 'local' });
}
