/** One handshake on one connection: the acceptor of its legs, and the one guess at a password that it is worth. */
import type { AcceptorOptions } from '../../acceptor/context.ts';
import type { ClaimedIdentity } from '../../acceptor/verdict.ts';
import { isVerifier } from '../../acceptor/verifier.ts';
import { NtlmError } from '../../errors.ts';
import type { NtlmSession } from '../../session/session.ts';
import { SpnegoAcceptor, type SpnegoAcceptorStep } from '../../spnego/acceptor/acceptor.ts';
import type { SpnegoAcceptorOptions, SpnegoRefusal } from '../../spnego/acceptor/context.ts';
import type { Guess, RefusalLimits } from './refusal-limits.ts';

/** What says that the password was wrong, or might as well have been. */
const GUESSES: ReadonlySet<SpnegoRefusal> = new Set<SpnegoRefusal>(['unknown-user', 'wrong-credentials', 'account-refused']);

export class Handshake {
  readonly #acceptor: SpnegoAcceptor;
  readonly #limits: RefusalLimits;
  readonly #address: string | undefined;
  #guess: Guess | undefined;
  #isOver = false;
  #claimed: ClaimedIdentity | undefined;
  #retryAfter: number | undefined;

  constructor(options: SpnegoAcceptorOptions, limits: RefusalLimits, address: string | undefined) {
    this.#acceptor = new SpnegoAcceptor({ ...options, credentials: this.#limited(options.credentials) });
    this.#limits = limits;
    this.#address = address;
  }

  /** Signing and sealing with the accepted client, where SIGN was agreed on, until {@link end}. */
  get session(): NtlmSession | undefined {
    return this.#acceptor.session;
  }

  /** Who the client says it is, once somebody was asked. */
  get claimed(): ClaimedIdentity | undefined {
    return this.#claimed;
  }

  /** Milliseconds until a password may be tried again, where the limit is reached. */
  get retryAfter(): number | undefined {
    return this.#retryAfter;
  }

  /** @throws NtlmError as `SpnegoAcceptor.accept`; `too-many-refusals` */
  async accept(token: Uint8Array): Promise<SpnegoAcceptorStep> {
    const step = await this.#acceptor.accept(token);
    if (step.state === 'accepted') this.#guess?.settle('accepted');
    if (step.state === 'refused') this.#guess?.settle(GUESSES.has(step.reason) ? 'refused' : 'open');
    return step;
  }

  /** Its keys are wiped. */
  end(): void {
    this.#isOver = true;
    this.#acceptor.reset();
    this.#guess?.settle('open');
  }

  #limited(credentials: AcceptorOptions['credentials']): AcceptorOptions['credentials'] {
    if (isVerifier(credentials)) {
      return {
        verify: async (question) => {
          await this.#begin(question.identity);
          return credentials.verify(question);
        },
      };
    }
    const find = typeof credentials === 'function' ? credentials : () => credentials;
    return async (identity) => {
      await this.#begin(identity);
      return find(identity);
    };
  }

  async #begin(identity: ClaimedIdentity): Promise<void> {
    this.#claimed = identity;
    const guess = await this.#limits.begin(identity.username, this.#address, () => this.#isOver);
    if (typeof guess !== 'number') {
      this.#guess = guess;
      if (this.#isOver) guess.settle('open');
      return;
    }
    this.#retryAfter = guess;
    throw new NtlmError('too many passwords were refused: none is tried for a while', {
      code: 'too-many-refusals',
      phase: 'authenticate',
      side: 'local',
    });
  }
}
