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
import type { Field } from '../wire/head.ts';
import { Layer, type LayerOptions } from '../authentication/layer.ts';
import { ConnectionLost, Legs, isInvolved, mayGo, type LegCarrier, type LegForm } from './legs.ts';
import { RequestQueue, type Written } from './request-queue.ts';
import { ClientRequest, type RequestForm } from '../wire/request.ts';
import { ResponseReader, type Answer } from '../wire/response-reader.ts';
import { SocketFacade } from './socket-facade.ts';
import type { ConnectionTelling, Teller } from './telling.ts';

/** Something under construction that can be given up. */
export interface Destroyable {
  destroy(): void;
}

/** How to get to the other end. */
export interface Route extends RequestForm {
  /** Opens a connection that is ready for HTTP/1.1, and says so once. */
  open(done: (error: Error | null, socket?: Socket) => void): Destroyable | undefined;
  /** Those who may ask for authentication on it, the nearest first. */
  layers(socket: Socket): readonly LayerOptions[];
  readonly legTimeout: number;
  readonly maxRepeatableBody: number;
  readonly teller: Teller;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

const NOTHING: Buffer = Buffer.alloc(0);
/** Milliseconds, as curl waits. */
const EXPECT_PATIENCE = 1000;

export class NtlmSocket extends SocketFacade implements LegCarrier {
  /** As of net.Socket: `connect` follows. */
  connecting = true;
  readonly #route: Route;
  readonly #telling: ConnectionTelling;
  #opening: Destroyable | undefined;
  #inner: Socket | undefined;
  #reader: ResponseReader | undefined;
  #layers: readonly Layer[] = [];

  readonly #queue = new RequestQueue({
    begin: (head) => this.#begin(new ClientRequest(head, this.#route, this.#route.maxRepeatableBody)),
    bodySent: () => this.#onBodySent(),
  });
  /** Until the body goes out though no 100 came. */
  #patience: NodeJS.Timeout | undefined;

  /** Legs are under way, and wait for one of these. */
  #running = false;
  #answered: Waiting<Answer> | undefined;
  #bodySent: Waiting<void> | undefined;
  #lost = false;

  constructor(route: Route) {
    super();
    this.#route = route;
    this.#telling = route.teller.connection();
    this.#connect([]).catch((error: Error) => this.destroy(error));
  }

  get layers(): readonly Layer[] {
    return this.#layers;
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
      });
    });
  }

  #attach(socket: Socket, attempts: readonly number[]): void {
    this.#inner = socket;
    this.#lost = false;
    this.#layers = this.#route
      .layers(socket)
      .map((options, index) => new Layer(options, attempts[index] ?? 1, (error) => this.destroy(error)));
    this.#reader = new ResponseReader(
      {
        flow: (bytes) => void (this.push(bytes) || socket.pause()),
        interim: (raw) => this.#onInterim(raw),
        answer: (answer) => this.#onAnswer(answer),
        passed: () => this.#layers.forEach((layer) => layer.notePassed()),
        failed: (error) => this.destroy(error),
        pause: () => socket.pause(),
        resume: () => socket.resume(),
      },
      this.#route.legTimeout,
    );
    const reader = this.#reader;
    this.#telling.opened(socket, this.#layers);
    this.passOn(socket);
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
    if (this.connecting) {
      this.connecting = false;
      this.emit('connect');
      this.emit('ready');
    }
    this.#pump();
  }

  #onLost(socket: Socket, error?: Error): void {
    if (socket !== this.#inner) return;
    this.#lost = true;
    this.#telling.closed(error);
    const partial = this.#reader?.end() ?? NOTHING;
    if (this.#running) {
      this.#answered?.reject(new ConnectionLost());
      this.#bodySent?.reject(new ConnectionLost());
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
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#layers.forEach((layer) => layer.close());
    this.#inner = undefined;
    this.#reader = undefined;
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
    this.#bodySent?.reject(new ConnectionLost());
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

  #begin(request: ClientRequest): ClientRequest {
    this.#queue.request = request;
    if (this.#layers.every((layer) => !isInvolved(layer, request) || mayGo(layer, request))) {
      this.#send(request, [], { standIn: undefined, expect: false, everything: false });
    } else {
      this.#queue.body = 'hold';
      this.#run(request, undefined);
    }
    return request;
  }

  #send(request: ClientRequest, credentials: readonly Field[], how: LegForm & { readonly everything: boolean }): void {
    this.#layers.forEach((layer) => layer.leaving());
    if (how.standIn !== undefined) {
      this.#queue.body = 'hold';
      this.#reader?.expect(how.standIn, how);
      this.#writeHead(request.renderStandIn(how.standIn, credentials));
      this.#layers.forEach((layer) => layer.sent());
      return;
    }
    const keepAlive = this.#layers.some((layer) => isInvolved(layer, request) && !layer.authenticated);
    this.#reader?.expect(request.method, how);
    const expects = how.expect && !request.brings('expect');
    const fields = expects ? [...credentials, { name: 'Expect', value: '100-continue' }] : credentials;
    this.#writeHead(request.render(fields, { keepAlive }));
    if (expects) {
      this.#queue.body = 'hold';
      this.#patience = setTimeout(() => this.#releaseBody(), EXPECT_PATIENCE);
      return;
    }
    for (const bytes of request.sentBefore) this.#inner?.write(bytes);
    this.#queue.body = 'send';
    if (request.body.done) this.#onBodySent();
  }

  #writeHead(head: Buffer): void {
    this.#telling.sent(head);
    this.#inner?.write(head);
  }

  /** The other end wants the body, or says nothing. */
  #releaseBody(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#queue.body = 'send';
    this.#pump();
  }

  #onInterim(raw: Buffer): void {
    if (this.#patience !== undefined && raw.toString('latin1', 9, 12) === '100') this.#releaseBody();
    else if (this.#queue.body === 'send') this.push(raw);
  }

  #onBodySent(): void {
    this.#layers.forEach((layer) => layer.sent());
    this.#bodySent?.resolve();
    this.#bodySent = undefined;
  }

  // Legs

  #onAnswer(answer: Answer): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
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
    if (this.#lost || this.destroyed) return Promise.reject(new ConnectionLost());
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
      this.#send(request, credentials, { ...form, everything: true });
      this.#pump();
    });
  }

  drain(answer: Answer): Promise<boolean> {
    return this.#reader?.drain(answer) ?? Promise.resolve(false);
  }

  bodySent(): Promise<void> {
    if (this.#lost || this.destroyed) return Promise.reject(new ConnectionLost());
    if (this.#queue.request?.body.done) return Promise.resolve();
    return new Promise((resolve, reject) => (this.#bodySent = { resolve, reject }));
  }

  async linger(milliseconds: number): Promise<void> {
    this.#inner?.resume(); // a paused socket does not tell of its end
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    if (this.#lost || this.destroyed) throw new ConnectionLost();
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
    if (forget) this.#queue.body = 'forget';
    this.#queue.tunnel = head.status === 101 || (method === 'CONNECT' && head.status < 300);
    this.push(bytes);
    this.#reader?.flow();
  }
}
