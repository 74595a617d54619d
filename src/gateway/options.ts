/** What a gateway is told, read and checked once. */
import { BlockList, isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { checkObject } from '../checks.ts';
import { NtlmError, invalidArgument } from '../errors.ts';
import { HTTP_OPTION_NAMES, type HttpOptions } from '../http/doors/options.ts';
import { httpUrl } from '../http/routes/urls.ts';
import type { GatewayEntry } from './log.ts';

/** Options of an agent that a gateway answers itself: where its connections lead, and who reads their sessions. */
type Answered = 'credentials' | 'allow' | 'proxy' | 'sessionSecurity';
const ANSWERED: ReadonlySet<string> = new Set<Answered>(['credentials', 'allow', 'proxy', 'sessionSecurity']);

/** Options of the handshakes towards the upstream: all others that the agents of `ntlmachine/http` take. */
export type UpstreamHandshake = Omit<HttpOptions, Answered>;

export interface GatewayLimits {
  /** Client connections at one time; default 1000. */
  readonly maxConnections?: number | undefined;
  /** Connections to each upstream, tunnels not counted; default 64. */
  readonly maxUpstreamConnections?: number | undefined;
  /** Bytes of a head, a request's or an answer's; default 64 KiB. */
  readonly maxHeadLength?: number | undefined;
  /** Bytes of a request's body; default none. */
  readonly maxBodyLength?: number | undefined;
  /** Milliseconds until a request's head has come; default 30 000. */
  readonly headTimeout?: number | undefined;
  /** Milliseconds without a byte after which an exchange ends; default 300 000. */
  readonly idleTimeout?: number | undefined;
}

interface CommonOptions extends UpstreamHandshake, GatewayLimits {
  /** The one identity that upstreams see, or a function that is asked for it; or `currentUser()` of `ntlmachine/kerberos`. */
  readonly credentials: HttpOptions['credentials'];
  /** Extra certificate authorities for upstreams that speak TLS. */
  readonly ca?: string | Buffer | (string | Buffer)[] | undefined;
  /** Passwords of clients, by Basic authentication. Without them everybody who reaches the gateway has its identity. */
  readonly clientTokens?: readonly string[] | undefined;
  /** Key and certificate where clients are to speak TLS. */
  readonly tls?: Pick<SecureContextOptions, 'key' | 'cert' | 'pfx' | 'passphrase'> | undefined;
  /** Take clients from other machines without TLS: their tokens and contents then cross the network in the clear. */
  readonly insecureListen?: boolean | undefined;
  /** Told of each exchange when it is over. */
  readonly onExchange?: ((entry: GatewayEntry) => void) | undefined;
}

/** A proxy for clients that know how to use one. */
export interface ForwardOptions extends CommonOptions {
  /** Proxies in the order in which they are tried: `http://proxy.corp:3128`. They alone are given credentials. */
  readonly upstream: string | URL | readonly (string | URL)[];
  /** Hosts that are reached directly: `intranet`, `.corp.example`, `10.0.0.5`, `*`, each with a port if wanted. */
  readonly noProxy?: readonly string[] | undefined;
  /** Text of a proxy auto-configuration file. It chooses the way; credentials go to `upstream` only. */
  readonly pac?: string | undefined;
  readonly to?: undefined;
}

/** A server for clients that speak no NTLM, in front of one that does. */
export interface ReverseOptions extends CommonOptions {
  /** `https://intranet.corp`: where every request goes. */
  readonly to: string | URL;
  /** Further names under which clients may reach the gateway, each `host:port` as in their Host field. */
  readonly hosts?: readonly string[] | undefined;
  readonly upstream?: undefined;
}

export type GatewayOptions = ForwardOptions | ReverseOptions;

export interface GatewaySettings {
  readonly mode: { readonly kind: 'forward'; readonly upstreams: readonly URL[]; readonly noProxy: readonly string[]; readonly pac: string | undefined }
    | { readonly kind: 'reverse'; readonly to: URL; readonly hosts: ReadonlySet<string> };
  readonly credentials: HttpOptions['credentials'];
  readonly handshake: UpstreamHandshake;
  readonly ca: CommonOptions['ca'];
  readonly clientTokens: readonly string[] | undefined;
  readonly tls: CommonOptions['tls'];
  readonly insecureListen: boolean;
  readonly limits: { readonly [Name in keyof GatewayLimits]-?: number };
  readonly onExchange: CommonOptions['onExchange'];
}

type OwnName = Exclude<keyof ForwardOptions | keyof ReverseOptions, keyof UpstreamHandshake>;
const OWN_NAMES: ReadonlySet<string> = new Set<OwnName>([
  ...(['upstream', 'to', 'noProxy', 'pac', 'hosts', 'credentials', 'ca', 'clientTokens', 'tls', 'insecureListen', 'onExchange'] as const),
  ...(['maxConnections', 'maxUpstreamConnections', 'maxHeadLength', 'maxBodyLength', 'headTimeout', 'idleTimeout'] as const),
]);
const isOfHandshake = (name: string): boolean => HTTP_OPTION_NAMES.has(name) && !ANSWERED.has(name);
const SHORTEST_TOKEN = 16;

/** @throws NtlmError `invalid-argument`, naming the option. */
export function resolveGatewayOptions(options: GatewayOptions): GatewaySettings {
  checkObject('options', options);
  const unknown = Object.keys(options).find((name) => !OWN_NAMES.has(name) && !isOfHandshake(name));
  if (unknown !== undefined) throw invalidArgument(unknown, 'is no option of a gateway');
  if ((options.upstream === undefined) === (options.to === undefined)) {
    throw invalidArgument('upstream', 'or "to" must be given, and not both: a proxy to go through, or a server to stand for');
  }
  const { clientTokens, tls, insecureListen = false, onExchange, ca, credentials } = options;
  if (clientTokens !== undefined) checkTokens(clientTokens);
  if (typeof insecureListen !== 'boolean') throw invalidArgument('insecureListen', 'must be true or false');
  return {
    mode: options.to === undefined ? forwardMode(options) : reverseMode(options),
    credentials,
    handshake: Object.fromEntries(Object.entries(options).filter(([name]) => isOfHandshake(name))),
    ca,
    clientTokens,
    tls,
    insecureListen,
    limits: {
      maxConnections: count('maxConnections', options.maxConnections ?? 1000),
      maxUpstreamConnections: count('maxUpstreamConnections', options.maxUpstreamConnections ?? 64),
      maxHeadLength: count('maxHeadLength', options.maxHeadLength ?? 64 * 1024),
      maxBodyLength: count('maxBodyLength', options.maxBodyLength ?? Number.MAX_SAFE_INTEGER),
      headTimeout: count('headTimeout', options.headTimeout ?? 30_000),
      idleTimeout: count('idleTimeout', options.idleTimeout ?? 300_000),
    },
    onExchange,
  };
}

function forwardMode({ upstream, noProxy = [], pac }: ForwardOptions): GatewaySettings['mode'] {
  const upstreams = (Array.isArray(upstream) ? upstream : [upstream]).map((each) => plainOrigin(each, 'upstream'));
  if (upstreams.length === 0) throw invalidArgument('upstream', 'must name a proxy');
  if (!Array.isArray(noProxy) || !noProxy.every((each) => typeof each === 'string')) {
    throw invalidArgument('noProxy', 'must be a list of host names');
  }
  if (pac !== undefined && typeof pac !== 'string') throw invalidArgument('pac', 'must be the text of a PAC file');
  return { kind: 'forward', upstreams, noProxy, pac };
}

function reverseMode({ to, hosts = [] }: ReverseOptions): GatewaySettings['mode'] {
  if (!Array.isArray(hosts)) throw invalidArgument('hosts', 'must be a list such as ["gateway.corp:8080"]');
  return { kind: 'reverse', to: plainOrigin(to, 'to'), hosts: new Set(hosts.map((host) => String(host).toLowerCase())) };
}

/** A URL that is no more than an origin. */
function plainOrigin(value: string | URL, name: string): URL {
  const url = httpUrl(value, name);
  if (url.username !== '' || url.password !== '') {
    throw invalidArgument(name, 'must not carry a password in its URL; give "credentials"');
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw invalidArgument(name, 'must be an origin without a path, such as "https://intranet.corp"');
  }
  return url;
}

function checkTokens(tokens: readonly string[]): void {
  if (!Array.isArray(tokens) || tokens.length === 0 || !tokens.every((token) => typeof token === 'string')) {
    throw invalidArgument('clientTokens', 'must be a list of strings');
  }
  if (tokens.some((token) => token.length < SHORTEST_TOKEN)) {
    throw invalidArgument('clientTokens', `must each have at least ${SHORTEST_TOKEN} characters`);
  }
}

function count(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) throw invalidArgument(name, 'must be a whole number above 0');
  return value;
}

/** Why a gateway does not listen where it was told to; `undefined`: it may. */
export function listeningObjection(address: string, { clientTokens, tls, insecureListen }: GatewaySettings): NtlmError | undefined {
  if (isLoopback(address)) return undefined;
  if (clientTokens === undefined) {
    return refusal(`${address} can be reached from other machines: give "clientTokens", or listen on 127.0.0.1`);
  }
  if (tls === undefined && !insecureListen) {
    return refusal(`${address} can be reached from other machines: give "tls", or say "insecureListen"`);
  }
  return undefined;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** Of a literal address, IPv4 written as IPv6 too. */
export function isLoopback(address: string): boolean {
  if (address === '127.0.0.1' || address === '::1') return true; // asked of every request
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function refusal(message: string): NtlmError {
  return new NtlmError(message, { code: 'invalid-argument', phase: 'configure', side: 'local' });
}
