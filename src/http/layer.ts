import { createActor, type Actor } from 'xstate';
import type { Credentials } from '../crypto/credentials.ts';
import { NtlmError } from '../errors.ts';
import type { NtlmOptions } from '../machine/options.ts';
import { parseChallenges } from './challenges.ts';
import { connectionMachine, type ConnectionEvent, type ConnectionInspector } from './connection-machine.ts';
import { valuesOf, type Field, type ResponseHead } from './framing.ts';
import { chooseOffer, decodeToken68, mechanismOf, type HttpScheme, type Mechanism } from './mechanism.ts';
import type { ConnectionSide, Limits } from './options.ts';
import type { Realm } from './realm.ts';

/** RFC 9110 11.6 and 11.7 */
const FIELDS = {
  server: { status: 401, challenge: 'www-authenticate', credentials: 'Authorization' },
  proxy: { status: 407, challenge: 'proxy-authenticate', credentials: 'Proxy-Authorization' },
} as const satisfies Record<ConnectionSide, object>;

export interface LayerOptions {
  readonly realm: Realm;
  /** Whether a handshake may go there at all. */
  readonly allowed: boolean;
  readonly handshake: Omit<NtlmOptions, 'credentials'>;
  readonly limits: Limits;
  readonly inspect: ConnectionInspector | undefined;
}

/** One side of one connection that may ask for authentication: its actor, seen through header fields. */
export class Layer {
  readonly realm: Realm;
  readonly allowed: boolean;
  readonly status: 401 | 407;
  readonly actor: Actor<typeof connectionMachine>;
  /** Requests answered since the handshake, its own included. */
  served = 0;
  /** A type 3 was refused here. Servers are seen that take no other handshake on such a connection (mod_auth_gssapi). */
  spoilt = false;
  #authenticated = false;
  #message: 'NEGOTIATE' | 'AUTHENTICATE' | undefined;
  #value = '';
  #mechanism: Mechanism = mechanismOf('NTLM');
  #decision: ((refusal: NtlmError | undefined) => void) | undefined;

  /** `onTimeout` is told where a leg took too long; every other refusal answers the call that led to it. */
  constructor(
    { realm, allowed, handshake, limits, inspect }: LayerOptions,
    attempt: number,
    onTimeout: (error: NtlmError) => void,
  ) {
    this.realm = realm;
    this.allowed = allowed;
    this.status = FIELDS[realm.side].status;
    const { legTimeout, answerTimeout, maxAttempts } = limits;
    this.actor = createActor(connectionMachine, {
      input: {
        side: realm.side,
        origin: realm.origin,
        handshake,
        ask: (question) => realm.ask(question),
        legTimeout,
        answerTimeout,
        maxAttempts,
        attempt,
      },
      ...(inspect === undefined ? {} : { inspect }),
    });
    this.actor.on('authorize', ({ message, token }) => {
      const { scheme = 'NTLM' } = this.actor.getSnapshot().context;
      if (message === 'NEGOTIATE') this.#mechanism = mechanismOf(scheme);
      this.#message = message;
      this.#value = `${scheme} ${Buffer.from(this.#mechanism.wrap(token)).toString('base64')}`;
      this.#decide(undefined);
    });
    this.actor.on('refused', ({ error }) => {
      this.#message = undefined;
      if (this.#decision === undefined) onTimeout(error);
      else this.#decide(error);
    });
    this.actor.start();
  }

  /** Of the field that carries credentials, in lower case. */
  get credentialsName(): string {
    return FIELDS[this.realm.side].credentials.toLowerCase();
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** Whose connection this is. */
  get credentials(): Credentials | undefined {
    return this.actor.getSnapshot().context.credentials;
  }

  get attempt(): number {
    return this.actor.getSnapshot().context.attempt;
  }

  /** What the next request carries. */
  get message(): 'NEGOTIATE' | 'AUTHENTICATE' | undefined {
    return this.#message;
  }

  get credentialsField(): Field | undefined {
    return this.#message === undefined ? undefined : { name: FIELDS[this.realm.side].credentials, value: this.#value };
  }

  /** Opens a handshake unasked. Resolves with the refusal, if there is one. */
  open(scheme: HttpScheme): Promise<NtlmError | undefined> {
    return this.#send({ type: 'authenticate', scheme });
  }

  /** Takes a 401 or 407. Resolves with the refusal, if there is one. */
  challenged(head: ResponseHead): Promise<NtlmError | undefined> {
    const { context } = this.actor.getSnapshot();
    const challenges = parseChallenges(valuesOf(head, FIELDS[this.realm.side].challenge));
    const offer = chooseOffer(challenges, this.#message && context.scheme);
    if (offer === undefined) return this.#send({ type: 'unauthorized' });
    const { scheme, token68 } = offer;
    if (!this.allowed) return Promise.resolve(originRefused(this.realm.origin));
    this.realm.scheme = scheme;
    try {
      const token = token68 === undefined ? undefined : this.#mechanism.unwrap(decodeToken68(token68));
      return this.#send({ type: 'unauthorized', scheme, token });
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
      return this.#send({ type: 'unauthorized', scheme, error });
    }
  }

  /** The request at hand was answered otherwise. */
  passed(): void {
    if (this.#message !== undefined) this.actor.send({ type: 'passed' });
    if (this.#message === 'AUTHENTICATE') {
      this.#authenticated = true;
      this.realm.accepted();
      this.served = 0;
    }
    this.#message = undefined;
    this.notePassed();
  }

  /** The same for a request that carried no credentials of ours: the common case, kept cheap. */
  notePassed(): void {
    if (!this.#authenticated) this.realm.noteUnasked();
    else if (++this.served === 2) this.realm.singleRequestHandshakes = 0;
  }

  /** Type 3 is out, and all that follows it. */
  sent(): void {
    if (this.#message === 'AUTHENTICATE') this.actor.send({ type: 'sent' });
  }

  close(): void {
    this.actor.send({ type: 'close' });
    this.#decide(
      new NtlmError('the connection is closed', { code: 'connection-closed', phase: 'transport', side: 'local' }),
    );
  }

  #send(event: ConnectionEvent): Promise<NtlmError | undefined> {
    if (this.#authenticated && event.type === 'unauthorized' && this.served === 1)
      this.realm.singleRequestHandshakes += 1;
    if (this.#message === 'AUTHENTICATE') this.spoilt = true;
    this.#authenticated = false;
    return new Promise((resolve) => {
      this.#decision = resolve;
      this.actor.send(event);
    });
  }

  #decide(refusal: NtlmError | undefined): void {
    const decision = this.#decision;
    this.#decision = undefined;
    decision?.(refusal);
  }
}

function originRefused(origin: string): NtlmError {
  return new NtlmError(`${origin} asks for NTLM and is not among the origins of "allow"`, {
    code: 'origin-refused',
    phase: 'transport',
    side: 'local',
  });
}
