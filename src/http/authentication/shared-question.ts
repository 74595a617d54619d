/**
 * One question to the app, for all the connections that wait for its answer. It ends with its answer, or with the last
 * of them: an app that never answers is asked again by the next request, and what it says too late counts for nothing.
 */
import type { Credentials } from '../../crypto/credentials.ts';

export type Answer = Credentials | undefined;

export interface SharedQuestionOptions {
  /** What led to it. */
  readonly refused: Credentials | undefined;
  readonly ask: () => Answer | Promise<Answer>;
  /** What becomes of an answer in time. */
  readonly take: (answer: Answer) => Answer;
  readonly onEnd: () => void;
}

export class SharedQuestion {
  readonly refused: Credentials | undefined;
  readonly #onEnd: () => void;
  readonly #answer: Promise<Answer>;
  #askers = 0;
  #over = false;

  constructor({ refused, ask, take, onEnd }: SharedQuestionOptions) {
    this.refused = refused;
    this.#onEnd = onEnd;
    this.#answer = (async () => ask())()
      .then((answer) => (this.#over ? undefined : take(answer)))
      .finally(() => this.#end());
    this.#answer.catch(() => {}); // told to those who wait: there may be none left
  }

  /** Rejects once `signal` is aborted, and with what the app throws. */
  answerFor(signal: AbortSignal): Promise<Answer> {
    this.#askers += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#askers -= 1;
        if (this.#askers === 0) this.#end();
        reject(signal.reason as Error);
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      this.#answer.finally(() => signal.removeEventListener('abort', leave)).then(resolve, reject);
    });
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnd();
  }
}
