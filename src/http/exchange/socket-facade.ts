import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';

/** What HTTP clients set on a net.Socket and ask of it, for a stream whose connection beneath may change. */
export abstract class SocketFacade extends Duplex {
  #timeout = 0;
  #unreferenced = false;

  constructor() {
    super({ allowHalfOpen: false });
  }

  /** The connection beneath. */
  abstract get inner(): Socket | undefined;

  /** What was set before, for a connection that is new. */
  protected passOn(socket: Socket): void {
    if (this.#timeout > 0) socket.setTimeout(this.#timeout);
    if (this.#unreferenced) socket.unref();
  }

  setTimeout(milliseconds: number, callback?: () => void): this {
    this.#timeout = milliseconds;
    this.inner?.setTimeout(milliseconds);
    if (callback !== undefined) milliseconds === 0 ? this.off('timeout', callback) : this.once('timeout', callback);
    return this;
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

  get remoteAddress(): string | undefined {
    return this.inner?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.inner?.remotePort;
  }

  get localAddress(): string | undefined {
    return this.inner?.localAddress;
  }

  get localPort(): number | undefined {
    return this.inner?.localPort;
  }

  get encrypted(): boolean {
    return tlsOf(this.inner) !== undefined;
  }

  get authorized(): boolean {
    return tlsOf(this.inner)?.authorized ?? false;
  }

  getPeerCertificate(detailed?: boolean): PeerCertificate | DetailedPeerCertificate | undefined {
    return tlsOf(this.inner)?.getPeerCertificate(detailed);
  }
}

function tlsOf(socket: Socket | undefined): TLSSocket | undefined {
  return socket !== undefined && 'encrypted' in socket ? (socket as TLSSocket) : undefined;
}
