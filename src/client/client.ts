import { included } from '#spnego';
import { Actor } from 'xstate';
import { checkToken, hinted } from '#hints';
import type { Credentials } from '../crypto/credentials.ts';
import type { SessionKey } from '../crypto/session-key.ts';
import { checkObject } from '../checks.ts';
import { NtlmError, invalidArgument, localError, type NtlmErrorPhase } from '../errors.ts';
import { createNtlmActor, stateOf, type NtlmActor, type NtlmActorOptions, type NtlmState } from '../machine/actor.ts';
import type { NtlmEvent } from '../machine/context.ts';
import { checkCredentials, type NtlmOptions } from '../machine/options.ts';
import { describeTargetInfo, type TargetInfo } from '../messages/av-pairs.ts';
import type { NtlmSession } from '../session/session.ts';
import type { Spnego } from '../spnego/_included.ts';
import type { SpnegoActor } from '../spnego/actor.ts';
import type { SpnegoEvent } from '../spnego/context.ts';

/** What the server said of itself in its challenge. */
export interface ChallengeTarget extends TargetInfo {
  /** TargetName of the message: domain or server. */
  readonly name: string;
  /** The server's nonce, 8 bytes. */
  readonly serverChallenge: Uint8Array<ArrayBuffer>;
}

/**
 * Options of {@link NtlmClient}: those of a handshake, and whether SPNEGO goes around it.
 *
 * ```ts
 * import { NtlmClient } from 'ntlmachine';
 *
 * const client = new NtlmClient({ credentials, spnego: true, spn: 'LDAP/dc1.castle.example' });
 * ```
 */
export interface NtlmClientOptions extends NtlmOptions {
  /**
   * Whether the messages go inside SPNEGO (RFC 4178), as the HTTP scheme `Negotiate` wants them; default `false`.
   * `true` works where modules load as on Node. A bundle for browsers has SPNEGO only if it is handed over:
   * `import { spnego } from 'ntlmachine/spnego'`, then `{ credentials, spnego }`.
   */
  readonly spnego?: boolean | Spnego | undefined;
}

/** What {@link NtlmClient.step} makes of the server's token. */
export interface NtlmStep {
  /** To be sent; `undefined` where this end has nothing more to say. */
  readonly token: Uint8Array<ArrayBuffer> | undefined;
  /** Whether this end waits for no token any more. Whether the server took the last one, its protocol tells. */
  readonly done: boolean;
}

/**
 * One NTLM handshake, call by call: bytes in, bytes out.
 *
 * ```ts
 * import { NtlmClient } from 'ntlmachine';
 *
 * const client = new NtlmClient({ credentials });
 * send(client.negotiate());
 * send(client.respond(await receive()));
 * client.accepted();
 * ```
 *
 * A call that the state does not allow throws NtlmError `unexpected-call` and changes nothing.
 */
export class NtlmClient {
  /** The actor of the handshake, for embedding and inspection. */
  readonly actor: NtlmActor;
  /** The actor of the negotiation around it, where `spnego` asked for one. */
  readonly spnego: SpnegoActor | undefined;

  /**
   * Over a new actor, or over one that is there: `new NtlmClient(openSnapshot(bytes, key))`.
   *
   * @throws NtlmError `invalid-argument`, `too-long` or `unsupported`, naming the option.
   */
  constructor(options: NtlmClientOptions | NtlmActor, actorOptions?: NtlmActorOptions) {
    if (options instanceof Actor) {
      this.actor = options;
      return;
    }
    checkObject('options', options);
    this.spnego = negotiationOf(options.spnego)?.(options, actorOptions);
    this.actor = this.spnego === undefined ? createNtlmActor(options, actorOptions) : handshakeIn(this.spnego);
  }

  /**
   * The next step of the handshake, whatever the mechanism: one loop for every carrier, as `gss_init_sec_context`.
   *
   * ```ts
   * import { NtlmClient } from 'ntlmachine';
   *
   * const client = new NtlmClient({ credentials, spnego: true });
   * let { token } = client.step();
   * while (token !== undefined) {
   *   send(token);
   *   ({ token } = client.step(await receive()));
   * }
   * ```
   *
   * @param token - what the server sent, as received. At the start only where it spoke first: a NegTokenInit2 with
   * SPNEGO, a challenge for `connectionless`. Absent or empty once it says in words of its own protocol, and without
   * a token, that it took the last one: the state is then `authenticated`.
   * @throws NtlmError as the calls of each state; `malformed-token` for a token that is missing or too many, and
   * `unexpected-call` once it is over: both change nothing.
   */
  step(token?: Uint8Array): NtlmStep {
    if (token !== undefined) checkToken('token', token, 'challenge');
    const received = token?.length ? token : undefined;
    switch (this.state) {
      case 'idle':
        if (received === undefined || this.spnego !== undefined) return { token: this.negotiate(received), done: false };
        return this.#answer(received);
      case 'negotiated':
        if (received === undefined) throw malformed('the server sent no challenge', 'challenge');
        return this.#answer(received);
      case 'responded': {
        if (received === undefined) {
          this.accepted();
          return { token: undefined, done: true };
        }
        if (this.#isRaw) throw malformed('NTLM has no message after the type 3', 'authenticate');
        const answer = this.finish(received);
        return { token: answer, done: answer === undefined };
      }
      default:
        throw this.#unexpected('authenticate', 'step()');
    }
  }

  /**
   * The bytes of a type 1 message, or of a NegTokenInit with one.
   *
   * @param hint - SPNEGO only: the NegTokenInit2 of a server that spoke first, as received
   * @throws NtlmError `mechanism-refused` where the hint offers no NTLM
   */
  negotiate(hint?: Uint8Array): Uint8Array<ArrayBuffer> {
    if (hint !== undefined) {
      if (this.spnego === undefined) throw invalidArgument('hint', 'is for SPNEGO only', 'negotiate');
      checkToken('hint', hint, 'negotiate');
    }
    this.#send({ type: 'negotiate', hint }, 'negotiate', 'negotiate()');
    return this.#token('negotiate');
  }

  /**
   * The bytes of a type 3 message that answers `challenge`, a type 2 as received; with SPNEGO both are NegTokenResp,
   * unless the server leaves SPNEGO out.
   *
   * @throws NtlmError whatever keeps the challenge from being answered; the state is then `failed`.
   */
  respond(challenge: Uint8Array): Uint8Array<ArrayBuffer> {
    checkToken('challenge', challenge, 'challenge');
    this.#send({ type: 'challenge', token: challenge }, 'challenge', 'respond()');
    return this.#token('authenticate', challenge);
  }

  /**
   * What the server sent after the type 3 (SPNEGO only), whatever it says.
   *
   * @returns what the server still waits for, its answer to be given to `finish()` or `accepted()` again; `undefined`
   * when that was all and the state is `authenticated`
   * @throws NtlmError `credentials-refused`, `mech-list-mic-mismatch`, `malformed-token`; the state is then `failed`.
   */
  finish(token: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    checkToken('token', token, 'spnego');
    if (!this.spnego?.getSnapshot().can({ type: 'finish', token })) throw this.#unexpected('spnego', 'finish()');
    this.spnego.send({ type: 'finish', token });
    return this.state === 'authenticated' ? undefined : this.#token('spnego');
  }

  /**
   * The server took the type 3 and sent no token along.
   *
   * @throws NtlmError `mech-list-mic-mismatch` where SPNEGO may not end so; the state is then `failed`.
   */
  accepted(): void {
    this.#send({ type: 'accepted' }, 'authenticate', 'accepted()');
    if (this.error !== undefined) throw this.error;
  }

  /** The server refused the type 3. */
  rejected(): void {
    this.#send({ type: 'rejected' }, 'authenticate', 'rejected()');
  }

  /** Forgets this handshake, its keys wiped; the next one may use other credentials. */
  reset(options: { readonly credentials?: Credentials | undefined } = {}): void {
    checkObject('options', options);
    const { credentials } = options;
    if (credentials !== undefined) checkCredentials(credentials);
    this.#send({ type: 'reset', credentials }, 'configure', 'reset()');
  }

  get state(): NtlmState {
    return stateOf(this.#outer.getSnapshot());
  }

  /** What the server said of itself; `undefined` before a challenge was understood. */
  get target(): ChallengeTarget | undefined {
    const { challenge } = this.actor.getSnapshot().context;
    if (challenge === undefined) return undefined;
    return {
      name: challenge.targetName,
      serverChallenge: challenge.serverChallenge.slice(),
      ...describeTargetInfo(challenge.targetInfo ?? []),
    };
  }

  /** The exported session key behind its handle; `undefined` before a response. */
  get sessionKey(): SessionKey | undefined {
    return this.actor.getSnapshot().context.sessionKey;
  }

  /** The flags agreed on, as the response states them; `undefined` before it. */
  get negotiateFlags(): number | undefined {
    return this.actor.getSnapshot().context.negotiateFlags;
  }

  /**
   * The session that SPNEGO has begun: its mechListMIC is the first signed message. Open until `reset()`.
   * `NtlmSession.fromClient` finds it; without SPNEGO it begins one.
   */
  get session(): NtlmSession | undefined {
    return this.spnego?.getSnapshot().context.session;
  }

  /** Why the handshake failed. */
  get error(): NtlmError | undefined {
    return this.#outer.getSnapshot().context.error;
  }

  get #outer(): NtlmActor | SpnegoActor {
    return this.spnego ?? this.actor;
  }

  /** Whether NTLM's messages go without SPNEGO: by the options, or because the server left it out. */
  get #isRaw(): boolean {
    return this.spnego?.getSnapshot().context.raw ?? true;
  }

  #answer(challenge: Uint8Array): NtlmStep {
    return { token: this.respond(challenge), done: this.#isRaw };
  }

  #send(event: NtlmEvent & SpnegoEvent, phase: NtlmErrorPhase, call: string): void {
    if (!this.#outer.getSnapshot().can(event)) throw this.#unexpected(phase, call);
    this.#outer.send(event);
  }

  #unexpected(phase: NtlmErrorPhase, call: string): NtlmError {
    const message = `${call} has no meaning in state "${this.state}"; nothing changed`;
    return localError(message, 'unexpected-call', phase);
  }

  #token(phase: NtlmErrorPhase, received?: Uint8Array): Uint8Array<ArrayBuffer> {
    const snapshot = this.#outer.getSnapshot();
    const { error, token } = snapshot.context;
    if (error !== undefined) throw hinted(error, received);
    if (token === undefined || snapshot.hasTag('busy')) {
      throw localError('a service answers later: take the tokens from the actor instead', 'unsupported', phase);
    }
    return new Uint8Array(token);
  }
}

function malformed(message: string, phase: NtlmErrorPhase): NtlmError {
  return new NtlmError(message, { code: 'malformed-token', phase, side: 'peer' });
}

function negotiationOf(option: unknown): Spnego | undefined {
  if (option === undefined || option === false) return undefined;
  if (typeof option === 'function') return option as Spnego;
  if (option !== true) throw invalidArgument('spnego', 'must be true, false, or the "spnego" of ntlmachine/spnego');
  if (included !== undefined) return included;
  throw localError('"spnego" is not in this build: give it the "spnego" of ntlmachine/spnego', 'unsupported', 'configure');
}

function handshakeIn(spnego: SpnegoActor): NtlmActor {
  return spnego.getSnapshot().children.ntlm as NtlmActor;
}
