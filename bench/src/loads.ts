/** The HTTP clients of part 3, each with a pool of its own. */
import { Credentials } from 'ntlmachine';
import { NtlmDispatcher } from 'ntlmachine/fetch';
import { NtlmAgent } from 'ntlmachine/http';
import http from 'node:http';
import { createRequire } from 'node:module';
import { Agent as UndiciAgent, request as undiciRequest, type Dispatcher } from 'undici';
import { account, workstation } from './scenario.ts';
import type { ServerReady } from './server.ts';

/** A client whose requests are counted. */
export interface Load {
  readonly name: string;
  /** One request, its body read. */
  readonly request: () => Promise<void>;
  readonly close: () => unknown;
}

const require = createRequire(import.meta.url);
const credentials = Credentials.fromPassword(account);

export const NTLM_AGENT = 'node:http, NtlmAgent';
export const NTLM_AGENT_ANONYMOUS = 'node:http, NtlmAgent, server asks nothing';
export const NTLM_DISPATCHER = 'undici, NtlmDispatcher';
export const NTLM_DISPATCHER_ANONYMOUS = 'undici, NtlmDispatcher, server asks nothing';
export const HTTPNTLM = 'httpntlm';

/** Every client against the two servers, over `connections` connections each. */
export function loadsFor({ ntlm, anonymous }: ServerReady, connections: number): Load[] {
  // Node keeps 256 idle sockets unless told otherwise: the next request of the 257th would be a handshake.
  const pool = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
  const ntlmAgent = (): NtlmAgent => new NtlmAgent({ ...pool, credentials });
  const ntlmDispatcher = (): Dispatcher => new NtlmDispatcher({ credentials, connections });
  return [
    overAgent('node:http, its own agent, server asks nothing', new http.Agent(pool), anonymous),
    overAgent(NTLM_AGENT_ANONYMOUS, ntlmAgent(), anonymous),
    overAgent(NTLM_AGENT, ntlmAgent(), ntlm),
    overDispatcher('undici, its own agent, server asks nothing', new UndiciAgent({ connections, pipelining: 1 }), anonymous),
    overDispatcher(NTLM_DISPATCHER_ANONYMOUS, ntlmDispatcher(), anonymous),
    overDispatcher(NTLM_DISPATCHER, ntlmDispatcher(), ntlm),
    axiosNtlm(ntlm, connections),
    httpNtlm(ntlm),
  ];
}

export function overAgent(name: string, agent: http.Agent, url: string): Load {
  const request = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const outgoing = http.get(url, { agent }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${name}: status ${response.statusCode}`));
        response.resume().on('end', resolve).on('error', reject);
      });
      outgoing.on('error', reject);
    });
  return { name, request, close: () => agent.destroy() };
}

function overDispatcher(name: string, dispatcher: Dispatcher, url: string): Load {
  const request = async (): Promise<void> => {
    const { statusCode, body } = await undiciRequest(url, { dispatcher });
    await body.dump();
    if (statusCode !== 200) throw new Error(`${name}: status ${statusCode}`);
  };
  return { name, request, close: () => dispatcher.close() };
}

interface AxiosNtlm {
  NtlmClient(credentials: object, config: object): { get(url: string): Promise<{ readonly status: number }> };
}

function axiosNtlm(url: string, connections: number): Load {
  const { NtlmClient } = require('axios-ntlm') as AxiosNtlm;
  const httpAgent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const client = NtlmClient({ ...account, workstation }, { httpAgent, proxy: false });
  const request = async (): Promise<void> => {
    const { status } = await client.get(url);
    if (status !== 200) throw new Error(`axios-ntlm: status ${status}`);
  };
  return { name: 'axios-ntlm', request, close: () => httpAgent.destroy() };
}

interface HttpNtlm {
  get(options: object, done: (error: Error | null, response?: { readonly statusCode: number }) => void): void;
}

/** It makes an agent, and so a connection, for every call. */
function httpNtlm(url: string): Load {
  const client = require('httpntlm') as HttpNtlm;
  const request = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.get({ ...account, workstation, url }, (error, response) => {
        if (response?.statusCode === 200) resolve();
        else reject(error ?? new Error(`httpntlm: status ${response?.statusCode}`));
      });
    });
  return { name: HTTPNTLM, request, close: () => undefined };
}
