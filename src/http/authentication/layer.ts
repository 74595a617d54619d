import type { Actor } from 'xstate';
import type { Credentials } from '../../crypto/credentials.ts';
import type { NtlmError } from '../../errors.ts';
import type { NtlmSession } from '../../session/session.ts';
import { MEANINGS, type AuthorizeMessage, type Meaning } from './authorize-message.ts';
import type { ConnectionEvent } from './connection-context.ts';
import type { connectionMachine } from './connection-machine.ts';
import { valuesOf, type Field, type ResponseHead } from '../wire/head.ts';
import { FIELDS, lastWordOf, offerOf, readOffer } from './fields.ts';
import type { HttpScheme, Offer } from './schemes.ts';
import { LayerActor } from './layer-actor.ts';
import type { LayerOptions } from './layer-options.ts';
import { negotiatorEnd } from './ntlm-after.ts';
import type { Like } from './paths.ts';
import { ProofInHand } from './proof-in-hand.ts';
import type { RealmQuestion } from './question.ts';
import type { Asker, Realm } from './realm.ts';
import { originRefused, withClock } from './failures.ts';
import { warnOfFallback } from './warnings.ts';

/** A request, as far as a place is known by it: its method and path. */
type Asking = Pick<Like, 'key'>;

/** One side of one connection that may ask for authentication: its actor, seen through header fields. */
export class Layer {
  readonly #options: LayerOptions;
  readonly #actor: LayerActor;
  /** Requests answered since the handshake, its own included. */
  served = 0;
  /** A handshake was refused here. Some take no other on such a connection (mod_auth_gssapi, Squid after Negotiate). */
  spoilt = false;
  /** Type 3 was answered by what may come before any look at it: the next request may still be asked. */
  doubtful = false;
  #authenticated = false;
  /** By NTLM; else its credentials are nobody's here. */
  #byPassword = true;
  /** Whether the request at hand, or its like, was asked: else it owes no proof. */
  #asked = false;
  readonly #proof = new ProofInHand();
  #message: AuthorizeMessage | undefined;
  #value = '';

  /** `onTimeout` is told where a leg took too long; every other refusal answers the call that led to it. */
  constructor(options: LayerOptions, attempt: number, onTimeout: (error: NtlmError) => void) {
    this.#options = options;
    this.#actor = new LayerActor(options, attempt, {
      ask: (question, signal) => this.#ask(question, { signal, maxAttempts: options.limits.maxAttempts }),
      negotiator: () => this.#negotiator,
      onAuthorize: (message, scheme, token) => this.#onAuthorize(message, scheme, token),
      onFallback: (reason) => this.#onFallback(reason),
      onRefused: (error) => this.#onRefused(error),
      onUnasked: onTimeout,
    });
    options.realm.connections += 1;
  }

  /** The actor, for who wants to see it: it then lives as long as the connection. */
  observed(): Actor<typeof connectionMachine> {
    return this.#actor.observed();
  }

  get realm(): Realm {
    return this.#options.realm;
  }

  get allowed(): boolean {
    return this.#options.allowed;
  }

  get status(): 401 | 407 {
    return FIELDS[this.realm.side].status;
  }

  #onAuthorize(message: AuthorizeMessage, scheme: HttpScheme, token: Uint8Array): void {
    this.#message = message;
    if (this.bound) this.spoilt = false; // no refusal: one more leg is wanted
    this.#value = `${scheme} ${Buffer.from(token).toString('base64')}`;
  }

  #onFallback(reason: NtlmError | undefined): void {
    if (reason === undefined) {
      this.spoilt = true;
      this.realm.noteFallback();
    } else {
      this.#message = undefined;
      if (negotiatorEnd(reason.code) === 'refused') this.realm.noteNegotiatorRefused();
      warnOfFallback(reason, this.realm.origin);
    }
  }

  #onRefused(error: NtlmError): void {
    this.#proof.settle(error.code);
    if (error.code === 'credentials-refused') this.realm.noteRefused(this.credentials);
    this.#message = undefined;
  }

  async #ask(question: RealmQuestion, asker: Asker): Promise<Credentials | undefined> {
    this.#proof.settle(question.refused === undefined ? undefined : 'credentials-refused');
    const turn = await this.realm.ask(question, asker);
    if (asker.signal.aborted) turn?.proof.withdraw();
    else this.#proof.take(turn?.proof);
    return turn?.credentials;
  }

  /** Of the field that carries credentials, in lower case. */
  get credentialsName(): string {
    return FIELDS[this.realm.side].credentialsName;
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** Whose connection this is. */
  get credentials(): Credentials | undefined {
    return this.#actor.credentials;
  }

  /** Signing and sealing with the other end, while it is authenticated and where that was asked for. */
  get session(): NtlmSession | undefined {
    return this.#authenticated ? this.#actor.session : undefined;
  }

  /** What goes first, where it was not refused before. */
  get #negotiator(): LayerOptions['negotiator'] {
    return this.realm.negotiatorRefused ? undefined : this.#options.negotiator;
  }

  /** Whether another proof costs no leg, and nobody has seen yet that this end keeps what it knows of a connection. */
  get mayWantEach(): boolean {
    return !this.#byPassword && this.served > 0 && !this.realm.keepsConnections;
  }

  /** Whether it is authenticated as somebody else than it would be now. */
  get outdated(): boolean {
    const { credentials } = this.realm;
    return this.#authenticated && this.#byPassword && credentials !== undefined && credentials !== this.credentials;
  }

  /** The scheme of a handshake that may be opened unasked. NTLM in the place of what goes first may not: Negotiate may be back. */
  get foreseen(): HttpScheme | undefined {
    const { scheme } = this.realm;
    return scheme === 'NTLM' && this.#negotiator !== undefined ? undefined : scheme;
  }

  get attempt(): number {
    return this.#actor.attempt;
  }

  /** What the next request carries. */
  get message(): AuthorizeMessage | undefined {
    return this.#message;
  }

  get #meaning(): Meaning {
    return MEANINGS[this.#message ?? 'nothing'];
  }

  /** Whether that is all that the other end may want. */
  get proving(): boolean {
    return this.#meaning.proves !== undefined;
  }

  /** Whether it is worth nothing on another connection. */
  get bound(): boolean {
    return this.#meaning.bound;
  }

  /** Whether a refusal of it would lead on. */
  get mayBeAskedOn(): boolean {
    return this.#meaning.proves === 'password' ? this.realm.mayAskForOthers : !this.realm.negotiatorProven;
  }

  get credentialsField(): Field | undefined {
    return this.#message === undefined ? undefined : { name: FIELDS[this.realm.side].credentials, value: this.#value };
  }

  /** Whether an answer asks for a scheme of ours. */
  isAskedBy(head: ResponseHead): boolean {
    return this.allowed && head.status === this.status && offerOf(head, this.realm.side) !== undefined;
  }

  /** Opens a handshake unasked. Resolves with the refusal, if there is one. */
  open(scheme: HttpScheme, { key }: Asking): Promise<NtlmError | undefined> {
    this.#proof.place = key;
    this.#asked = this.realm.paths.hasAsked({ key });
    return this.#send({ type: 'authenticate', scheme, ntlmOffered: this.realm.ntlmOffered, before: this.realm.negotiatorFailure });
  }

  /** Takes a 401 or 407 to the request. Resolves with the refusal, if there is one. */
  async challenged(head: ResponseHead, { key }: Asking): Promise<NtlmError | undefined> {
    this.#proof.place = key;
    this.#asked = true;
    const presented = this.#meaning.proves === 'ticket';
    const offer = offerOf(head, this.realm.side, this.#scheme, this.#negotiator === undefined ? this.realm.prefer : 'Negotiate');
    if (offer === undefined) return this.#heeding(await this.#send({ type: 'unauthorized' }), presented);
    if (!this.allowed) return originRefused(this.realm.origin);
    this.#noteOffer(offer);
    const ntlmOffered = offer.ntlmOffered || this.realm.ntlmOffered;
    const refusal = this.#heeding(await this.#send({ type: 'unauthorized', ntlmOffered, before: this.realm.negotiatorFailure, ...readOffer(offer) }), presented);
    return refusal && withClock(refusal, valuesOf(head, 'date')[0]);
  }

  /** What answers a handshake may list less than what asked for it; only another scheme than that of type 1 is news. */
  #noteOffer({ scheme, ntlmOffered }: Offer): void {
    if (this.proving || scheme === this.#scheme) return;
    this.realm.scheme = scheme;
    this.realm.ntlmOffered = ntlmOffered;
  }

  /**
   * The request at hand was answered otherwise; `like`: it, where it was no stand-in. @returns why the answer must not be
   * believed, if so. A request that was never asked would have been answered without a ticket as well, by whomever: it may be
   * open to all, and what says nothing of the ticket is no failure of it.
   */
  async passed(head: ResponseHead, like?: Like): Promise<NtlmError | undefined> {
    if (this.#message !== undefined) {
      const presented = this.#meaning.proves === 'ticket';
      const word = this.proving ? lastWordOf(head, this.realm.side, this.#scheme) : undefined;
      const isOpen = presented && !this.#asked && word === undefined && head.status < 400 && this.#negotiator?.of.proves === true;
      if (isOpen && like !== undefined) this.realm.paths.noteAnswered(like);
      const refusal = await this.#conclude({ failed: isOpen || head.status >= 400, word });
      if (refusal !== undefined) return this.#heeding(refusal, presented);
    }
    if (this.proving && this.#actor.isAuthenticated) {
      this.#authenticated = true;
      this.#byPassword = this.#meaning.proves === 'password';
      this.doubtful = head.status >= 400;
      this.realm.accepted(this.#byPassword);
      this.served = 0;
      this.#proof.answered(head.status);
    }
    this.#proof.settle(undefined);
    this.#message = undefined;
    this.#value = '';
    if (this.session === undefined) this.#actor.rest();
    this.notePassed();
    return undefined;
  }

  /** The same for a request that carried no credentials of ours: the common case, kept cheap. */
  notePassed(): void {
    if (!this.#authenticated) this.realm.paths.answeredUnasked = true;
    else if (++this.served === 2) {
      this.realm.singleRequestHandshakes = 0;
      this.realm.keepsConnections = true;
    }
  }

  /** What the next request carries goes out now. */
  leaving(): void {
    if (this.#meaning.proves === 'password') this.#proof.leaving(); // tickets lock nobody out
  }

  /** Type 3 is out, and all that follows it. */
  sent(): void {
    if (this.proving) this.#actor.tell({ type: 'sent' });
  }

  /** The request at hand is over, and a handshake that was for it. */
  abandon(): void {
    if (this.#message === undefined) return;
    this.#proof.settle(undefined);
    this.#message = undefined;
    this.#actor.tell({ type: 'abandon' });
  }

  close(): void {
    this.#proof.settle('connection-closed');
    this.realm.connections -= 1;
    this.#actor.close();
  }

  #send(event: ConnectionEvent): Promise<NtlmError | undefined> {
    if (this.#authenticated && event.type === 'unauthorized' && this.served === 1)
      this.realm.singleRequestHandshakes += 1;
    if (this.proving) this.spoilt = true;
    this.#authenticated = false;
    return this.#actor.send(event);
  }

  /** The answer to what was sent, with the last token where one came with it. Resolves with why it must not be believed, if so. */
  #conclude({ failed, word }: { readonly failed: boolean; readonly word: Offer | undefined }): Promise<NtlmError | undefined> {
    return this.#actor.conclude({ type: 'passed', failed, ...(word && readOffer(word)) });
  }

  /** What a refusal of a ticket, or of what came with it, means for offers to come. */
  #heeding(refusal: NtlmError | undefined, presented: boolean): NtlmError | undefined {
    if (presented && refusal !== undefined && refusal.code !== 'connection-closed') this.realm.negotiatorFailure = refusal;
    return refusal;
  }

  /** Of the handshake under way. */
  get #scheme(): HttpScheme | undefined {
    return this.#message && this.#actor.scheme;
  }
}
