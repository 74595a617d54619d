import { checkToken, hinted } from '#hints';
import { createActor, waitFor, type Actor } from 'xstate';
import type { SessionKey } from '../crypto/session-key.ts';
import { localError, type NtlmErrorPhase } from '../errors.ts';
import type { AcceptorEvent, AcceptorOptions } from './context.ts';
import { acceptorMachine } from './machine.ts';
import type { ClaimedIdentity, VerifyResult } from './verdict.ts';

export type AcceptorActor = Actor<typeof acceptorMachine>;
export type AcceptorState = 'listening' | 'challenging' | 'challenged' | 'verifying' | 'accepted' | 'refused';

/**
 * The server's end of one handshake, call by call. One acceptor belongs to one connection.
 * A call that the state does not allow throws NtlmError `unexpected-call` and changes nothing.
 */
export class NtlmAcceptor {
  readonly actor: AcceptorActor;

  /** @throws NtlmError `invalid-argument`, naming the option. */
  constructor(options: AcceptorOptions) {
    this.actor = createActor(acceptorMachine, { input: options });
    const snapshot = this.actor.getSnapshot();
    if (snapshot.status === 'error') throw snapshot.error;
    this.actor.start();
  }

  /**
   * The bytes of a type 2 message for `negotiate`, a type 1 as received.
   *
   * @throws NtlmError for a malformed message, a failing clock or source of randomness; the state is then `refused`.
   */
  challenge(negotiate: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#send({ type: 'negotiate', token: negotiate }, 'negotiate', 'challenge()');
    const { error, challengeToken } = this.actor.getSnapshot().context;
    if (error !== undefined) throw hinted(error, negotiate, 'acceptor');
    if (challengeToken === undefined) throw localError('a service answers later', 'unsupported', 'negotiate');
    return challengeToken.slice();
  }

  /**
   * Whether `authenticate`, a type 3 as received, answers the challenge.
   *
   * @throws NtlmError `service-failed` where the credentials could not be looked up; `aborted` where `reset` came first.
   */
  async authenticate(authenticate: Uint8Array): Promise<VerifyResult> {
    this.#send({ type: 'authenticate', token: authenticate }, 'authenticate', 'authenticate()');
    const { context } = await waitFor(this.actor, (snapshot) => !snapshot.hasTag('busy'));
    if (context.result !== undefined) return context.result;
    const { refusal, error, claimed: identity } = context;
    if (refusal !== undefined && error !== undefined) return { ok: false, reason: refusal, error: hinted(error, authenticate, 'acceptor'), identity };
    throw error ?? localError('the handshake was reset', 'aborted', 'authenticate');
  }

  /** Forgets this handshake, its keys wiped. */
  reset(): void {
    this.actor.send({ type: 'reset' });
  }

  get state(): AcceptorState {
    return this.actor.getSnapshot().value;
  }

  /** Who was accepted. */
  get identity(): ClaimedIdentity | undefined {
    return this.actor.getSnapshot().context.result?.identity;
  }

  get sessionKey(): SessionKey | undefined {
    return this.actor.getSnapshot().context.result?.sessionKey;
  }

  #send(event: Exclude<AcceptorEvent, { type: 'reset' }>, phase: NtlmErrorPhase, call: string): void {
    checkToken(event.type, event.token, phase);
    if (!this.actor.getSnapshot().can(event)) {
      throw localError(`${call} has no meaning in state "${this.state}"; nothing changed`, 'unexpected-call', phase);
    }
    this.actor.send(event);
  }
}
