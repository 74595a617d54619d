import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HandingDuplex } from './handing-duplex.ts';
import type { Progress } from './route.ts';

/** Bytes: two reads of a connection, so that one which is just being taken does not stop the next. */
const READ_AHEAD = 128 * 1024;

/** What HTTP clients set on a net.Socket, ask of it and wait for, for a stream whose connection beneath may change. */
export abstract class SocketFacade extends HandingDuplex {
  /** As of net.Socket: `connect` follows. */
  connecting = true;
  /** Whether TLS is there, or is to come: as of tls.TLSSocket. */
  readonly encrypted: boolean;
  #timeout = 0;
  #unreferenced = false;
  /** Runs while there is no connection beneath that has one of its own. */
  #timer: NodeJS.Timeout | undefined;

  constructor({ secure }: { readonly secure: boolean }) {
    super({ allowHalfOpen: false, readableHighWaterMark: READ_AHEAD, decodeStrings: false }); // heads come as text and go on as text
    this.encrypted = secure;
  }

  /** The connection beneath. */
  abstract get inner(): Socket | undefined;

  /** A connection is being opened. */
  protected awaitConnection(): void {
    clearTimeout(this.#timer);
    if (this.#timeout === 0 || this.destroyed) return;
    this.#timer = setTimeout(() => !this.destroyed && this.emit('timeout'), this.#timeout).unref();
  }

  /** News of the first connection's construction, in the order and at the time of net.Socket. */
  protected readonly progress: Progress = (event: 'lookup' | 'connect', ...found: unknown[]): void => {
    if (!this.connecting || this.destroyed) return;
    try {
      if (event === 'lookup') return void this.emit('lookup', ...found);
      this.connecting = false;
      this.awaitConnection();
      this.emit('connect');
      this.emit('ready');
    } catch (error) {
      this.destroy(error as Error); // of a listener: where it came from, it would end the process
    }
  };

  #secured = false;
  /** What was set before, for a connection that is new, and what is still to be told of it. */
  protected passOn(socket: Socket): void {
    clearTimeout(this.#timer);
    if (this.#timeout > 0) socket.setTimeout(this.#timeout);
    if (this.#unreferenced) socket.unref();
    this.progress('connect');
    if (!this.encrypted || this.#secured || this.destroyed) return;
    this.#secured = true;
    this.emit('secureConnect');
  }

  setTimeout(milliseconds: number, callback?: () => void): this {
    this.#timeout = milliseconds;
    if (this.inner === undefined) this.awaitConnection();
    else this.inner.setTimeout(milliseconds);
    if (callback !== undefined) milliseconds === 0 ? this.off('timeout', callback) : this.once('timeout', callback);
    return this;
  }

  /** As set; 0 for none. */
  get timeout(): number {
    return this.#timeout;
  }

  setNoDelay(noDelay?: boolean): this {
    this.inner?.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelay?: number): this {
    this.inner?.setKeepAlive(enable, initialDelay);
    return this;
  }

  ref(): this {
    this.#unreferenced = false;
    this.inner?.ref();
    return this;
  }

  unref(): this {
    this.#unreferenced = true;
    this.inner?.unref();
    return this;
  }

  /** As of net.Socket: ends it once all is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** As of net.Socket, by RST where there is no TLS. */
  resetAndDestroy(): this {
    if (this.#tls === undefined) this.inner?.resetAndDestroy();
    return this.destroy();
  }

  address(): ReturnType<Socket['address']> {
    return this.inner?.address() ?? {};
  }

  get remoteAddress(): string | undefined {
    return this.inner?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.inner?.remotePort;
  }

  get remoteFamily(): string | undefined {
    return this.inner?.remoteFamily;
  }

  get localAddress(): string | undefined {
    return this.inner?.localAddress;
  }

  get localPort(): number | undefined {
    return this.inner?.localPort;
  }

  get localFamily(): string | undefined {
    return this.inner?.localFamily;
  }

  /** Of the connection beneath, hidden legs included. */
  get bytesRead(): number {
    return this.inner?.bytesRead ?? 0;
  }

  get bytesWritten(): number {
    return this.inner?.bytesWritten ?? 0;
  }

  get pending(): boolean {
    return this.inner === undefined;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  // As of tls.TLSSocket, and as there before TLS is secured

  get #tls(): TLSSocket | undefined {
    const { inner } = this;
    return inner !== undefined && 'encrypted' in inner ? (inner as TLSSocket) : undefined;
  }

  get authorized(): boolean {
    return this.#tls?.authorized ?? false;
  }

  get authorizationError(): Error | string | null {
    return this.#tls?.authorizationError ?? null;
  }

  get alpnProtocol(): string | false | null {
    return this.#tls?.alpnProtocol ?? null;
  }

  get servername(): string | undefined {
    return (this.#tls as { readonly servername?: string } | undefined)?.servername;
  }

  getPeerCertificate(detailed?: boolean): ReturnType<TLSSocket['getPeerCertificate']> | undefined {
    return this.#tls?.getPeerCertificate(detailed);
  }

  getPeerX509Certificate(): ReturnType<TLSSocket['getPeerX509Certificate']> {
    return this.#tls?.getPeerX509Certificate();
  }

  getCertificate(): ReturnType<TLSSocket['getCertificate']> | undefined {
    return this.#tls?.getCertificate();
  }

  getX509Certificate(): ReturnType<TLSSocket['getX509Certificate']> {
    return this.#tls?.getX509Certificate();
  }

  getCipher(): ReturnType<TLSSocket['getCipher']> | undefined {
    return this.#tls?.getCipher();
  }

  getEphemeralKeyInfo(): ReturnType<TLSSocket['getEphemeralKeyInfo']> | undefined {
    return this.#tls?.getEphemeralKeyInfo();
  }

  getProtocol(): string | null {
    return this.#tls?.getProtocol() ?? null;
  }

  getSession(): Buffer | undefined {
    return this.#tls?.getSession();
  }

  getTLSTicket(): Buffer | undefined {
    return this.#tls?.getTLSTicket();
  }

  getFinished(): Buffer | undefined {
    return this.#tls?.getFinished();
  }

  getPeerFinished(): Buffer | undefined {
    return this.#tls?.getPeerFinished();
  }

  getSharedSigalgs(): string[] | undefined {
    return this.#tls?.getSharedSigalgs();
  }

  exportKeyingMaterial(...asked: Parameters<TLSSocket['exportKeyingMaterial']>): Buffer | undefined {
    return this.#tls?.exportKeyingMaterial(...asked);
  }

  isSessionReused(): boolean {
    return this.#tls?.isSessionReused() ?? false;
  }
}
