/** Clients of others made ready: one call for what takes an agent for each scheme, and no word on proxies of their own. */
import { checkObject } from '../../checks.ts';
import { invalidArgument } from '../../errors.ts';
import { warnOfBypass } from '../authentication/warnings.ts';
import { NtlmAgent, type NtlmAgentOptions } from './agent.ts';

/** Options of the agent; what else a client has is set on the client that is given. */
export interface ReadyOptions extends Omit<NtlmAgentOptions, 'proxy'> {
  /** As for the agent; `false`: none. Default: what the client itself does, of axios `'environment'`, of got none. */
  readonly proxy?: NtlmAgentOptions['proxy'] | false;
}

/** What of axios is used: axios itself, or an instance that has `create` (0.22 and later). */
export interface AxiosLike {
  create(config?: object): unknown;
}

/** What of got is used: got itself, or an instance of it. */
export interface GotLike {
  extend(options: object): unknown;
}

/**
 * An instance of axios whose connections authenticate themselves, kept alive, through a redirect or a proxy too.
 *
 * ```ts
 * import axios from 'axios';
 * import { ntlmAxios } from 'ntlmachine/http';
 *
 * const intranet = ntlmAxios(axios, { credentials });
 * const { data } = await intranet.get('https://keep.castle.example/orders');
 *
 * const reports = ntlmAxios(axios.create({ baseURL: 'https://keep.castle.example/reports/', timeout: 20_000 }), { credentials });
 * ```
 *
 * Make one for each identity and keep it: it remembers which password was refused, so that no account locks. Defaults and
 * interceptors of the instance given are the new one's too. Its agent is `defaults.httpAgent`, to be destroyed
 * with `destroy()` where connections shall not wait to be idle. A request that names an agent, a proxy or an adapter of its
 * own passes it by, which a warning of the process says once of agents and proxies.
 *
 * @throws NtlmError `invalid-argument` or `too-long`, naming the option; `invalid-argument` for an instance with an agent or
 * a proxy of its own, which would have no effect.
 */
export function ntlmAxios<Axios extends AxiosLike>(axios: Axios, options: ReadyOptions): ReturnType<Axios['create']> {
  if (typeof axios?.create !== 'function') throw invalidArgument('axios', 'must be axios, or an instance of it that has create(), as those of 0.22 and later');
  const { defaults = {}, interceptors } = axios as AxiosParts;
  refuseAgents('axios', defaults.httpAgent, defaults.httpsAgent);
  if (defaults.proxy && options?.proxy === undefined) {
    throw invalidArgument('axios', `has a proxy of its own, by which nothing would go: give it here, as { proxy: 'http://host:port' }`);
  }
  const agent = agentOf(options, defaults.proxy === false ? undefined : 'environment');
  // By its own `proxy` axios would send the request to a proxy that nobody authenticates to; by HTTP/2 it asks no agent.
  const ready = { httpAgent: agent, httpsAgent: agent, proxy: false, ...(defaults.httpVersion === undefined ? {} : { httpVersion: 1 }) };
  // A function is somebody's own, or that of an axios before 1.2, which knows none by name.
  const adapter = typeof defaults.adapter === 'function' ? {} : { adapter: 'http' };
  const made = axios.create({ ...ready, ...adapter });
  // The first that is added is the last that is called.
  const warn = (config: RequestParts): RequestParts => {
    if (config.proxy) warnOfBypass('axios', 'a proxy');
    else if (bypasses(config.httpAgent) || bypasses(config.httpsAgent)) warnOfBypass('axios', 'an agent');
    return config;
  };
  (made as AxiosParts).interceptors?.request.use(warn, null, { synchronous: true });
  for (const kind of ['request', 'response'] as const) copyInterceptors(interceptors?.[kind], (made as AxiosParts).interceptors?.[kind]);
  return made as ReturnType<Axios['create']>;
}

/** What an instance of axios has beside its types' width. */
interface AxiosParts {
  readonly defaults?: { readonly [name: string]: unknown };
  readonly interceptors?: { readonly request: Interceptors; readonly response: Interceptors };
}

interface RequestParts {
  readonly proxy?: unknown;
  readonly httpAgent?: unknown;
  readonly httpsAgent?: unknown;
}

interface Interceptor {
  readonly fulfilled?: unknown;
  readonly rejected?: unknown;
}

interface Interceptors {
  forEach(visit: (one: Interceptor) => void): void;
  use(fulfilled: unknown, rejected: unknown, options: object): void;
}

/** `create` leaves them out. */
function copyInterceptors(from: Interceptors | undefined, to: Interceptors | undefined): void {
  const all: Interceptor[] = [];
  from?.forEach((one) => all.push(one));
  for (const { fulfilled, rejected, ...options } of all) to?.use(fulfilled, rejected, options);
}

/**
 * An instance of got whose connections authenticate themselves, kept alive, through a redirect or a proxy too.
 *
 * ```ts
 * import got from 'got';
 * import { ntlmGot } from 'ntlmachine/http';
 *
 * const intranet = ntlmGot(got, { credentials, proxy: 'http://proxy.castle.example:3128' });
 * const orders = await intranet('https://keep.castle.example/orders').json();
 * ```
 *
 * Make one for each identity and keep it: it remembers which password was refused, so that no account locks. Its agent is
 * `defaults.options.agent.http`. A request that names an agent of its own passes it by, which a warning of the process says once.
 *
 * @throws NtlmError `invalid-argument` or `too-long`, naming the option; `invalid-argument` for an instance with an agent of
 * its own, which would have no effect.
 */
export function ntlmGot<Got extends GotLike>(got: Got, options: ReadyOptions): Got {
  if (typeof got?.extend !== 'function') throw invalidArgument('got', 'must be got, or an instance of it');
  const { http, https } = (got as GotParts).defaults?.options?.agent ?? {};
  refuseAgents('got', http, https);
  const agent = agentOf(options, undefined);
  const beforeRequest = [
    ({ agent: { http: one, https: other } = {} }: RequestAgents): void => {
      if (bypasses(one) || bypasses(other)) warnOfBypass('got', 'an agent');
    },
  ];
  return got.extend({ agent: { http: agent, https: agent }, http2: false, hooks: { beforeRequest } }) as Got;
}

interface RequestAgents {
  readonly agent?: { readonly http?: unknown; readonly https?: unknown };
}

interface GotParts {
  readonly defaults?: { readonly options?: { readonly agent?: { readonly http?: unknown; readonly https?: unknown } } };
}

const bypasses = (agent: unknown): boolean => agent !== undefined && !(agent instanceof NtlmAgent);

/** What they were made for would be lost in silence: an authority, a client's certificate, another proxy. */
function refuseAgents(argument: string, ...agents: readonly unknown[]): void {
  if (agents.every((agent) => !agent || agent instanceof NtlmAgent)) return;
  throw invalidArgument(argument, 'has an agent of its own, which would have no effect: give its options (ca, rejectUnauthorized, maxSockets, …) here, beside "credentials"');
}

function agentOf(options: ReadyOptions, usual: 'environment' | undefined): NtlmAgent {
  checkObject('options', options);
  const { proxy = usual, ...rest } = options;
  return new NtlmAgent({ ...rest, proxy: proxy === false ? undefined : proxy });
}
