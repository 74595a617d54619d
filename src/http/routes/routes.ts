import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { invalidArgument } from '../../errors.ts';
import { bindingsOf } from './bindings.ts';
import { connectTo } from './connect.ts';
import type { LayerOptions } from '../authentication/layer.ts';
import type { ConnectionSide, CredentialsSource } from '../authentication/question.ts';
import { hostOf, originRule, type OriginRule } from './origins.ts';
import { Realms } from '../authentication/realms.ts';
import type { Route } from '../exchange/socket.ts';
import { Teller } from '../exchange/telling.ts';
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

/** One end that may ask for authentication. */
interface Side {
  readonly side: ConnectionSide;
  readonly url: URL;
  readonly source: CredentialsSource;
  readonly allowed: boolean;
  /** It stands behind the other end of the connection, whose certificate is not its own. */
  readonly beyond?: boolean;
}

/** What one agent, dispatcher or fetch knows: its options, and what it learned of each origin. */
export class Routes {
  readonly #settings: RouteSettings;
  readonly #isAllowed: OriginRule;
  readonly #realms: Realms;
  readonly teller = new Teller();

  /** @throws NtlmError `invalid-argument`, naming the option. */
  constructor(settings: RouteSettings) {
    this.#settings = settings;
    this.#isAllowed = originRule(settings.allow);
    this.#realms = new Realms(settings);
  }

  /** Milliseconds, for the opening of a connection too. */
  get legTimeout(): number {
    return this.#settings.limits.legTimeout;
  }

  /** Credentials that were refused may be sent again. */
  forgetRefusals(): void {
    this.#realms.forgetRefusals();
  }

  to({ origin, open, tls }: Target): Route {
    const { proxy, limits, credentials: source } = this.#settings;
    const allowed = this.#isAllowed(origin.origin);
    const server = this.#side({ side: 'server', url: origin, source, allowed });
    if (proxy === undefined) return { open, layers: (socket) => [server(socket)], teller: this.teller, ...limits };

    const toProxy = this.toProxy();
    if (origin.protocol === 'http:') {
      const behind = this.#side({ side: 'server', url: origin, source, allowed, beyond: true });
      return {
        open: toProxy.open,
        layers: (socket) => [...toProxy.layers(socket), behind(socket)],
        absolute: origin.origin,
        teller: this.teller,
        ...limits,
      };
    }
    return {
      open: (done) => openTunnel({ route: toProxy, proxy: proxy.url, origin, tls }, done),
      layers: (socket) => [server(socket)],
      teller: this.teller,
      ...limits,
    };
  }

  /** To the proxy, for those who speak with it themselves: what servers behind it ask for is theirs. */
  toProxy(): Route {
    const { proxy, limits } = this.#settings;
    if (proxy === undefined) throw invalidArgument('proxy', 'is missing');
    const layer = this.#side({ side: 'proxy', url: proxy.url, source: proxy.credentials, allowed: true });
    return {
      open: (done) => connectTo(proxy.url, proxy.ca === undefined ? {} : { ca: proxy.ca }, limits.legTimeout, done),
      layers: (socket) => [layer(socket)],
      teller: this.teller,
      ...limits,
    };
  }

  #side({ side, url, source, allowed, beyond = false }: Side): (socket: Socket) => LayerOptions {
    const { handshake, limits, inspect, spn = `HTTP/${hostOf(url)}`, channelBindings: bound } = this.#settings;
    const realm = this.#realms.of(side, url.origin, source);
    const named = spn === false ? handshake : { ...handshake, spn };
    return (socket) => {
      const bindings = bound && allowed && !beyond ? bindingsOf(socket, url) : undefined;
      return {
        realm,
        allowed,
        handshake: bindings === undefined ? named : { ...named, channelBindings: bindings },
        limits,
        inspect,
      };
    };
  }
}
