import type { Socket } from 'node:net';

export interface WriterSink {
  /** The last byte of a request has left. */
  out(): void;
  /** For the time of the limit the other end took nothing. */
  stalled(): void;
}

/** Writes the legs of a handshake to one connection, and says when a request has left it whole: limits count from there. */
export class RequestWriter {
  readonly #socket: Socket;
  readonly #limit: number;
  readonly #sink: WriterSink;
  /** Writes that have not left. */
  #left = 0;
  #complete = false;
  #timer: NodeJS.Timeout | undefined;

  /** `limit`: milliseconds for which nothing may leave though something is there to be sent. */
  constructor(socket: Socket, limit: number, sink: WriterSink) {
    this.#socket = socket;
    this.#limit = limit;
    this.#sink = sink;
  }

  /** Bytes, or a text of a character a byte. */
  write(bytes: Buffer | string): void {
    this.#left += 1;
    this.#timer ??= setTimeout(() => this.#sink.stalled(), this.#limit);
    this.#socket.write(bytes, 'latin1', (error) => {
      if (error) return; // the connection tells of it
      this.#left -= 1;
      this.#timer?.refresh();
      this.#settle();
    });
  }

  /** What was written is a whole request. */
  complete(): void {
    this.#complete = true;
    this.#settle();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#complete = false;
    this.#left = Infinity;
  }

  #settle(): void {
    if (this.#left > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#complete) return;
    this.#complete = false;
    this.#sink.out();
  }
}
