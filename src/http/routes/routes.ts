import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { invalidArgument } from '../../errors.ts';
import { bindingsOf, holdTo } from './bindings.ts';
import { connectTo } from './connect.ts';
import type { LayerOptions } from '../authentication/layer-options.ts';
import type { Negotiator } from '../authentication/negotiator.ts';
import type { ConnectionSide, CredentialsSource } from '../authentication/question.ts';
import { originName, originRule, type OriginRule } from './origins.ts';
import { Realms } from '../authentication/realms.ts';
import type { Open, Route } from '../exchange/route.ts';
import { Teller } from '../exchange/telling.ts';
import type { ProxySettings, RouteSettings } from './settings.ts';
import { spnOf, type Spn } from './spn.ts';
import { openTunnel } from './tunnel.ts';
import { hostOf } from './urls.ts';

/** Where a request goes, and how its carrier would connect there. */
export interface Target {
  /** `https:` or `http:`, host and port. */
  readonly origin: URL;
  /** Of the Unix socket, or the pipe, that is connected to instead. */
  readonly socketPath?: string | undefined;
  /** Opens a plain or TLS connection straight to it. */
  readonly open: Open;
  /** TLS options of the carrier, for a connection that is opened through a proxy. */
  readonly tls: ConnectionOptions;
}

/** One end that may ask for authentication. */
interface Side {
  readonly side: ConnectionSide;
  readonly url: URL;
  /** Of its origin. */
  readonly name: string;
  readonly source: CredentialsSource;
  readonly negotiator: Negotiator | undefined;
  readonly handshake: ProxySettings['handshake'];
  readonly spn: Spn | undefined;
  readonly allowed: boolean;
  /** It stands behind the other end of the connection, whose certificate is not its own. */
  readonly beyond?: boolean;
}

/** What one agent, dispatcher or fetch knows: its options, and what it learned of each origin. */
export class Routes {
  readonly #settings: RouteSettings;
  readonly #isAllowed: OriginRule;
  readonly #realms: Realms;
  readonly teller: Teller;

  /** @throws NtlmError `invalid-argument`, naming the option. */
  constructor(settings: RouteSettings, teller = new Teller()) {
    this.#settings = settings;
    this.teller = teller;
    this.#isAllowed = originRule(settings.allow, { eachIsAsked: settings.credentials.others && settings.negotiator === undefined });
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

  /** What goes wrong here, in a function of the caller's say, ends the one connection: its route cannot be opened. */
  to(target: () => Target): Route {
    try {
      return this.#to(target());
    } catch (error) {
      return this.#route({ open: (done) => void done(error as Error), secure: false, layers: () => [] });
    }
  }

  /** To the proxy before `origin`, for those who speak with it themselves: what servers behind it ask for is theirs. */
  toProxy(origin: URL): Route {
    const proxy = this.#settings.proxy(origin);
    if (proxy === undefined) throw invalidArgument('proxy', 'is missing');
    return this.#toProxy(proxy);
  }

  #to({ origin, socketPath, open, tls }: Target): Route {
    const { credentials: source, negotiator, handshake, spn } = this.#settings;
    const name = originName(origin, socketPath);
    const secure = origin.protocol === 'https:';
    const server = { side: 'server', url: origin, name, source, negotiator, handshake, spn, allowed: this.#isAllowed(name) } as const;
    const proxy = socketPath === undefined ? this.#settings.proxy(origin) : undefined;
    if (proxy === undefined) return this.#route({ open, secure, layers: (socket) => [this.#layer(server, socket)] });

    const toProxy = this.#toProxy(proxy);
    if (!secure) {
      return this.#route({
        ...toProxy,
        layers: (socket) => [...toProxy.layers(socket), this.#layer({ ...server, beyond: true }, socket)],
        absolute: origin.origin,
      });
    }
    return this.#route({
      open: (done, progress) => openTunnel({ route: toProxy, proxy, origin, tls }, done, progress),
      secure,
      layers: (socket) => [this.#layer(server, socket)],
    });
  }

  #toProxy({ url, credentials: source, negotiator, handshake, spn, ca }: ProxySettings): Route {
    const nearest = { side: 'proxy', url, name: url.origin, source, negotiator, handshake, spn, allowed: true } as const;
    return this.#route({
      open: (done, progress) => connectTo(url, { ca }, this.legTimeout, done, progress),
      secure: url.protocol === 'https:',
      layers: (socket) => [this.#layer(nearest, socket)],
    });
  }

  #route(way: Pick<Route, 'open' | 'secure' | 'layers' | 'absolute'>): Route {
    return { ...way, teller: this.teller, ...this.#settings.limits };
  }

  #layer({ side, url, name, source, negotiator, handshake, spn: given, allowed, beyond = false }: Side, socket: Socket): LayerOptions {
    const ownName = `HTTP/${hostOf(url)}`;
    const spn = spnOf(given, name) ?? ownName;
    const { limits, inspect, channelBindings: bound } = this.#settings;
    const binds = bound && allowed && !beyond;
    const bindings = binds ? bindingsOf(socket, url) : undefined;
    if (binds) holdTo(bindings, socket, url);
    return {
      realm: this.#realms.of(side, name, source),
      allowed,
      handshake: { ...handshake, ...(spn === false ? {} : { spn }), channelBindings: bindings },
      negotiator: negotiator && {
        of: negotiator,
        input: negotiator.input({ spn: negotiator.spn ?? (spn || ownName), channelBindings: bindings, legTimeout: limits.legTimeout }),
      },
      limits,
      inspect,
    };
  }
}
