/** Which ways a request may take, in their order, in forward mode. */
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { NtlmError } from '../errors.ts';
import { hostOf } from '../http/routes/urls.ts';
import { isNear } from './admission.ts';
import { Teller } from '../http/exchange/telling.ts';
import type { GatewaySettings } from './options.ts';
import { openPac, type PacFile } from './pac.ts';
import { directly, throughProxy, type Way } from './way.ts';

/** Milliseconds for which an upstream that could not be reached is tried last. */
const DOWN_TIME = 30_000;
/** Beyond, a PAC file names proxies at random. */
const MAX_UNLISTED = 32;

export class Upstreams {
  /** Of all connections to proxies. */
  readonly teller = new Teller();
  readonly #settings: GatewaySettings;
  readonly #listed: readonly { readonly origin: string; readonly way: Way }[];
  readonly #unlisted = new Map<string, Way>();
  readonly #down = new Map<Way, number>();
  readonly #noProxy: readonly string[];
  readonly #direct: Way;
  readonly #directFar: Way;
  readonly #pac: Promise<PacFile> | undefined;

  constructor(settings: GatewaySettings) {
    const { mode } = settings;
    this.#settings = settings;
    this.#listed = mode.kind === 'forward' ? mode.upstreams.map((url) => ({ origin: url.origin, way: throughProxy(url, settings, true, this.teller) })) : [];
    this.#noProxy = mode.kind === 'forward' ? mode.noProxy : [];
    this.#direct = directly(settings, undefined);
    this.#directFar = directly(settings, lookupFar);
    this.#pac = mode.kind === 'forward' && mode.pac !== undefined ? openPac(mode.pac) : undefined;
    this.#pac?.catch(() => {}); // told with each request
  }

  /** `remote`: the client is not on this machine. @throws NtlmError where there is no way. */
  async waysTo(url: URL, remote: boolean): Promise<readonly Way[]> {
    const direct = remote ? this.#directFar : this.#direct;
    if (isExempt(url, this.#noProxy)) return [direct];
    if (this.#pac === undefined) return this.#inOrder(this.#listed.map(({ way }) => way));
    const choices = await (await this.#pac).choose(url);
    const ways = choices.map((choice) => (choice.kind === 'direct' ? direct : this.#proxy(choice.url)));
    if (ways.length > 0) return this.#inOrder(ways);
    throw new NtlmError(`the PAC file names no way to ${url.host}`, {
      code: 'proxy-refused',
      phase: 'transport',
      side: 'local',
    });
  }

  /** But for the way without a proxy: what could not be reached there is the one host that was asked for. */
  noteDown(way: Way): void {
    if (way.direct !== true) this.#down.set(way, performance.now() + DOWN_TIME);
  }

  noteUp(way: Way): void {
    if (this.#down.size > 0) this.#down.delete(way);
  }

  close(): void {
    for (const way of [...this.#listed.map((each) => each.way), ...this.#unlisted.values(), this.#direct, this.#directFar]) {
      way.shared.close();
    }
    this.#pac?.then((pac) => pac.close()).catch(() => {}); // it never opened
  }

  /** A proxy that is not among the upstreams is used, and told nothing of us. */
  #proxy(url: URL): Way {
    const listed = this.#listed.find(({ origin }) => origin === url.origin);
    if (listed !== undefined) return listed.way;
    let way = this.#unlisted.get(url.origin);
    if (way === undefined) {
      if (this.#unlisted.size >= MAX_UNLISTED) {
        for (const each of this.#unlisted.values()) each.shared.close();
        this.#unlisted.clear();
      }
      this.#unlisted.set(url.origin, (way = throughProxy(url, this.#settings, false, this.teller)));
    }
    return way;
  }

  /** Those that could not be reached lately come last. */
  #inOrder(ways: readonly Way[]): readonly Way[] {
    if (this.#down.size === 0) return ways;
    const now = performance.now();
    const isDown = (way: Way): boolean => (this.#down.get(way) ?? 0) > now;
    return [...ways.filter((way) => !isDown(way)), ...ways.filter(isDown)];
  }
}

/** `*`, `host` or `.domain` (each with what lies below it), an address, each with a port if wanted. */
export function isExempt(url: URL, entries: readonly string[]): boolean {
  const host = hostOf(url).toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return entries.some((entry) => {
    const text = entry.trim().toLowerCase();
    if (text === '*') return true;
    const [, name = '', wanted] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(text) === 6 ? `[${text}]` : text) ?? [];
    if (name === '' || (wanted !== undefined && wanted !== port)) return false;
    const bare = name.replace(/^\*?\./, '');
    return host === bare || (isIP(host) === 0 && host.endsWith(`.${bare}`)); // an address has nothing below it
  });
}

/** The system's, which refuses what lies on this machine: a name may point anywhere. */
const lookupFar: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0);
    const far = addresses.filter(({ address }) => !isNear(address));
    const [first] = far;
    if (first === undefined) {
      const refusal = new NtlmError(`${hostname} is an address of this machine, which clients from elsewhere cannot reach`, {
        code: 'origin-refused',
        phase: 'transport',
        side: 'local',
      });
      return callback(refusal, '', 0);
    }
    if (options.all === true) return callback(null, far);
    callback(null, first.address, first.family);
  });
};
