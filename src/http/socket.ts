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
import { Duplex } from 'node:stream';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import { MAX_HEAD_LENGTH, headLength, type Field } from './framing.ts';
import { Layer, type LayerOptions } from './layer.ts';
import { ConnectionLost, Legs, isInvolved, mayGo, type LegCarrier, type LegForm } from './legs.ts';
import { ClientRequest, type RequestForm } from './request.ts';
import { ResponseReader, type Answer } from './response-reader.ts';

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
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

type Callback = (error?: Error | null) => void;

const NOTHING: Buffer = Buffer.alloc(0);
/** Milliseconds, as curl waits. */
const EXPECT_PATIENCE = 1000;

export class NtlmSocket extends Duplex implements LegCarrier {
  /** As of net.Socket: `connect` follows. */
  connecting = true;
  readonly #route: Route;
  #opening: Destroyable | undefined;
  #inner: Socket | undefined;
  #reader: ResponseReader | undefined;
  #layers: readonly Layer[] = [];

  /** What the client wrote and was not looked at yet. */
  #queue: Buffer[] = [];
  #written: Callback | undefined;
  #partialHead = NOTHING;
  #request: ClientRequest | undefined;
  #body: 'hold' | 'send' | 'forget' = 'hold';
  #tunnel = false;
  /** Until the body goes out though no 100 came. */
  #patience: NodeJS.Timeout | undefined;

  /** Legs are under way, and wait for one of these. */
  #running = false;
  #answered: Waiting<Answer> | undefined;
  #bodySent: Waiting<void> | undefined;
  #lost = false;

  #timeout = 0;
  #unreferenced = false;

  constructor(route: Route) {
    super({ allowHalfOpen: false });
    this.#route = route;
    this.#connect([]).catch((error: Error) => this.destroy(error));
  }

  get layers(): readonly Layer[] {
    return this.#layers;
  }

  /** The connection beneath. */
  get inner(): Socket | undefined {
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
        this.#attach(socket, attempts);
        resolve();
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
    if (this.#timeout > 0) socket.setTimeout(this.#timeout);
    if (this.#unreferenced) socket.unref();
    socket
      .on('data', (bytes: Buffer) => reader.push(bytes))
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

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#queue.push(chunk);
    this.#written = callback;
    this.#pump();
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    for (const { chunk } of chunks) this.#queue.push(chunk);
    this.#written = callback;
    this.#pump();
  }

  override _final(callback: Callback): void {
    if (this.#inner === undefined) callback();
    else this.#inner.end(callback);
  }

  override _read(): void {
    if (this.#reader?.flows) this.#inner?.resume();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    const inner = this.#inner;
    this.#release();
    inner?.on('error', () => {}); // too late to matter
    inner?.destroy();
    this.#opening?.destroy();
    this.#opening = undefined;
    this.#queue = [];
    this.#answered?.reject(new ConnectionLost());
    this.#bodySent?.reject(new ConnectionLost());
    callback(error);
  }

  /** Moves what the client wrote as far as it may go. */
  #pump(): void {
    const inner = this.#inner;
    if (inner === undefined || inner.writableNeedDrain) return;
    inner.cork();
    try {
      while (this.#queue.length > 0 && this.#inner === inner && !inner.writableNeedDrain) {
        if (!this.#pumpOne(inner, this.#queue[0]!)) break;
      }
    } catch (error) {
      this.destroy(error as Error);
    } finally {
      inner.uncork();
    }
    if (this.#queue.length > 0 || this.#written === undefined) return;
    const written = this.#written;
    this.#written = undefined;
    written();
  }

  /** @returns whether there may be more to do. */
  #pumpOne(inner: Socket, bytes: Buffer): boolean {
    if (this.#tunnel) {
      this.#queue.shift();
      inner.write(bytes);
      return true;
    }
    const request = this.#request;
    if (request === undefined || request.body.done) {
      if (this.#running) return false;
      this.#queue.shift();
      this.#readHead(bytes);
      return true;
    }
    if (this.#body === 'hold') return false;
    const part = bytes.subarray(0, request.body.take(bytes));
    if (part.length === bytes.length) this.#queue.shift();
    else this.#queue[0] = bytes.subarray(part.length);
    if (this.#body === 'send') {
      request.noteSent(part);
      inner.write(part);
      if (request.body.done) this.#onBodySent();
    }
    return true;
  }

  #readHead(bytes: Buffer): void {
    const head = this.#partialHead.length === 0 ? bytes : Buffer.concat([this.#partialHead, bytes]);
    const length = headLength(head);
    if (length === -1) {
      if (head.length > MAX_HEAD_LENGTH) throw new RangeError('the head of the request is too long');
      this.#partialHead = head;
      return;
    }
    this.#partialHead = NOTHING;
    if (length < head.length) this.#queue.unshift(head.subarray(length));
    const request = new ClientRequest(head.subarray(0, length), this.#route, this.#route.maxRepeatableBody);
    this.#request = request;
    if (this.#layers.every((layer) => !isInvolved(layer, request) || mayGo(layer, request))) {
      this.#send(request, [], { standIn: undefined, expect: false, everything: false });
    } else {
      this.#body = 'hold';
      this.#run(request, undefined);
    }
  }

  #send(request: ClientRequest, credentials: readonly Field[], how: LegForm & { readonly everything: boolean }): void {
    if (how.standIn !== undefined) {
      this.#body = 'hold';
      this.#reader?.expect(how.standIn, how);
      this.#inner?.write(request.renderStandIn(how.standIn, credentials));
      this.#layers.forEach((layer) => layer.sent());
      return;
    }
    const keepAlive = this.#layers.some((layer) => isInvolved(layer, request) && !layer.authenticated);
    this.#reader?.expect(request.method, how);
    const expects = how.expect && !request.brings('expect');
    const fields = expects ? [...credentials, { name: 'Expect', value: '100-continue' }] : credentials;
    this.#inner?.write(request.render(fields, { keepAlive }));
    if (expects) {
      this.#body = 'hold';
      this.#patience = setTimeout(() => this.#releaseBody(), EXPECT_PATIENCE);
      return;
    }
    for (const bytes of request.sentBefore) this.#inner?.write(bytes);
    this.#body = 'send';
    if (request.body.done) this.#onBodySent();
  }

  /** The other end wants the body, or says nothing. */
  #releaseBody(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#body = 'send';
    this.#pump();
  }

  #onInterim(raw: Buffer): void {
    if (this.#patience !== undefined && raw.toString('latin1', 9, 12) === '100') this.#releaseBody();
    else if (this.#body === 'send') this.push(raw);
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
    else if (this.#request !== undefined) this.#run(this.#request, answer);
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
    if (this.#request?.body.done) return Promise.resolve();
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
    this.#body = 'hold';
    await this.#connect(attempts);
  }

  deliver({ head, rest, method }: Answer, bytes: Buffer, { forget }: { forget: boolean }): void {
    if (this.destroyed) return;
    if (forget) this.#body = 'forget';
    this.#tunnel = head.status === 101 || (method === 'CONNECT' && head.status < 300);
    this.push(bytes);
    if (rest.length > 0) this.push(rest);
    this.#reader?.flow();
  }

  // What clients set on a socket, and ask of it

  setTimeout(milliseconds: number, callback?: () => void): this {
    this.#timeout = milliseconds;
    this.#inner?.setTimeout(milliseconds);
    if (callback !== undefined) milliseconds === 0 ? this.off('timeout', callback) : this.once('timeout', callback);
    return this;
  }

  setNoDelay(noDelay?: boolean): this {
    this.#inner?.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelay?: number): this {
    this.#inner?.setKeepAlive(enable, initialDelay);
    return this;
  }

  ref(): this {
    this.#unreferenced = false;
    this.#inner?.ref();
    return this;
  }

  unref(): this {
    this.#unreferenced = true;
    this.#inner?.unref();
    return this;
  }

  /** As of net.Socket: ends it once all is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  get remoteAddress(): string | undefined {
    return this.#inner?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#inner?.remotePort;
  }

  get localAddress(): string | undefined {
    return this.#inner?.localAddress;
  }

  get localPort(): number | undefined {
    return this.#inner?.localPort;
  }

  get encrypted(): boolean {
    return tlsOf(this.#inner) !== undefined;
  }

  get authorized(): boolean {
    return tlsOf(this.#inner)?.authorized ?? false;
  }

  getPeerCertificate(detailed?: boolean): PeerCertificate | DetailedPeerCertificate | undefined {
    return tlsOf(this.#inner)?.getPeerCertificate(detailed);
  }
}

function tlsOf(socket: Socket | undefined): TLSSocket | undefined {
  return socket !== undefined && 'encrypted' in socket ? (socket as TLSSocket) : undefined;
}
