import { checkToken } from '#hints';
import { createActor, waitFor, type Actor } from 'xstate';
import type { ClaimedIdentity, Verified } from '../../acceptor/verdict.ts';
import type { SessionKey } from '../../crypto/session-key.ts';
import { localError, type NtlmError } from '../../errors.ts';
import type { NtlmSession } from '../../session/session.ts';
import type { AcceptorMechanism, SpnegoAcceptorEvent, SpnegoAcceptorOptions, SpnegoRefusal } from './context.ts';
import type { KerberosVerified } from './kerberos.ts';
import { spnegoAcceptorMachine } from './machine.ts';
import { ofNtlm } from './setup.ts';

export type SpnegoAcceptorActor = Actor<typeof spnegoAcceptorMachine>;
export type SpnegoAcceptorState =
  'listening' | 'negotiating' | 'presented' | 'challenging' | 'challenged' | 'verifying' | 'confirming' | 'accepted' | 'refused';

/** What an acceptor makes of a client's token. */
export type SpnegoAcceptorStep =
  /** `token` is to be sent, and another one is due. */
  | { readonly state: 'continue'; readonly token: Uint8Array<ArrayBuffer> }
  /** `token` is to be sent, where there is one. */
  | { readonly state: 'accepted'; readonly token: Uint8Array<ArrayBuffer> | undefined; readonly result: Verified | KerberosVerified }
  /** `token`, where there is one, says `reject`. */
  | {
      readonly state: 'refused';
      readonly token: Uint8Array<ArrayBuffer> | undefined;
      readonly reason: SpnegoRefusal;
      /** What it came to; `undefined` where that cannot be told. */
      readonly mechanism: AcceptorMechanism | undefined;
      readonly error: NtlmError;
      /** Who the client said it was; `undefined` where that cannot be read. */
      readonly identity: ClaimedIdentity | undefined;
    };

/**
 * The server's end of one negotiation, token by token; it takes SPNEGO and NTLMSSP without it, and
 * Kerberos where it is given what takes tickets. One acceptor belongs to one connection.
 *
 * ```ts
 * import { SpnegoAcceptor } from 'ntlmachine/spnego';
 *
 * const acceptor = new SpnegoAcceptor({ credentials });
 * let step = await acceptor.accept(await receive());
 * while (step.state === 'continue') {
 *   send(step.token);
 *   step = await acceptor.accept(await receive());
 * }
 * ```
 */
export class SpnegoAcceptor {
  readonly actor: SpnegoAcceptorActor;

  /** @throws NtlmError `invalid-argument`, naming the option. */
  constructor(options: SpnegoAcceptorOptions) {
    this.actor = createActor(spnegoAcceptorMachine, { input: options });
    const snapshot = this.actor.getSnapshot();
    if (snapshot.status === 'error') throw snapshot.error;
    this.actor.start();
  }

  /**
   * The bytes of a NegTokenInit2, for protocols in which the server speaks first (MS-SPNG 3.2.5.2).
   *
   * @throws NtlmError `unexpected-call` once the client spoke
   */
  hint(): Uint8Array<ArrayBuffer> {
    this.#send({ type: 'hint' }, 'hint()');
    return Uint8Array.from(this.actor.getSnapshot().context.token!);
  }

  /**
   * What to make of `token`, as received. Never throws for what the client sent.
   *
   * @throws NtlmError `unexpected-call` when it is over; `service-failed` where the credentials could not be looked up, or
   * what takes tickets failed
   */
  async accept(token: Uint8Array): Promise<SpnegoAcceptorStep> {
    checkToken('token', token, 'spnego');
    this.#send({ type: 'token', token }, 'accept()');
    const { context } = await waitFor(this.actor, (snapshot) => !snapshot.hasTag('busy'));
    const bytes = context.token && Uint8Array.from(context.token);
    switch (this.state) {
      case 'accepted':
        return { state: 'accepted', token: bytes, result: context.result! };
      case 'refused':
        if (context.refusal === undefined) throw context.error;
        return { state: 'refused', token: bytes, reason: context.refusal, mechanism: context.mechanism, error: context.error!, identity: context.claimed };
      case 'listening':
        throw localError('the negotiation was reset', 'aborted', 'spnego');
      default:
        return { state: 'continue', token: bytes! };
    }
  }

  /** Forgets this negotiation, its keys wiped and its session closed. */
  reset(): void {
    this.actor.send({ type: 'reset' });
  }

  get state(): SpnegoAcceptorState {
    const { value } = this.actor.getSnapshot();
    return (typeof value === 'string' ? value : Object.keys(value)[0]) as SpnegoAcceptorState;
  }

  /** Who was accepted. */
  get identity(): ClaimedIdentity | undefined {
    return this.#verified?.identity;
  }

  /** Of NTLM. */
  get sessionKey(): SessionKey | undefined {
    return ofNtlm(this.#verified)?.sessionKey;
  }

  /** Signing and sealing with the accepted client, where SIGN was agreed on with NTLM. */
  get session(): NtlmSession | undefined {
    return this.#verified && this.actor.getSnapshot().context.session;
  }

  get #verified(): Verified | KerberosVerified | undefined {
    return this.state === 'accepted' ? this.actor.getSnapshot().context.result : undefined;
  }

  #send(event: SpnegoAcceptorEvent, call: string): void {
    if (!this.actor.getSnapshot().can(event)) {
      throw localError(`${call} has no meaning in state "${this.state}"; nothing changed`, 'unexpected-call', 'spnego');
    }
    this.actor.send(event);
  }
}
