import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { channelBindings } from '../../crypto/channel-bindings-sources.ts';
import { NtlmError } from '../../errors.ts';
import { connectTo } from './connect.ts';
import type { LayerOptions } from '../authentication/layer.ts';
import type { ConnectionSide, CredentialsSource } from '../authentication/question.ts';
import { hostOf, originRule, type OriginRule } from './origins.ts';
import { Realm } from '../authentication/realm.ts';
import type { Route } from '../exchange/socket.ts';
import type { RouteSettings } from './settings.ts';
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
  readonly #settings: RouteSettings;
  readonly #isAllowed: OriginRule;
  readonly #realms = new Map<string, Realm>();

  /** @throws NtlmError `invalid-argument`, naming the option. */
  constructor(settings: RouteSettings) {
    this.#settings = settings;
    this.#isAllowed = originRule(settings.allow);
  }

  /** Milliseconds, for the opening of a connection too. */
  get legTimeout(): number {
    return this.#settings.limits.legTimeout;
  }

  to({ origin, open, tls }: Target): Route {
    const { proxy, limits } = this.#settings;
    const server = this.#side('server', origin, this.#settings.credentials, this.#isAllowed(origin.origin));
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
    const { handshake, limits, inspect, spn = `HTTP/${hostOf(url)}`, channelBindings: bound } = this.#settings;
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
    if (realm === undefined) this.#realms.set(key, (realm = new Realm(origin, side, source, this.#settings.prefer)));
    return realm;
  }
}

function bindingsOf(socket: Socket): { hash: Uint8Array } | undefined {
  if (!('encrypted' in socket)) return undefined;
  const { raw } = (socket as TLSSocket).getPeerCertificate();
  try {
    return raw instanceof Uint8Array ? channelBindings.fromCertificate(raw) : undefined;
  } catch (cause) {
    throw new NtlmError('the certificate cannot be read, and not be bound ("channelBindings")', {
      code: 'malformed-token',
      phase: 'transport',
      side: 'peer',
      cause,
    });
  }
}
