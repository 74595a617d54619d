import type { Credentials } from '../crypto/credentials.ts';
import type { SessionKey } from '../crypto/session-key.ts';
import { NtlmError, invalidArgument, type NtlmErrorPhase } from '../errors.ts';
import { createNtlmActor, stateOf, type NtlmActor, type NtlmActorOptions, type NtlmState } from '../machine/actor.ts';
import type { NtlmEvent } from '../machine/context.ts';
import { checkCredentials, checkObject, type NtlmOptions } from '../machine/options.ts';
import { describeTargetInfo, type TargetInfo } from '../messages/av-pairs.ts';
import { isBytes } from '../messages/checks.ts';

/** What the server said of itself in its challenge. */
export interface ChallengeTarget extends TargetInfo {
  /** TargetName of the message: domain or server. */
  readonly name: string;
  /** The server's nonce, 8 bytes. */
  readonly serverChallenge: Uint8Array;
}

/**
 * One NTLM handshake, call by call: bytes in, bytes out.
 *
 * ```ts
 * const client = new NtlmClient({ credentials });
 * send(client.negotiate());
 * send(client.respond(await receive()));
 * client.accepted();
 * ```
 *
 * A call that the state does not allow throws NtlmError `unexpected-call` and changes nothing.
 */
export class NtlmClient {
  /** The actor behind the calls, for embedding and inspection. */
  readonly actor: NtlmActor;

  /** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
  constructor(options: NtlmOptions, actorOptions?: NtlmActorOptions) {
    this.actor = createNtlmActor(options, actorOptions);
  }

  /** The bytes of a type 1 message. */
  negotiate(): Uint8Array {
    this.#send({ type: 'negotiate' }, 'negotiate', 'negotiate()');
    return this.#token('negotiate');
  }

  /**
   * The bytes of a type 3 message that answers `challenge`, a type 2 as received.
   *
   * @throws NtlmError whatever keeps the challenge from being answered; the state is then `failed`.
   */
  respond(challenge: Uint8Array): Uint8Array {
    if (!isBytes(challenge)) throw invalidArgument('challenge', 'must be a Uint8Array', 'challenge');
    this.#send({ type: 'challenge', token: challenge }, 'challenge', 'respond()');
    return this.#token('authenticate');
  }

  /** The server took the type 3. */
  accepted(): void {
    this.#send({ type: 'accepted' }, 'authenticate', 'accepted()');
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
    return stateOf(this.actor.getSnapshot());
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

  /** Why the handshake failed. */
  get error(): NtlmError | undefined {
    return this.actor.getSnapshot().context.error;
  }

  #send(event: NtlmEvent, phase: NtlmErrorPhase, call: string): void {
    if (!this.actor.getSnapshot().can(event)) {
      throw new NtlmError(`${call} has no meaning in state "${this.state}"; nothing changed`, {
        code: 'unexpected-call',
        phase,
        side: 'local',
      });
    }
    this.actor.send(event);
  }

  #token(phase: NtlmErrorPhase): Uint8Array {
    const snapshot = this.actor.getSnapshot();
    const { error, token } = snapshot.context;
    if (error !== undefined) throw error;
    if (token === undefined || snapshot.hasTag('busy')) {
      throw new NtlmError('a service answers later: take the tokens from the actor instead', {
        code: 'unsupported',
        phase,
        side: 'local',
      });
    }
    return token.slice();
  }
}
