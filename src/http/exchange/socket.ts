/**
 * A connection that authenticates itself. A client (node:http, undici, whatever speaks HTTP/1.1 without
 * pipelining) writes requests and reads responses as on any socket; the legs of a handshake, and the
 * connections they may cost, stay below.
 *
 * Theory of operation
 * - A request's head is read as the client writes it. Its body flows on at once, or waits unread (and the
 *   client with it, by back-pressure) while stand-ins without a body carry type 1.
 * - Of a response only the status is looked at: whatever is not 401 or 407 flows through untouched.
 * - A 401 or 407 is taken up to the end of its head and shown to the layer it belongs to, whose machine says
 *   what comes next. Where nothing does, the client gets it.
 * - A connection lost between two legs is replaced and the handshake starts over at type 1.
 */
import type { Socket } from 'node:net';
import { NtlmError } from '../../errors.ts';
import type { NtlmSession } from '../../session/session.ts';
import type { Field, ResponseHead } from '../wire/head.ts';
import type { Layer } from '../authentication/layer.ts';
import { ConnectionLost, type LegCarrier, type LegForm } from './carrier.ts';
import { Connection } from './connection.ts';
import { discard } from './discard.ts';
import type { Written } from './handing-duplex.ts';
import { Legs } from './legs.ts';
import { RequestQueue } from './request-queue.ts';
import type { Destroyable, Route } from './route.ts';
import { ClientRequest } from '../wire/request.ts';
import { isPlain } from './sides.ts';
import type { Answer } from '../wire/response-reader.ts';
import { SocketFacade } from './socket-facade.ts';
import type { ConnectionTelling } from './telling.ts';

export class NtlmSocket extends SocketFacade implements LegCarrier {
  /** Requests that went out so far: those of the client, and every leg that they cost. */
  legs = 0;
  readonly #route: Route;
  readonly #onHead: ((head: ResponseHead) => void) | undefined;
  readonly #telling: ConnectionTelling;
  #opening: Destroyable | undefined;
  #beneath: Connection | undefined;

  readonly #queue = new RequestQueue({
    begin: (head, plain) => this.#begin(new ClientRequest(head, plain, this.#route, this.#route.maxRepeatableBody)),
    body: (part) => this.#beneath?.outgoing.body(this.#queue.request!, part),
  });

  /** Legs are under way, and wait for an answer. */
  #running = false;
  #answered: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | undefined;

  /** `onHead` is told of an answer that the legs saw, as every one to a CONNECT is, before it becomes bytes. */
  constructor(route: Route, onHead?: (head: ResponseHead) => void) {
    super(route);
    this.#route = route;
    this.#onHead = onHead;
    this.#telling = route.teller.connection();
    this.#connect([]).catch((error: Error) => this.destroy(error));
  }

  get probe(): boolean {
    return this.#route.probe;
  }

  get layers(): readonly Layer[] {
    return this.#beneath?.layers ?? [];
  }

  /** With the server, while the connection is authenticated and where that was asked for. */
  get session(): NtlmSession | undefined {
    return this.layers.find(({ realm }) => realm.side === 'server')?.session;
  }

  override get inner(): Socket | undefined {
    return this.#beneath?.socket;
  }

  /** Gives the connection beneath away as it is. */
  detach(): Socket | undefined {
    const socket = this.#release();
    socket?.pause();
    this.destroy();
    return socket;
  }

  // The connection beneath

  #connect(attempts: readonly number[]): Promise<void> {
    this.awaitConnection();
    return new Promise((resolve, reject) => {
      this.#opening = this.#route.open((error, socket) => {
        this.#opening = undefined;
        if (socket === undefined) return reject(error ?? new ConnectionLost());
        if (this.destroyed) return void socket.destroy();
        try {
          this.#attach(socket, attempts);
          resolve();
        } catch (cause) {
          if (this.inner !== socket) discard(socket);
          reject(cause as Error); // thrown from here it would end the process
        }
      }, this.progress);
    });
  }

  #attach(socket: Socket, attempts: readonly number[]): void {
    const parts = { socket, route: this.#route, queue: this.#queue, telling: this.#telling, attempts };
    this.#beneath = new Connection(parts, {
      flow: (bytes) => this.hand(bytes),
      interim: (raw) => void this.push(raw),
      sent: () => (this.legs += 1),
      answer: (answer) => this.#onAnswer(answer),
      passed: () => this.#queue.request?.letGo(),
      released: () => this.#pump(),
      failed: (error) => this.#onFailed(error),
      refused: (error) => this.#onRefused(error),
      timeout: () => this.emit('timeout'),
      lost: (partial, error) => this.#onLost(partial, error),
    });
    this.#telling.opened(socket, this.layers);
    this.passOn(socket);
    this.#pump();
  }

  #onLost(partial: Buffer, error: Error | undefined): void {
    if (this.#running) {
      this.#answered?.reject(new ConnectionLost());
      this.#beneath?.outgoing.close();
    } else if (error !== undefined) {
      this.destroy(error);
    } else {
      if (partial.length > 0) this.push(partial); // a head that was cut off is the client's to judge
      this.#end();
    }
  }

  #ended = false;
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.push(null);
  }

  #release(): Socket | undefined {
    const beneath = this.#beneath;
    this.#beneath = undefined;
    this.#telling.closed();
    beneath?.release();
    return beneath?.socket;
  }

  #drop(): void {
    const socket = this.#release();
    if (socket !== undefined) discard(socket);
  }

  // What the client writes

  protected override takeParts(parts: readonly Buffer[], written: Written): void {
    this.#queue.push(parts, written);
    this.#pump();
  }

  /** A text that is a head goes on as it is. */
  protected override takeAtOnce(text: string): boolean {
    return !this.#running && this.#beneath?.socket.writableNeedDrain === false && this.#queue.begin(text);
  }

  override _final(callback: Written): void {
    if (this.#beneath === undefined) callback();
    else this.#beneath.socket.end(callback);
  }

  override _read(): void {
    if (this.#beneath?.reader.flows) this.#beneath.socket.resume();
  }

  override _destroy(error: Error | null, callback: Written): void {
    this.#telling.closed(error);
    this.#drop();
    this.#opening?.destroy();
    this.#opening = undefined;
    this.#queue.clear();
    this.#answered?.reject(new ConnectionLost());
    setImmediate(callback, error); // net.Socket closes a turn later: fetch hangs on a response that breaks before it has it
  }

  #pump(): void {
    if (this.#beneath === undefined) return;
    try {
      this.#queue.pump(this.#beneath.socket, () => !this.#running);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  /** What is wrong with the answer to a stand-in is no matter of the client's. */
  #onFailed(error: Error): void {
    const peers = error instanceof NtlmError && error.side === 'peer';
    if (!peers || this.#beneath?.outgoing.standsIn !== true || this.#answered === undefined) this.destroy(error);
    else this.#answered.reject(new ConnectionLost(error.message, { late: error.code === 'timed-out' }));
  }

  /** A handshake failed that nobody waits for. */
  #onRefused(error: NtlmError): void {
    if (this.#beneath === undefined) this.destroy(error);
    else this.#beneath.outgoing.overdue(error);
  }

  #begin(request: ClientRequest): ClientRequest {
    this.#queue.request = request;
    if (isPlain(this.layers, request)) {
      this.#beneath?.outgoing.pass(request);
    } else {
      this.#queue.body = 'hold';
      this.#run(request, undefined);
    }
    return request;
  }

  // Legs

  #onAnswer(answer: Answer): void {
    this.#beneath?.outgoing.answered(answer.head.status);
    if (this.#answered !== undefined) this.#answered.resolve(answer);
    else if (this.#queue.request !== undefined) this.#run(this.#queue.request, answer);
    this.#answered = undefined;
  }

  #run(request: ClientRequest, first: Answer | undefined): void {
    this.#running = true;
    new Legs(this, request)
      .run(first)
      .catch((error: Error) => void (this.destroyed || this.destroy(error)))
      .finally(() => {
        this.#running = false;
        if (this.#beneath?.lost && this.#beneath.reader.flows) this.#end();
        this.#pump();
      });
  }

  /** The connection beneath, if there is one that lives. */
  get #alive(): Connection | undefined {
    return this.#beneath?.lost === false ? this.#beneath : undefined;
  }

  async exchange(request: ClientRequest, credentials: readonly Field[], form: LegForm): Promise<Answer> {
    const quiet = await this.isQuiet(0);
    const alive = this.#alive;
    if (!quiet || alive === undefined) throw new ConnectionLost(undefined, { sent: false });
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
      alive.outgoing.send(request, credentials, form);
      this.#pump();
    });
  }

  async drain(answer: Answer, most: number): Promise<boolean> {
    return (await this.#alive?.reader.drain(answer, most)) === true && this.#alive !== undefined;
  }

  endBody(): boolean {
    return this.#alive?.outgoing.endBody() === true;
  }

  bodySent(): Promise<void> {
    return this.#alive?.outgoing.bodySent() ?? Promise.reject(new ConnectionLost());
  }

  async isQuiet(milliseconds: number): Promise<boolean> {
    const alive = this.#alive;
    return alive !== undefined && (await alive.isQuiet(milliseconds)) && alive === this.#beneath;
  }

  async reconnect(): Promise<void> {
    if (this.destroyed) throw new ConnectionLost();
    const attempts = this.layers.map(({ attempt }) => attempt);
    this.#drop();
    this.#queue.body = 'hold';
    await this.#connect(attempts);
  }

  deliver({ head, raw, method }: Answer, { forget }: { forget: boolean }): void {
    if (this.destroyed) return;
    this.#onHead?.(head);
    if (this.destroyed) return; // given away, or given up
    this.#queue.request?.letGo();
    if (forget) this.#queue.body = 'forget';
    this.#queue.tunnel = head.status === 101 || (method === 'CONNECT' && head.status < 300);
    this.push(raw);
    this.#beneath?.reader.flow();
  }
}
