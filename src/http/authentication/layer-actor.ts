import { createActor, waitFor, type Actor } from 'xstate';
import type { Credentials } from '../../crypto/credentials.ts';
import { NtlmError } from '../../errors.ts';
import type { NtlmSession } from '../../session/session.ts';
import type { AuthorizeMessage } from './authorize-message.ts';
import type { ConnectionContext, ConnectionEvent } from './connection-context.ts';
import type { connectionMachine } from './connection-machine.ts';
import type { LayerOptions } from './layer-options.ts';
import { machineWith } from './machine-with.ts';
import type { HttpScheme } from './schemes.ts';
import { guarded } from './observers.ts';

/** Who hears what the actor says. */
export interface LayerActorOwner {
  readonly ask: ConnectionContext['ask'];
  /** What goes first there, where it was not refused before. */
  negotiator(): LayerOptions['negotiator'];
  onAuthorize(message: AuthorizeMessage, scheme: HttpScheme, token: Uint8Array): void;
  /** The next thing is tried: another mechanism, or (no reason) the other scheme. */
  onFallback(reason: NtlmError | undefined): void;
  onRefused(error: NtlmError): void;
  /** What answers no call: a leg that took too long. */
  onUnasked(error: NtlmError): void;
}

/**
 * The actor of one side of a connection, alive while a handshake is, for it weighs as much as all else of a connection;
 * where it is observed, to the end. What has to outlive it is kept here.
 */
export class LayerActor {
  readonly #options: LayerOptions;
  readonly #owner: LayerActorOwner;
  #actor: Actor<typeof connectionMachine> | undefined;
  #observed = false;
  #attempt: number;
  #credentials: Credentials | undefined;
  #decision: ((refusal: NtlmError | undefined) => void) | undefined;
  #made = false;
  /** What `inspect` threw. */
  #broken: NtlmError | undefined;

  /** @throws NtlmError `service-failed`: `inspect` throws at the first it sees. */
  constructor(options: LayerOptions, attempt: number, owner: LayerActorOwner) {
    this.#options = options;
    this.#attempt = attempt;
    this.#owner = owner;
    if (options.inspect !== undefined) this.observed();
    if (this.#broken !== undefined) throw this.#broken;
    this.#made = true;
  }

  /** The actor, for who wants to see it: it then lives as long as the connection. */
  observed(): Actor<typeof connectionMachine> {
    this.#observed = true;
    return this.#wake();
  }

  get attempt(): number {
    return this.#context?.attempt ?? this.#attempt;
  }

  get credentials(): Credentials | undefined {
    return this.#context === undefined ? this.#credentials : this.#context.credentials;
  }

  get session(): NtlmSession | undefined {
    return this.#context?.session;
  }

  get scheme(): HttpScheme | undefined {
    return this.#context?.scheme;
  }

  get isAuthenticated(): boolean {
    return this.#actor?.getSnapshot().matches('authenticated') ?? false;
  }

  /** Sends what the next message or a refusal answers. Resolves with the refusal, if there is one. */
  send(event: ConnectionEvent): Promise<NtlmError | undefined> {
    return new Promise((resolve) => {
      this.#decision = resolve;
      this.#wake().send(event);
    });
  }

  /** Sends what ends a handshake. Resolves with the refusal, if there is one. */
  async conclude(event: ConnectionEvent): Promise<NtlmError | undefined> {
    let refusal: NtlmError | undefined;
    this.#decision = (decided) => (refusal = decided);
    const actor = this.#wake();
    actor.send(event);
    await waitFor(actor, (snapshot) => snapshot.hasTag('settled') || snapshot.status !== 'active');
    this.#decision = undefined;
    return refusal;
  }

  /** Sends what nothing answers. */
  tell(event: ConnectionEvent): void {
    this.#actor?.send(event);
  }

  /** Nothing is under way. */
  rest(): void {
    if (this.#actor === undefined || this.#observed) return;
    this.#credentials = this.credentials;
    this.#attempt = this.attempt;
    this.#actor.stop();
    this.#actor = undefined;
  }

  close(): void {
    this.tell({ type: 'close' });
    this.#decide(new NtlmError('the connection is closed', { code: 'connection-closed', phase: 'transport', side: 'local' }));
  }

  get #context(): ConnectionContext | undefined {
    return this.#actor?.getSnapshot().context;
  }

  #wake(): Actor<typeof connectionMachine> {
    return (this.#actor ??= this.#start());
  }

  #start(): Actor<typeof connectionMachine> {
    const { realm, handshake, limits, inspect } = this.#options;
    const { legTimeout, answerTimeout, maxAttempts } = limits;
    const negotiator = this.#owner.negotiator();
    const actor = createActor(machineWith(negotiator?.of), {
      input: {
        side: realm.side,
        origin: realm.origin,
        handshake,
        ask: this.#owner.ask,
        legTimeout,
        answerTimeout,
        maxAttempts,
        attempt: this.#attempt,
        ...(negotiator === undefined ? {} : { negotiator: { mechanism: negotiator.of.mechanism, ntlm: negotiator.of.ntlm, input: negotiator.input } }),
      },
      ...(inspect === undefined ? {} : { inspect: guarded(inspect, (error) => this.#onInspectorFailed(error)) }),
    });
    actor.on('authorize', ({ message, token }) => {
      this.#owner.onAuthorize(message, actor.getSnapshot().context.scheme ?? 'NTLM', token);
      this.#decide(undefined);
    });
    actor.on('fallback', ({ reason }) => this.#owner.onFallback(reason));
    actor.on('refused', ({ error }) => {
      this.#owner.onRefused(error);
      this.#answer(error);
    });
    return actor.start();
  }

  /** The connection ends. */
  #onInspectorFailed(error: NtlmError): void {
    this.#broken = error;
    if (this.#made) this.#answer(error);
  }

  #answer(refusal: NtlmError): void {
    if (this.#decision === undefined) this.#owner.onUnasked(refusal);
    else this.#decide(refusal);
  }

  #decide(refusal: NtlmError | undefined): void {
    const decision = this.#decision;
    this.#decision = undefined;
    decision?.(refusal);
  }
}
