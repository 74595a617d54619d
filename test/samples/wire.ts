/**
 * A wire, for samples that have bytes and leave it to their reader how they travel. Who sends first is met by a server
 * that knows alice, who waits for the first bytes by alice.
 */
import { Credentials, NtlmClient } from 'ntlmachine';
import { SpnegoAcceptor } from 'ntlmachine/spnego';
import { speaksOf, surroundings } from './surroundings.ts';

type Answer = (token: Uint8Array) => Promise<Uint8Array | undefined>;

class Wire {
  readonly #credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: surroundings.password });
  readonly #tokens: Uint8Array[] = [];
  #answer: Answer | undefined;
  #accepted: boolean | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Takes its turn, as bytes of a stream do. */
  send(token: Uint8Array): Promise<void> {
    const next = this.#last.then(async () => {
      this.#answer ??= this.#server();
      const answer = await this.#answer(token);
      if (answer !== undefined) this.#tokens.push(answer);
    });
    this.#last = next;
    return next;
  }

  async receive(): Promise<Uint8Array> {
    await this.#last;
    if (this.#tokens.length === 0) this.#answer ??= this.#alice();
    const token = this.#tokens.shift();
    if (token === undefined) throw new Error('the other end of the wire has nothing to say');
    return token;
  }

  /** Whether the server at the other end took who spoke to it last. */
  async wasAccepted(): Promise<boolean> {
    await this.#last;
    return this.#accepted ?? false;
  }

  /** Whether all that was begun with a server at the other end came to its end. */
  async wasRefused(): Promise<boolean> {
    await this.#last;
    return this.#accepted === false;
  }

  #server(): Answer {
    const acceptor = new SpnegoAcceptor({ credentials: this.#credentials });
    this.#accepted = false;
    return async (token) => {
      const step = await acceptor.accept(token);
      this.#accepted = step.state === 'accepted';
      if (step.state !== 'continue') this.#answer = undefined; // another handshake may follow
      return step.token;
    };
  }

  #alice(): Answer {
    const client = new NtlmClient({ credentials: this.#credentials, spnego: speaksOf('SpnegoAcceptor') });
    this.#tokens.push(client.negotiate());
    return async (token) => client.step(token).token;
  }
}

export const wire = new Wire();
