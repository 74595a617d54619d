import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { channelBindings } from '../crypto/channel-bindings-sources.ts';
import { NtlmError, invalidArgument } from '../errors.ts';
import type { LayerOptions } from './layer.ts';
import {
  resolveHttpOptions,
  type ConnectionSide,
  type CredentialsSource,
  type HttpOptions,
  type ResolvedHttpOptions,
} from './options.ts';
import { originRule, type OriginRule } from './origins.ts';
import { Realm } from './realm.ts';
import type { Destroyable, Route } from './socket.ts';
import { openTunnel } from './tunnel.ts';

/** Where a request goes, and how its carrier would connect there. */
export interface Target {
  /** `https:` or `http:`, host and port. */
  readonly origin: URL;
  /** Opens a plain or TLS connection straight to it. */
  readonly open: Route['open'];
  /** TLS options of the carrier, for a connection that is opened through a proxy. */
  readonly tls: ConnectionOptions;
}

/** What one agent, dispatcher or fetch knows: its options, and what it learned of each origin. */
export class Routes {
  readonly #options: ResolvedHttpOptions;
  readonly #isAllowed: OriginRule;
  readonly #realms = new Map<string, Realm>();

  /** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
  constructor(options: HttpOptions) {
    this.#options = resolveHttpOptions(options);
    this.#isAllowed = originRule(this.#options.allow);
  }

  /** Milliseconds, for the opening of a connection too. */
  get legTimeout(): number {
    return this.#options.limits.legTimeout;
  }

  to({ origin, open, tls }: Target): Route {
    const { proxy, limits } = this.#options;
    const server = this.#side('server', origin, this.#options.credentials, this.#isAllowed(origin.origin));
    if (proxy === undefined) return { open, layers: (socket) => [server(socket)], ...limits };

    const nearest = this.#side('proxy', proxy.url, proxy.credentials, true);
    const openProxy: Route['open'] = (done) =>
      connectTo(proxy.url, proxy.ca === undefined ? {} : { ca: proxy.ca }, limits.legTimeout, done);
    if (origin.protocol === 'http:') {
      return {
        open: openProxy,
        layers: (socket) => [nearest(socket), server(socket)],
        absolute: origin.origin,
        ...limits,
      };
    }
    const toProxy: Route = { open: openProxy, layers: (socket) => [nearest(socket)], ...limits };
    return {
      open: (done) => openTunnel({ route: toProxy, proxy: proxy.url, origin, tls }, done),
      layers: (socket) => [server(socket)],
      ...limits,
    };
  }

  #side(side: ConnectionSide, url: URL, source: CredentialsSource, allowed: boolean): (socket: Socket) => LayerOptions {
    const { handshake, limits, inspect, spn = `HTTP/${hostOf(url)}`, channelBindings: bound } = this.#options;
    const realm = this.#realm(side, url.origin, source);
    const named = spn === false ? handshake : { ...handshake, spn };
    return (socket) => {
      const bindings = bound ? bindingsOf(socket) : undefined;
      return {
        realm,
        allowed,
        handshake: bindings === undefined ? named : { ...named, channelBindings: bindings },
        limits,
        inspect,
      };
    };
  }

  #realm(side: ConnectionSide, origin: string, source: CredentialsSource): Realm {
    const key = `${side} ${origin}`;
    let realm = this.#realms.get(key);
    if (realm === undefined) this.#realms.set(key, (realm = new Realm(origin, side, source, this.#options.prefer)));
    return realm;
  }
}

/**
 * An origin of its parts, an IPv6 address without its brackets.
 *
 * @throws NtlmError `invalid-argument` for a host of which no URL can be made, such as one with an IPv6 zone.
 */
export function originUrl(protocol: string, host: string, port: string | number): URL {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = `${protocol}//${name}${port === '' ? '' : `:${port}`}`;
  if (!URL.canParse(url)) throw invalidArgument('host', `and "port" make no URL: ${url}`, 'transport');
  return new URL(url);
}

/** The host of a URL, an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

export function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

function bindingsOf(socket: Socket): { hash: Uint8Array } | undefined {
  if (!('encrypted' in socket)) return undefined;
  const { raw } = (socket as TLSSocket).getPeerCertificate();
  try {
    return raw instanceof Uint8Array ? channelBindings.fromCertificate(raw) : undefined;
  } catch (cause) {
    throw transportError('malformed-token', 'the certificate cannot be read, and not be bound ("channelBindings")', cause);
  }
}

function connectTo(
  url: URL,
  tls: ConnectionOptions,
  limit: number,
  done: Parameters<Route['open']>[0],
): Destroyable {
  const host = hostOf(url);
  const port = portOf(url);
  const secure = url.protocol === 'https:';
  const socket = secure
    ? connectTls({ ...tls, host, port, ALPNProtocols: ['http/1.1'], ...(isIP(host) ? {} : { servername: host }) })
    : connectTcp({ host, port, noDelay: true });
  return whenReady(socket, secure, limit, done);
}

/** Tells `done` once when a socket under construction can be used, or never can; `limit`: milliseconds. */
export function whenReady(
  socket: Socket,
  secure: boolean,
  limit: number,
  done: Parameters<Route['open']>[0],
): Destroyable {
  const ready = secure ? 'secureConnect' : 'connect';
  const slow = (): void =>
    void socket.destroy(transportError('timed-out', `the ${secure ? 'TLS handshake' : 'connection'} took too long`));
  const timer = setTimeout(slow, limit);
  const onReady = (): void => {
    clearTimeout(timer);
    socket.off('error', onError);
    done(null, socket);
  };
  const onError = (error: Error): void => {
    clearTimeout(timer);
    socket.off(ready, onReady);
    done(error);
  };
  socket.once(ready, onReady).once('error', onError);
  return {
    destroy: () => {
      clearTimeout(timer);
      socket.off(ready, onReady).off('error', onError);
      socket.on('error', () => {}); // given up: nobody listens any more
      socket.destroy();
    },
  };
}

function transportError(code: 'timed-out' | 'malformed-token', message: string, cause?: unknown): NtlmError {
  return new NtlmError(message, { code, phase: 'transport', side: 'peer', cause });
}
