/** Clients of others made ready: one call for what takes an agent for each scheme, and no word on proxies of their own. */
import { invalidArgument } from '../../errors.ts';
import { NtlmAgent, type NtlmAgentOptions } from './agent.ts';

/** Options of the agent; what else a client has is set on the client that is given. */
export interface ReadyOptions extends Omit<NtlmAgentOptions, 'proxy'> {
  /** As for the agent; `false`: none. Default: what the client itself does, of axios `'environment'`, of got none. */
  readonly proxy?: NtlmAgentOptions['proxy'] | false;
}

/** What of axios is used: that of 1.x, or an instance of it. */
export interface AxiosLike {
  create(config?: object): unknown;
}

/** What of got is used: that of 12 and later, or an instance of it. */
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
 * Its agent is `defaults.httpAgent`, to be destroyed with `destroy()` where connections shall not wait to be idle.
 *
 * @throws NtlmError `invalid-argument` or `too-long`, naming the option.
 */
export function ntlmAxios<Axios extends AxiosLike>(axios: Axios, options: ReadyOptions): ReturnType<Axios['create']> {
  if (typeof axios?.create !== 'function') throw invalidArgument('axios', 'must be axios, or an instance of it');
  const agent = agentOf(options, 'environment');
  // By its own `proxy` axios would send the request to a proxy that nobody authenticates to.
  return axios.create({ adapter: 'http', httpAgent: agent, httpsAgent: agent, proxy: false }) as ReturnType<Axios['create']>;
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
 * Its agent is `defaults.options.agent.http`.
 *
 * @throws NtlmError `invalid-argument` or `too-long`, naming the option.
 */
export function ntlmGot<Got extends GotLike>(got: Got, options: ReadyOptions): Got {
  if (typeof got?.extend !== 'function') throw invalidArgument('got', 'must be got, or an instance of it');
  const agent = agentOf(options, undefined);
  return got.extend({ agent: { http: agent, https: agent }, http2: false }) as Got;
}

function agentOf(options: ReadyOptions, usual: 'environment' | undefined): NtlmAgent {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'must be an object');
  const { proxy = usual, ...rest } = options;
  return new NtlmAgent({ ...rest, proxy: proxy === false ? undefined : proxy });
}
