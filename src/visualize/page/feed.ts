/** A conversation to whoever looks: at most so often, and of it only what has changed. */
import type { ServerResponse } from 'node:http';
import type { Conversation } from '../conversation/conversation.ts';
import { patchOf } from '../flow/patch.ts';

/** Milliseconds between two tellings. */
const PACE = 100;

export class Feed {
  readonly #conversation: () => Conversation;
  /** With what each was told last. */
  readonly #listeners = new Map<ServerResponse, Conversation>();
  #timer: NodeJS.Timeout | undefined;

  constructor(conversation: () => Conversation) {
    this.#conversation = conversation;
  }

  listen(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.once('close', () => this.#listeners.delete(response));
    response.on('drain', () => this.changed());
    const now = this.#conversation();
    this.#listeners.set(response, now);
    response.write(sse('conversation', now));
  }

  /** Costs nothing while nobody looks. */
  changed(): void {
    if (this.#timer !== undefined || this.#listeners.size === 0) return;
    this.#timer = setTimeout(() => this.#tell(), PACE).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const response of this.#listeners.keys()) response.end();
  }

  #tell(): void {
    this.#timer = undefined;
    const now = this.#conversation();
    for (const [response, before] of this.#listeners) {
      if (response.writableNeedDrain) continue; // it is told when it has read what it was told
      this.#listeners.set(response, now);
      response.write(sse('patch', patchOf(before, now)));
    }
  }
}

function sse(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
