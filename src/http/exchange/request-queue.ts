import type { Socket } from 'node:net';
import { HeadReader } from '../wire/head.ts';
import { isPlainHead } from '../wire/plain-head.ts';
import type { ClientRequest } from '../wire/request.ts';
import type { Written } from './handing-duplex.ts';

/** Bytes that are handed on at a time: what is written as one piece tells of its progress only at its end. */
const MAX_PART = 1024 * 1024;

export interface RequestSink {
  /** A head is complete, as text of a character a byte; `plain`: it is known to be. */
  begin(head: string, plain: boolean): ClientRequest;
  /** A part of the body of the request at hand may go. */
  body(part: Buffer): void;
}

/** What the client wrote and may not go out yet: heads until they are complete, bodies until they are wanted. */
export class RequestQueue {
  /** What becomes of body bytes. */
  body: 'hold' | 'send' | 'forget' = 'hold';
  /** Bytes are no longer HTTP and pass as they are. */
  tunnel = false;
  /** The request at hand, or the last one. */
  request: ClientRequest | undefined;
  readonly #sink: RequestSink;
  #chunks: Buffer[] = [];
  readonly #heads = new HeadReader('local');
  #written: Written | undefined;

  constructor(sink: RequestSink) {
    this.#sink = sink;
  }

  /** `written` is told when all of it went out: until then the client waits. */
  push(chunks: readonly Buffer[], written: Written): void {
    for (const chunk of chunks) if (chunk.length > 0) this.#chunks.push(chunk); // an empty one would end a body in chunks
    this.#written = written;
  }

  /** Begins a request whose head came as one text, as most do. @returns whether it was one, and may begin. */
  begin(text: string): boolean {
    const between = this.request === undefined || this.request.body.done;
    if (!between || this.tunnel || this.#chunks.length > 0 || this.#heads.started || !isPlainHead(text)) return false;
    this.request = this.#sink.begin(text, true);
    return true;
  }

  clear(): void {
    this.#chunks = [];
  }

  /** Moves what may go to `socket`. A request begins only where `mayBegin` says so. */
  pump(socket: Socket, mayBegin: () => boolean): void {
    const several = this.#chunks.length > 1;
    if (several) socket.cork();
    try {
      while (this.#chunks.length > 0 && !socket.writableNeedDrain && !socket.destroyed) {
        if (!this.#pumpOne(socket, this.#chunks[0]!, mayBegin)) break;
      }
    } finally {
      if (several) socket.uncork();
    }
    if (this.#chunks.length > 0 || this.#written === undefined) return;
    const written = this.#written;
    this.#written = undefined;
    written();
  }

  /** @returns whether there may be more to do. */
  #pumpOne(socket: Socket, bytes: Buffer, mayBegin: () => boolean): boolean {
    if (this.tunnel) {
      this.#chunks.shift();
      socket.write(bytes);
      return true;
    }
    const { request } = this;
    if (request === undefined || request.body.done) {
      if (!mayBegin()) return false;
      this.#chunks.shift();
      this.#readHead(bytes);
      return true;
    }
    if (this.body === 'hold') return false;
    const part = bytes.subarray(0, request.body.take(bytes.length > MAX_PART ? bytes.subarray(0, MAX_PART) : bytes));
    if (part.length === bytes.length) this.#chunks.shift();
    else this.#chunks[0] = bytes.subarray(part.length);
    if (this.body === 'send') {
      request.noteSent(part);
      this.#sink.body(part);
    }
    return true;
  }

  #readHead(bytes: Buffer): void {
    const whole = this.#heads.read(bytes);
    if (whole === undefined) return;
    if (whole.rest.length > 0) this.#chunks.unshift(whole.rest);
    this.request = this.#sink.begin(whole.raw.toString('latin1'), false);
  }
}
