/** A request that may cost more than itself: from the client's head to an answer that the client may see. */
import type { NtlmError } from '../../errors.ts';
import { announcesBody, isFramed, isSurelyEmpty, whyLast } from '../wire/body.ts';
import { renderHead, valuesOf, type Field } from '../wire/head.ts';
import type { Layer } from '../authentication/layer.ts';
import type { Paths, Waiting } from '../authentication/paths.ts';
import { authorizationGiven } from '../authentication/failures.ts';
import { refusalField } from '../authentication/refusal.ts';
import { warnOfOurs } from '../authentication/warnings.ts';
import type { ClientRequest } from '../wire/request.ts';
import type { Answer } from '../wire/response-reader.ts';
import { AS_IT_IS, ConnectionLost, type LegCarrier, type LegForm } from './carrier.ts';
import { LegCookies, type CookiePlace } from './cookies.ts';
import { bodyUnrepeatable, closed, closesWithChallenge, FAILURES, formRefused, MISHAPS, tooManyLegs } from './leg-failures.ts';
import { isInvolved, isUnsure, isUseless, mayAskAgain, mayGo } from './sides.ts';
import { whatMayGo, type Known } from './what-may-go.ts';

const MAX_RESTARTS = 2;
/** Milliseconds; the second where a HEAD was answered as if a body followed. */
const LINGER = 5;
const LINGER_LONG = 20;
/** More than any handshake that makes progress can take. */
const MAX_LEGS = 32;
/** Bytes of a body nobody wants. Beyond, a new connection costs less, */
const MAX_DRAINED = 256 * 1024;
/** except where none can take its place: behind a challenge. */
const MAX_DRAINED_CHALLENGE = 16 * 1024 * 1024;

/** Takes `request` to an answer and delivers it; `first` is the answer it got already. */
export class Legs {
  readonly #carrier: LegCarrier;
  readonly #request: ClientRequest;
  /** By status: sides that no handshake will be tried with again. */
  readonly #refusals = new Map<number, NtlmError>();
  /** By status: sides that asked, on whichever connection. */
  readonly #asked = new Set<number>();
  /** Of the 401s that the client does not see. */
  readonly #cookies = new LegCookies();
  /** A stand-in for this request was of no use. */
  #standInSpent = false;
  /** Chunks were refused. */
  #chunksRefused = false;
  /** How the last leg went out. */
  #leg = AS_IT_IS;
  #legs = 0;

  constructor(carrier: LegCarrier, request: ClientRequest) {
    this.#carrier = carrier;
    this.#request = request;
  }

  async run(first: Answer | undefined): Promise<void> {
    let answer = first;
    if (first === undefined && this.#carrier.layers.some(isUseless)) await this.#carrier.reconnect();
    for (let restarts = 0; ; ) {
      let unanswered = false;
      try {
        for (;;) {
          if (answer === undefined) {
            const credentials = await this.#prepare();
            this.#leg = this.#choose();
            if ((this.#legs += 1) > MAX_LEGS) throw tooManyLegs(MAX_LEGS);
            if (this.#isLastChance() && !(await this.#carrier.isQuiet(LINGER))) throw new ConnectionLost();
            unanswered = true;
            answer = await this.#carrier.exchange(this.#request, credentials, this.#leg);
            unanswered = this.#leg.form === 'stand-in' && !isFramed(answer.head);
            if (unanswered) throw new ConnectionLost();
          }
          if (await this.#judge(answer)) return;
          answer = undefined;
        }
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        answer = undefined;
        if (unanswered && this.#leg.form === 'stand-in') this.#noteMishap(error.late);
        else if (restarts === MAX_RESTARTS || (unanswered && error.sent && !this.#request.safe)) throw closed(error.message);
        else if ((restarts += 1) === MAX_RESTARTS) this.#standInSpent = true;
        await this.#carrier.reconnect();
      }
    }
  }

  /** Opens the handshakes that are known to be asked for. @returns what the next request carries. */
  async #prepare(): Promise<Field[]> {
    for (const layer of this.#involved()) {
      const scheme = this.#asked.has(layer.status) ? layer.realm.scheme : layer.foreseen;
      if (scheme === undefined || layer.message !== undefined || this.#refusals.has(layer.status)) continue;
      if (mayGo(layer, this.#request)) continue;
      const refusal = await layer.open(scheme, this.#request);
      if (refusal !== undefined) this.#note(layer, refusal);
    }
    const cookie = this.#cookies.mergedWith(this.#request.cookies);
    const credentials = this.#carrier.layers.flatMap(({ credentialsField }) => credentialsField ?? []);
    return cookie === undefined ? credentials : [...credentials, { name: 'Cookie', value: cookie }];
  }

  #choose(): LegForm {
    const form = whatMayGo(this.#known());
    if (form !== 'waiting') return { ...AS_IT_IS, form };
    return { form, expect: this.#waiting === 'for a 100', chunked: this.#isOpening() && !this.#chunksRefused };
  }

  #known(): Known {
    const request = this.#request;
    const involved = this.#involved();
    const { layers, probe } = this.#carrier;
    const isOpen = (layer: Layer): boolean => this.#refusals.has(layer.status) || (!isUnsure(layer, request) && (layer.authenticated || mayGo(layer, request)));
    const unknown = involved.some((layer) => layer.message === undefined && !isOpen(layer));
    const answering = layers.some(({ proving }) => proving);
    const sides = this.#isOpening() ? 'opening' : unknown ? 'unknown' : answering ? 'answering' : 'settled';
    return {
      sides,
      body: !request.hasBody ? 'none' : request.once || request.expects ? 'held' : 'repeatable',
      standIns: probe && !this.#standInSpent && !involved.some(({ realm }) => realm.paths.isMisleading(request)),
      waitingHelps: this.#waiting !== 'no',
      mayAskAgain: involved.some((layer) => (layer.proving ? layer.mayBeAskedOn : mayAskAgain(layer))),
    };
  }

  /** Of the server, or of the proxy where it is all there is. */
  get #paths(): Paths | undefined {
    return this.#carrier.layers.at(-1)?.realm.paths;
  }

  get #waiting(): Waiting {
    return this.#paths?.waiting ?? 'for a 100';
  }

  #isOpening(): boolean {
    return this.#carrier.layers.some(({ message }) => message === 'NEGOTIATE');
  }

  /** Whether a request goes out that cannot be sent twice. A server that closes its connection is better found out before. */
  #isLastChance(): boolean {
    const answers = this.#carrier.layers.some(({ message }) => message !== undefined);
    return answers && this.#leg.form !== 'stand-in' && !this.#request.safe;
  }

  /** @returns whether the client has its answer. */
  async #judge(answer: Answer): Promise<boolean> {
    const request = this.#request;
    const { layers } = this.#carrier;
    const { status } = answer.head;
    const standIn = this.#leg.form === 'stand-in';
    if (standIn) this.#paths?.noteStandIn('answered');
    if (this.#isAboutOurForm(status)) return this.#goOtherwise(status);
    const asking = layers.find((layer) => layer.status === status && !request.brings(layer.credentialsName));
    for (const layer of layers) {
      if (layer === asking) break;
      const isLetThrough = !standIn && (status < 400 || asking !== undefined); // another error may come before any look at who asks
      if (isLetThrough && !layer.authenticated && !layer.proving) layer.realm.paths.noteAnswered(request);
      const isProof = !standIn && status < 400 && request.cookies.length === 0 && layer.realm.paths.hasAsked(request);
      if (isProof) layer.doubtful = false; // nobody else gets that answer
      const refusal = await layer.passed(answer.head, standIn ? undefined : request);
      if (refusal !== undefined) throw refusal; // who answers is not who they claim to be: the connection goes
    }
    if (asking === undefined) {
      if (standIn) return this.#passOver(answer);
      const leftAlone = layers.find((layer) => layer.isAskedBy(answer.head)); // the request brought its own
      this.#deliver(answer, leftAlone === undefined ? [] : [refusalField(authorizationGiven(leftAlone.credentialsName))]);
      return true;
    }

    const { paths } = asking.realm;
    paths.noteAsked(request);
    if (asking.authenticated) paths.asksAgain = true;
    if (!standIn && this.#standInSpent) paths.noteMisleading(request);
    let refusal = this.#refusals.get(asking.status) ?? (await asking.challenged(answer.head, request));
    if (refusal !== undefined && standIn && MISHAPS.has(refusal.code)) return this.#passOver(answer);
    if (refusal === undefined && !standIn && !this.#mayFollow(asking)) refusal = bodyUnrepeatable();
    if (refusal !== undefined) {
      this.#note(asking, refusal);
      warnOfOurs(refusal, asking.realm.origin);
      this.#handBack(answer, refusal);
      return true;
    }
    this.#asked.add(status);
    if (status === 401) this.#cookies.take(valuesOf(answer.head, 'set-cookie'), placeOf(asking, request));
    await this.#clear(answer, asking);
    return false;
  }

  /** Whether the request can go again, on this connection where it has to be this one. */
  #mayFollow(asking: Layer): boolean {
    const { bound } = asking;
    if (bound && this.#request.bodyHeld && this.#leg.form === 'waiting') return this.#leg.chunked || this.#request.chunked;
    return this.#request.repeatable;
  }

  /** Whether a status says something of what was added to the request, and nothing of the request. */
  #isAboutOurForm(status: number): boolean {
    if (status === 417) return this.#leg.expect && !this.#request.brings('expect');
    return (status === 411 || status === 501) && this.#leg.chunked && !this.#request.chunked;
  }

  async #goOtherwise(status: number): Promise<false> {
    if (status === 417) this.#paths?.noteExpectRefused();
    else this.#chunksRefused = true;
    if (!this.#request.repeatable) throw formRefused(status);
    await this.#carrier.reconnect();
    return false;
  }

  /** What a stand-in was told is not for the client: the request itself goes next, where no body of the answer can come before its own. */
  async #passOver(answer: Answer): Promise<false> {
    this.#standInSpent = true;
    if (!(await this.#isOver(answer))) await this.#carrier.reconnect();
    return false;
  }

  async #isOver(answer: Answer): Promise<boolean> {
    const proxied = this.#carrier.layers.some(({ authenticated }) => authenticated); // and read by the proxy
    if (!isSurelyEmpty(answer.head) && !proxied) return false;
    return (await this.#carrier.drain(answer, 0)) && (isSurelyEmpty(answer.head) || this.#carrier.isQuiet(LINGER_LONG));
  }

  #noteMishap(late: boolean): void {
    this.#standInSpent = true;
    this.#paths?.noteStandIn(late ? 'timed-out' : 'lost');
  }

  /** Makes room for the next leg: on this connection where that is possible, else on a new one. */
  async #clear(answer: Answer, asking: Layer): Promise<void> {
    const { bound } = asking;
    const last = whyLast(answer.head, answer.method);
    if (bound && last !== undefined) {
      if (!this.#leg.expect) throw closesWithChallenge(asking.realm.side, last);
      this.#paths?.noteExpectRefused(); // some servers close over every Expect that they do not grant
      return this.#carrier.reconnect();
    }
    if (await this.#isClean(answer, asking, bound)) return;
    if (bound && this.#leg.form === 'stand-in') this.#noteMishap(false); // bytes that no HEAD is answered with
    if (bound) throw new ConnectionLost('no request can follow the challenge on its connection: its page is too long or its end in doubt, or more came behind it');
    await this.#carrier.reconnect();
  }

  async #isClean(answer: Answer, asking: Layer, bound: boolean): Promise<boolean> {
    if (asking.spoilt) return false;
    const standIn = this.#leg.form === 'stand-in';
    if (!standIn && this.#request.bodyHeld && !this.#carrier.endBody()) return false;
    if (!standIn && !this.#request.bodyHeld) await this.#carrier.bodySent();
    if (!(await this.#carrier.drain(answer, bound ? MAX_DRAINED_CHALLENGE : MAX_DRAINED))) return false;
    return !(standIn && bound && announcesBody(answer.head)) || this.#carrier.isQuiet(LINGER_LONG);
  }

  #handBack(answer: Answer, refusal: NtlmError): void {
    for (const layer of this.#carrier.layers) layer.abandon();
    this.#deliver(answer, refusal.code === 'ntlm-not-offered' ? [] : [refusalField(refusal)]);
  }

  /** Gives the client an answer, as its own and as the last on this connection where it must be. */
  #deliver(answer: Answer, added: Field[]): void {
    const standIn = this.#leg.form === 'stand-in';
    const held = !standIn && this.#request.bodyHeld;
    const replacements = [...added];
    if (standIn) replacements.push({ name: 'Content-Length', value: '0' });
    if (held && answer.head.status >= 200) replacements.push({ name: 'Connection', value: 'close' });
    const replaced = new Set(replacements.map(({ name }) => name.toLowerCase()));
    replaced.delete('proxy-status'); // a list: ours is the last member
    if (replaced.has('content-length')) replaced.add('transfer-encoding');
    const kept = answer.head.fields.filter(({ name }) => !replaced.has(name.toLowerCase()));
    const cookies = this.#cookies.fields.map((value) => ({ name: 'Set-Cookie', value })); // before its own, which count
    const asItIs = replacements.length === 0 && cookies.length === 0;
    const given = asItIs ? answer : withFields(answer, [...cookies, ...kept, ...replacements]);
    this.#carrier.deliver(given, { forget: standIn || (held && (this.#leg.form === 'waiting' || !this.#request.brings('expect'))) });
  }

  #note(layer: Layer, refusal: NtlmError): void {
    if (FAILURES.has(refusal.code)) throw refusal;
    this.#refusals.set(layer.status, refusal);
  }

  #involved(): readonly Layer[] {
    return this.#carrier.layers.filter((layer) => isInvolved(layer, this.#request));
  }
}

function withFields(answer: Answer, fields: readonly Field[]): Answer {
  const head = { ...answer.head, fields };
  return { ...answer, head, raw: Buffer.from(renderHead(head), 'latin1') };
}

function placeOf({ realm: { origin } }: Layer, { path }: ClientRequest): CookiePlace {
  const { protocol, hostname } = new URL(origin); // of a Unix socket: `unix:`, and no host
  return { secure: protocol === 'https:', host: hostname, path };
}
