import type { Socket } from 'node:net';
import { NtlmError } from '../../errors.ts';
import type { Layer } from '../authentication/layer.ts';
import type { Field } from '../wire/head.ts';
import { LAST_CHUNK, STAND_IN_METHOD, type ClientRequest } from '../wire/request.ts';
import type { ResponseReader } from '../wire/response-reader.ts';
import { ConnectionLost, type LegForm } from './carrier.ts';
import type { RequestQueue } from './request-queue.ts';
import { RequestWriter } from './request-writer.ts';
import { isInvolved } from './sides.ts';

export interface OutgoingParts {
  readonly socket: Socket;
  readonly queue: RequestQueue;
  readonly reader: ResponseReader;
  readonly layers: readonly Layer[];
  /** Milliseconds. */
  readonly limits: { readonly legTimeout: number; readonly answerTimeout: number };
}

export interface OutgoingSink {
  /** A head goes out. */
  sent(head: string): void;
  /** Bytes of an interim response are the client's. */
  interim(raw: Buffer): void;
  /** A body that waited may go. */
  released(): void;
  /** Of a stand-in: it came to nothing, though the connection is there. */
  failed(error: Error): void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const CONTINUE: Buffer = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
const FOR_THE_CLIENT = { everything: false, limited: false } as const;
/** Milliseconds: for a 100, as curl waits; and for a 401 that nothing was asked for. */
const PATIENCE = 1000;
const MOMENT = 500;

/** What goes out on one connection: a request in the form that was chosen, and its body when that is wanted. */
export class Outgoing {
  readonly #parts: OutgoingParts;
  readonly #sink: OutgoingSink;
  readonly #writer: RequestWriter;
  /** A leg that is not answered, and whether all of it has left. */
  #leg: 'none' | 'leaving' | 'out' = 'none';
  #standsIn = false;
  /** The body goes out in chunks. */
  #chunked = false;
  /** How it stands with a body that waits, and until when it does. */
  #expectation: 'none' | 'waiting' | 'ignored' | 'met' = 'none';
  #patience: NodeJS.Timeout | undefined;
  /** A type 1 whose time is over though its body is still leaving: the limit counts from there. */
  #overdue: NtlmError | undefined;
  #overtime: NodeJS.Timeout | undefined;
  #bodySent: Waiting | undefined;

  constructor(parts: OutgoingParts, sink: OutgoingSink) {
    this.#parts = parts;
    this.#sink = sink;
    this.#writer = new RequestWriter(parts.socket, parts.limits.answerTimeout, {
      out: () => this.#onOut(),
      stalled: () => sink.failed(stalled()),
    });
  }

  /** What is out is no request of the client's. */
  get standsIn(): boolean {
    return this.#standsIn;
  }

  /** As the client wrote it, for whom the answer is. */
  pass(request: ClientRequest): void {
    const { queue, reader, socket } = this.#parts;
    this.#standsIn = false;
    this.#leg = 'none';
    this.#chunked = false;
    reader.expect(request.method, FOR_THE_CLIENT);
    const head = request.render([], { keepAlive: request.wantsClose && this.#isUndecided(request) });
    this.#sink.sent(head);
    socket.write(head, 'latin1');
    queue.body = 'send';
  }

  /** A leg: whatever answers it is for the legs, and limits count from when it has left. */
  send(request: ClientRequest, credentials: readonly Field[], { form, expect, chunked }: LegForm): void {
    const { queue, reader, layers } = this.#parts;
    for (const layer of layers) layer.leaving();
    this.#standsIn = form === 'stand-in';
    this.#leg = 'leaving';
    this.#chunked = chunked;
    queue.body = 'hold';
    if (this.#standsIn) {
      reader.expect(STAND_IN_METHOD, { everything: true, limited: true });
      this.#writeHead(request.renderStandIn(credentials));
      return this.#writer.complete();
    }
    reader.expect(request.method, { everything: true, limited: false });
    const keepAlive = this.#isUndecided(request);
    this.#writeHead(request.render(credentials, { keepAlive, chunked, ...(form === 'waiting' ? { expect } : {}) }));
    if (form === 'waiting') {
      this.#expectation = 'waiting';
      this.#patience = setTimeout(() => this.#onPatienceOut(expect), expect ? PATIENCE : MOMENT);
      return;
    }
    for (const bytes of request.sentBefore) this.#write(bytes);
    queue.body = 'send';
    if (request.body.done) this.#writer.complete();
  }

  /** A part of the body that may go. */
  body(request: ClientRequest, part: Buffer): void {
    this.#write(this.#chunked ? request.chunk(part) : part);
    if (request.body.done) this.#complete();
  }

  /** Says that no more of the body follows, where that can be said. @returns whether the request is complete. */
  endBody(): boolean {
    const { queue } = this.#parts;
    if (!this.#chunked && queue.request?.chunked !== true) return false;
    queue.body = 'hold';
    this.#write(LAST_CHUNK);
    this.#complete();
    return true;
  }

  /** Resolves when the body of the request is out. Rejects with {@link ConnectionLost}, also where the other end takes no more. */
  bodySent(): Promise<void> {
    const { queue, limits } = this.#parts;
    if (queue.request?.body.done) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = new ConnectionLost('the server has answered, and takes no more of the body');
      const timer = setTimeout(() => reject(late), limits.legTimeout);
      this.#bodySent = {
        resolve: () => (clearTimeout(timer), resolve()),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
    });
  }

  /** A response of status 1xx. A 100 that the client did not ask for, or has got, is not its own. */
  interim(raw: Buffer): void {
    const { queue } = this.#parts;
    if (raw.toString('latin1', 9, 12) !== '100') {
      if (queue.body === 'send') this.#sink.interim(raw);
      return;
    }
    const clients = !this.#standsIn && queue.request?.takeContinue() === true;
    if (this.#expectation !== 'none') this.#release('met');
    if (clients) this.#sink.interim(raw);
  }

  /** The answer to what is out is here. */
  answered(status: number): void {
    const asked = status === 401 || status === 407;
    if (this.#expectation === 'ignored') this.#parts.layers.at(-1)?.realm.paths.noteWaitedInVain(asked);
    this.#leg = 'none';
    this.#settle();
  }

  /** A handshake takes too long, unless it is the body beside its type 1 that does. */
  overdue(error: NtlmError): void {
    if (error.code === 'timed-out' && this.#leg === 'leaving' && !this.#standsIn) this.#overdue = error;
    else this.#sink.failed(error);
  }

  /** The connection is gone, or given up. */
  close(): void {
    this.#writer.close();
    this.#settle();
    this.#bodySent?.reject(new ConnectionLost());
    this.#bodySent = undefined;
  }

  /** Whether one may ask for a handshake still, which needs the connection. */
  #isUndecided(request: ClientRequest): boolean {
    return this.#parts.layers.some((layer) => isInvolved(layer, request) && !layer.authenticated);
  }

  #writeHead(head: string): void {
    this.#sink.sent(head);
    this.#write(head);
  }

  /** Only a handshake has to know when its bytes have left. */
  #write(bytes: Buffer | string): void {
    if (this.#leg === 'none') this.#parts.socket.write(bytes, 'latin1');
    else this.#writer.write(bytes);
  }

  #complete(): void {
    if (this.#leg === 'none') this.#onOut();
    else this.#writer.complete();
  }

  #onOut(): void {
    if (this.#leg === 'leaving') {
      this.#leg = 'out';
      for (const layer of this.#parts.layers) layer.sent();
      const overdue = this.#overdue;
      if (overdue !== undefined) this.#overtime = setTimeout(() => this.#sink.failed(overdue), this.#parts.limits.legTimeout);
    }
    this.#bodySent?.resolve();
    this.#bodySent = undefined;
  }

  #onPatienceOut(asked: boolean): void {
    if (!asked && this.#parts.queue.request?.takeContinue()) this.#sink.interim(CONTINUE); // the client's own Expect was left out
    this.#release('ignored');
  }

  #release(expectation: 'ignored' | 'met'): void {
    clearTimeout(this.#patience);
    this.#expectation = expectation;
    this.#parts.queue.body = 'send';
    this.#sink.released();
  }

  #settle(): void {
    clearTimeout(this.#patience);
    clearTimeout(this.#overtime);
    this.#patience = undefined;
    this.#overdue = undefined;
    this.#expectation = 'none';
  }
}

function stalled(): NtlmError {
  return new NtlmError('the other end takes nothing of the request any more', {
    code: 'timed-out',
    phase: 'transport',
    side: 'peer',
  });
}
