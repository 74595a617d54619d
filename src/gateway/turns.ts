/**
 * Requests that a client sends before it has its answers (RFC 9112 9.3.2). Each begins when the one before it is over:
 * side by side what changes something could be overtaken, and an answer by the bytes of a tunnel.
 */
import type { Socket } from 'node:net';

export class Turns {
  readonly #last = new WeakMap<Socket, Promise<void>>();

  /** `exchange` never rejects. */
  take(client: Socket, exchange: () => Promise<void>): Promise<void> {
    const turn = this.#last.get(client)?.then(exchange) ?? exchange();
    this.#last.set(client, turn);
    return turn;
  }
}
