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
import type { Field } from '../wire/head.ts';
import { Layer } from '../authentication/layer.ts';
import { AS_IT_IS, ConnectionLost, type LegCarrier, type LegForm } from './carrier.ts';
import { Legs } from './legs.ts';
import { Outgoing } from './outgoing.ts';
import { RequestQueue, type Written } from './request-queue.ts';
import type { Destroyable, Route } from './route.ts';
import { ClientRequest } from '../wire/request.ts';
import { isPlain } from './sides.ts';
import { ResponseReader, type Answer } from '../wire/response-reader.ts';
import { SocketFacade } from './socket-facade.ts';
import type { ConnectionTelling } from './telling.ts';

const NOTHING: Buffer = Buffer.alloc(0);

export class NtlmSocket extends SocketFacade implements LegCarrier {
  /** Requests that went out so far: those of the client, and every leg that they cost. */
  legs = 0;
  readonly #route: Route;
  readonly #telling: ConnectionTelling;
  #opening: Destroyable | undefined;
  #inner: Socket | undefined;
  #reader: ResponseReader | undefined;
  #outgoing: Outgoing | undefined;
  #layers: readonly Layer[] = [];

  readonly #queue = new RequestQueue({
    begin: (head) => this.#begin(new ClientRequest(head, this.#route, this.#route.maxRepeatableBody)),
    body: (part) => this.#outgoing?.body(this.#queue.request!, part),
  });

  /** Legs are under way, and wait for an answer. */
  #running = false;
  #answered: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | undefined;
  #lost = false;

  constructor(route: Route) {
    super(route);
    this.#route = route;
    this.#telling = route.teller.connection();
    this.#connect([]).catch((error: Error) => this.destroy(error));
  }

  get probe(): boolean {
    return this.#route.probe;
  }

  get layers(): readonly Layer[] {
    return this.#layers;
  }

  /** With the server, while the connection is authenticated and where that was asked for. */
  get session(): NtlmSession | undefined {
    return this.#layers.find(({ realm }) => realm.side === 'server')?.session;
  }

  override get inner(): Socket | undefined {
    return this.#inner;
  }

  /** Gives the connection beneath away as it is. */
  detach(): Socket | undefined {
    const inner = this.#inner;
    inner?.pause();
    this.#release();
    this.destroy();
    return inner;
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
          reject(cause as Error); // thrown from here it would end the process
        }
      }, this.progress);
    });
  }

  #attach(socket: Socket, attempts: readonly number[]): void {
    this.#inner = socket;
    this.#lost = false;
    this.#layers = this.#route
      .layers(socket)
      .map((options, index) => new Layer(options, attempts[index] ?? 1, (error) => this.#onRefused(error)));
    this.#reader = new ResponseReader(
      {
        flow: (bytes) => void (this.push(bytes) || socket.pause()),
        interim: (raw) => this.#outgoing?.interim(raw),
        answer: (answer) => this.#onAnswer(answer),
        passed: () => this.#onPassed(),
        failed: (error) => this.#onFailed(error),
        pause: () => socket.pause(),
        resume: () => socket.resume(),
      },
      this.#route.legTimeout,
    );
    const reader = this.#reader;
    this.#telling.opened(socket, this.#layers);
    this.#outgoing = new Outgoing(
      { socket, queue: this.#queue, reader, layers: this.#layers, limits: this.#route },
      {
        sent: (head) => {
          this.legs += 1;
          this.#telling.sent(head);
        },
        interim: (raw) => void this.push(raw),
        released: () => this.#pump(),
        failed: (error) => this.#onFailed(error),
      },
    );
    socket
      .on('data', (bytes: Buffer) => {
        this.#telling.received(bytes);
        reader.push(bytes);
      })
      .on('drain', () => this.#pump())
      .on('timeout', () => this.emit('timeout'))
      .on('error', (error) => this.#onLost(socket, error))
      .on('end', () => this.#onLost(socket))
      .on('close', () => this.#onLost(socket));
    this.passOn(socket);
    this.#pump();
  }

  #onLost(socket: Socket, error?: Error): void {
    if (socket !== this.#inner) return;
    this.#lost = true;
    this.#telling.closed(error);
    const partial = this.#reader?.end() ?? NOTHING;
    if (this.#running) {
      this.#answered?.reject(new ConnectionLost());
      this.#outgoing?.close();
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

  #release(): void {
    this.#telling.closed();
    this.#inner?.removeAllListeners();
    this.#reader?.end();
    this.#outgoing?.close();
    this.#layers.forEach((layer) => layer.close());
    this.#inner = undefined;
    this.#reader = undefined;
    this.#outgoing = undefined;
    this.#layers = [];
  }

  // What the client writes

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: Written): void {
    this.#queue.push([chunk], written);
    this.#pump();
  }

  override _writev(chunks: { chunk: Buffer }[], written: Written): void {
    this.#queue.push(
      chunks.map(({ chunk }) => chunk),
      written,
    );
    this.#pump();
  }

  override _final(callback: Written): void {
    if (this.#inner === undefined) callback();
    else this.#inner.end(callback);
  }

  override _read(): void {
    if (this.#reader?.flows) this.#inner?.resume();
  }

  override _destroy(error: Error | null, callback: Written): void {
    const inner = this.#inner;
    this.#telling.closed(error);
    this.#release();
    inner?.on('error', () => {}); // too late to matter
    inner?.destroy();
    this.#opening?.destroy();
    this.#opening = undefined;
    this.#queue.clear();
    this.#answered?.reject(new ConnectionLost());
    setImmediate(callback, error); // net.Socket closes a turn later: fetch hangs on a response that breaks before it has it
  }

  #pump(): void {
    const inner = this.#inner;
    if (inner === undefined) return;
    try {
      this.#queue.pump(inner, () => !this.#running);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  /** What is wrong with the answer to a stand-in is no matter of the client's. */
  #onFailed(error: Error): void {
    const peers = error instanceof NtlmError && error.side === 'peer';
    if (!peers || this.#outgoing?.standsIn !== true || this.#answered === undefined) this.destroy(error);
    else this.#answered.reject(new ConnectionLost(error.message, { late: error.code === 'timed-out' }));
  }

  /** A handshake failed that nobody waits for. */
  #onRefused(error: NtlmError): void {
    if (this.#outgoing === undefined) this.destroy(error);
    else this.#outgoing.overdue(error);
  }

  #onPassed(): void {
    this.#queue.request?.letGo();
    this.#layers.forEach((layer) => layer.notePassed());
  }

  #begin(request: ClientRequest): ClientRequest {
    this.#queue.request = request;
    if (this.#layers.every((layer) => isPlain(layer, request))) {
      this.#outgoing?.send(request, [], AS_IT_IS, false);
    } else {
      this.#queue.body = 'hold';
      this.#run(request, undefined);
    }
    return request;
  }

  // Legs

  #onAnswer(answer: Answer): void {
    this.#outgoing?.answered(answer.head.status);
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
        if (this.#lost && this.#reader?.flows) this.#end();
        this.#pump();
      });
  }

  exchange(request: ClientRequest, credentials: readonly Field[], form: LegForm): Promise<Answer> {
    if (this.#lost || this.destroyed) return Promise.reject(new ConnectionLost(undefined, { sent: false }));
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
      this.#outgoing?.send(request, credentials, form, true);
      this.#pump();
    });
  }

  async drain(answer: Answer, most: number): Promise<boolean> {
    if (this.#lost || this.#reader === undefined) return false;
    return (await this.#reader.drain(answer, most)) && !this.#lost;
  }

  endBody(): boolean {
    return !this.#lost && this.#outgoing?.endBody() === true;
  }

  bodySent(): Promise<void> {
    if (this.#lost || this.#outgoing === undefined) return Promise.reject(new ConnectionLost());
    return this.#outgoing.bodySent();
  }

  async isQuiet(milliseconds: number): Promise<boolean> {
    this.#reader?.hold();
    this.#inner?.resume(); // a paused socket does not tell of its end
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return !this.#lost && !this.destroyed && this.#reader?.isQuiet === true;
  }

  async reconnect(): Promise<void> {
    if (this.destroyed) throw new ConnectionLost();
    const attempts = this.#layers.map(({ attempt }) => attempt);
    const inner = this.#inner;
    this.#release();
    inner?.on('error', () => {}); // too late to matter
    inner?.destroy();
    this.#queue.body = 'hold';
    await this.#connect(attempts);
  }

  deliver({ head, method }: Answer, bytes: Buffer, { forget }: { forget: boolean }): void {
    if (this.destroyed) return;
    this.#queue.request?.letGo();
    if (forget) this.#queue.body = 'forget';
    this.#queue.tunnel = head.status === 101 || (method === 'CONNECT' && head.status < 300);
    this.push(bytes);
    this.#reader?.flow();
  }
}
