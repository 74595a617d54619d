/** HTTP over connections that authenticate themselves: agents, a dispatcher, fetch; and a server that asks for it. */
export { NtlmAgent, type NtlmAgentOptions } from './agent.ts';
export { parseChallenges, type Challenge } from './challenges.ts';
export type {
  ConnectionContext,
  ConnectionEmitted,
  ConnectionEvent,
  ConnectionInput,
  ConnectionInspector,
  ConnectionTag,
} from './connection-context.ts';
export { connectionMachine } from './connection-machine.ts';
export { NtlmDispatcher, type NtlmDispatcherOptions } from './dispatcher.ts';
export { createNtlmFetch, type NtlmFetch, type NtlmFetchOptions } from './fetch.ts';
export type { HttpScheme } from './mechanism.ts';
export type { ConnectionSide, CredentialsProvider, CredentialsQuestion, HttpOptions, ProxyOptions } from './options.ts';
export type { Allow } from './origins.ts';
export { explainRefusal, type HeadersLike, type Refusal, type ResponseLike } from './refusal.ts';
export {
  createNtlmServer,
  requireNtlm,
  type NtlmRequest,
  type NtlmRequestListener,
  type NtlmServerIdentity,
  type NtlmServerOptions,
  type NtlmServerScheme,
  type NtlmServerVerdict,
} from './server.ts';
