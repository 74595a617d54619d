/** A request that may cost more than itself: from the client's head to an answer that the client may see. */
import { NtlmError } from '../../errors.ts';
import { renderHead, type Field } from '../wire/head.ts';
import type { Layer } from '../authentication/layer.ts';
import { refusalField } from '../authentication/refusal.ts';
import { STAND_IN_METHOD, type ClientRequest } from '../wire/request.ts';
import type { Answer } from '../wire/response-reader.ts';

/** What the legs need of the socket they go over. */
export interface LegCarrier {
  /** Of the connection beneath, the nearest first; others after `reconnect`. */
  readonly layers: readonly Layer[];
  /** Sends the request, its body too, or, under the method `standIn`, an empty one in its place. Rejects with {@link ConnectionLost}. */
  exchange(request: ClientRequest, credentials: readonly Field[], how: LegForm): Promise<Answer>;
  /** Whether the connection can go on after the answer, once it is read. */
  drain(answer: Answer): Promise<boolean>;
  /** Resolves when the body of the request is out. Rejects with {@link ConnectionLost}. */
  bodySent(): Promise<void>;
  /** Waits a moment for a connection that is about to close. Rejects with {@link ConnectionLost}. */
  linger(milliseconds: number): Promise<void>;
  /** Replaces the connection beneath. */
  reconnect(): Promise<void>;
  /** Gives the client an answer, with this head instead of its own. `forget`: the body still to come is not wanted. */
  deliver(answer: Answer, head: Buffer, how: { readonly forget: boolean }): void;
}

/** In which form a request goes out. */
export interface LegForm {
  /** Under this method, without a body; `undefined`: as it is. */
  readonly standIn: string | undefined;
  /** The body waits for the server's word (RFC 9110 10.1.1), though not for ever. */
  readonly expect: boolean;
}

/** The connection was lost while something was awaited from it. */
export class ConnectionLost extends Error {}

const MAX_RESTARTS = 2;
/** Milliseconds. */
const LINGER = 5;
/** More than any handshake that makes progress can take. */
const MAX_LEGS = 32;

/** Whether a layer has a say in a request: not where none may, nor where the client speaks for itself. */
export function isInvolved(layer: Layer, request: ClientRequest): boolean {
  return layer.allowed && !request.brings(layer.credentialsName);
}

/** Whether a request may go out as it is, as far as this layer goes. */
export function mayGo({ authenticated, credentials, realm, served }: Layer, request: ClientRequest): boolean {
  if (authenticated) {
    if (realm.credentials !== undefined && realm.credentials !== credentials) return false;
    return !(served === 1 && realm.singleRequestHandshakes > 1);
  }
  if (realm.scheme === undefined && !request.hasBody) return true;
  return realm.seemsOpen(request);
}

/** Takes `request` to an answer and delivers it; `first` is the answer it got already. */
export class Legs {
  readonly #carrier: LegCarrier;
  readonly #request: ClientRequest;
  /** By status: sides that no handshake will be tried with again. */
  readonly #refusals = new Map<number, NtlmError>();
  /** Whether a stand-in has asked what is asked here. */
  #probed = false;
  /** Method of the empty request that went out in its place. */
  #standIn: string | undefined;
  #legs = 0;

  constructor(carrier: LegCarrier, request: ClientRequest) {
    this.#carrier = carrier;
    this.#request = request;
  }

  async run(first: Answer | undefined): Promise<void> {
    let answer = first;
    let sent = first !== undefined;
    if (first === undefined && this.#carrier.layers.some(isUseless)) await this.#carrier.reconnect();
    for (let restarts = 0; ; restarts += 1) {
      try {
        for (;;) {
          if (answer === undefined) {
            const credentials = await this.#prepare();
            this.#standIn = this.#chooseStandIn();
            if ((this.#legs += 1) > MAX_LEGS) throw tooManyLegs();
            if (this.#isLastChance()) await this.#carrier.linger(LINGER);
            sent = this.#standIn === undefined;
            const form = { standIn: this.#standIn, expect: this.#shouldExpect() };
            answer = await this.#carrier.exchange(this.#request, credentials, form);
          }
          if (await this.#judge(answer)) return;
          answer = undefined;
        }
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        if (restarts === MAX_RESTARTS || (sent && !this.#request.idempotent)) throw closedBetweenLegs();
        answer = undefined;
        sent = false;
        await this.#carrier.reconnect();
      }
    }
  }

  /** Opens the handshakes that are known to be asked for. @returns what the next request carries. */
  async #prepare(): Promise<Field[]> {
    for (const layer of this.#involved()) {
      const { scheme } = layer.realm;
      if (scheme === undefined || layer.message !== undefined || this.#refusals.has(layer.status)) continue;
      if (mayGo(layer, this.#request)) continue;
      const refusal = await layer.open(scheme, this.#request);
      if (refusal !== undefined) this.#note(layer, refusal);
    }
    return this.#carrier.layers.flatMap(({ credentialsField }) => credentialsField ?? []);
  }

  /**
   * What holds a body, or changes something, waits until nothing more can be asked for. Its own method goes
   * out empty only where a 401 stands before it and before no other.
   */
  #chooseStandIn(): string | undefined {
    const request = this.#request;
    const involved = this.#involved();
    const opening = involved.filter(({ message }) => message === 'NEGOTIATE');
    if (opening.length > 0) {
      if (request.carriesNegotiate) return undefined;
      return opening.some(({ realm }) => realm.misleads(request)) ? request.method : STAND_IN_METHOD;
    }
    if (!request.hasBody || this.#probed) return undefined;
    const uncertain = involved.some((layer) => {
      const settled = layer.authenticated || layer.message !== undefined || this.#refusals.has(layer.status);
      return !settled && !mayGo(layer, request);
    });
    return uncertain ? STAND_IN_METHOD : undefined;
  }

  /**
   * Whether a type 3 goes out with a request that must not be sent twice. A server that closes behind its
   * type 2 is then better found out before.
   */
  #isLastChance(): boolean {
    const answers = this.#carrier.layers.some(({ message }) => message === 'AUTHENTICATE');
    return answers && this.#standIn === undefined && !this.#request.idempotent;
  }

  /** @returns whether the client has its answer. */
  async #judge(answer: Answer): Promise<boolean> {
    const request = this.#request;
    const asking = this.#carrier.layers.find(
      ({ status, credentialsName }) => status === answer.head.status && !request.brings(credentialsName),
    );
    for (const layer of this.#carrier.layers) {
      if (layer === asking) break;
      if (layer.message !== 'AUTHENTICATE' && (this.#standIn !== undefined || layer.message !== undefined))
        layer.realm.noteOpen(request);
      const refusal = layer.passed(answer.head);
      if (refusal !== undefined) throw refusal; // who answers is not who they claim to be: the connection goes
    }
    if (asking === undefined) {
      if (this.#standIn !== undefined) return this.#passOver(answer);
      this.#deliver(answer, []);
      return true;
    }

    if (this.#standIn !== undefined) asking.realm.noteAsked(request);
    else asking.realm.noteDemand(request);
    let refusal = this.#refusals.get(asking.status) ?? (await asking.challenged(answer.head, request));
    const unrepeatable = this.#standIn === undefined && !request.repeatable;
    if (refusal === undefined && unrepeatable) refusal = bodyUnrepeatable();
    if (refusal !== undefined) {
      this.#note(asking, refusal);
      if (refusal.code === 'ntlm-not-offered' && this.#standIn !== undefined) return this.#passOver(answer);
      this.#handBack(answer, refusal);
      return true;
    }
    await this.#clear(answer, asking);
    return false;
  }

  /** Whether a 401 is likely enough that a body which cannot be sent twice had better wait for it. */
  #shouldExpect(): boolean {
    if (this.#standIn !== undefined || !this.#request.once) return false;
    return this.#involved().some(({ authenticated, message, realm, status }) => {
      if (message === 'AUTHENTICATE') return realm.mayAskForOthers;
      return !authenticated && realm.scheme !== undefined && !this.#refusals.has(status);
    });
  }

  /** What a stand-in was told is not for the client: the request itself goes next. */
  async #passOver(answer: Answer): Promise<false> {
    this.#probed = true;
    if (!(await this.#carrier.drain(answer))) await this.#carrier.reconnect();
    return false;
  }

  /** Makes room for the next leg: on this connection where that is possible, else on a new one. */
  async #clear(answer: Answer, asking: Layer): Promise<void> {
    const clean = !asking.spoilt && (this.#standIn !== undefined || !this.#request.bodyHeld);
    if (clean && this.#standIn === undefined) await this.#carrier.bodySent();
    if (clean && (await this.#carrier.drain(answer))) return;
    if (asking.message === 'AUTHENTICATE') throw new ConnectionLost(); // a type 3 is worth nothing elsewhere
    await this.#carrier.reconnect();
  }

  #handBack(answer: Answer, refusal: NtlmError): void {
    for (const layer of this.#carrier.layers) layer.abandon();
    this.#deliver(answer, refusal.code === 'ntlm-not-offered' ? [] : [refusalField(refusal)]);
  }

  /** Gives the client an answer, as its own and as the last on this connection where it must be. */
  #deliver(answer: Answer, added: Field[]): void {
    const standIn = this.#standIn !== undefined;
    const held = !standIn && this.#request.bodyHeld;
    const replacements = [...added];
    if (this.#standIn === STAND_IN_METHOD) replacements.push({ name: 'Content-Length', value: '0' });
    if (held && answer.head.status >= 200) replacements.push({ name: 'Connection', value: 'close' });
    const replaced = new Set(replacements.map(({ name }) => name.toLowerCase()));
    replaced.delete('proxy-status'); // a list: ours is the last member
    if (replaced.has('content-length')) replaced.add('transfer-encoding');
    const { startLine, fields } = answer.head;
    const kept = fields.filter(({ name }) => !replaced.has(name.toLowerCase()));
    const head = replacements.length === 0 ? answer.raw : renderHead({ startLine, fields: [...kept, ...replacements] });
    this.#carrier.deliver(answer, head, { forget: standIn || (held && !this.#request.brings('expect')) });
  }

  #note(layer: Layer, refusal: NtlmError): void {
    if (FAILURES.has(refusal.code)) throw refusal;
    this.#refusals.set(layer.status, refusal);
  }

  #involved(): readonly Layer[] {
    return this.#carrier.layers.filter((layer) => isInvolved(layer, this.#request));
  }
}

/** Refusals that are no answer to the request but mistakes or mishaps of this end. */
const FAILURES: ReadonlySet<string> = new Set([
  'invalid-argument',
  'service-failed',
  'unsupported',
  'connection-closed',
  'timed-out',
]);

/** Whether a connection is of no use for this request: it failed before, or is authenticated as somebody else. */
function isUseless({ authenticated, credentials, realm, spoilt }: Layer): boolean {
  if (spoilt) return true;
  return authenticated && realm.credentials !== undefined && realm.credentials !== credentials;
}

function closedBetweenLegs(): NtlmError {
  return new NtlmError('the connection was closed between the legs of the handshake, or before its answer', {
    code: 'connection-closed',
    phase: 'transport',
    side: 'peer',
  });
}

function tooManyLegs(): NtlmError {
  return new NtlmError(`the server has not come to an answer within ${MAX_LEGS} requests`, {
    code: 'too-many-legs',
    phase: 'transport',
    side: 'peer',
  });
}

function bodyUnrepeatable(): NtlmError {
  return new NtlmError(
    'the body went out before the server asked, and cannot be sent again; the next request will authenticate',
    {
      code: 'body-unrepeatable',
      phase: 'transport',
      side: 'local',
    },
  );
}
