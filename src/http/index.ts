/** HTTP over connections that authenticate themselves: an agent for node:http and node:https; and a server that asks for it. */
export { NtlmAgent, type NtlmAgentOptions } from './doors/agent.ts';
export { HTTP_CHANNEL, type HttpEvent } from './exchange/telling.ts';
export { parseChallenges, type Challenge } from './authentication/challenges.ts';
export type {
  ConnectionContext,
  ConnectionEmitted,
  ConnectionEvent,
  ConnectionInput,
  ConnectionInspector,
  ConnectionTag,
} from './authentication/connection-context.ts';
export { connectionMachine } from './authentication/connection-machine.ts';
export type { Negotiator, NegotiatorEvent, NegotiatorRequest, NegotiatorSnapshot } from './authentication/negotiator.ts';
export type { NegotiatorPlace } from './authentication/connection-context.ts';
export type { NtlmAfter } from './authentication/ntlm-after.ts';
export type { HttpScheme } from './authentication/schemes.ts';
export type { ConnectionSide, CredentialsProvider, CredentialsQuestion } from './authentication/question.ts';
export type { HttpOptions, RefusalOptions } from './doors/options.ts';
export { parseCredentials } from './doors/parse-credentials.ts';
export type { ProxyOptions } from './doors/proxy-options.ts';
export { ntlmAxios, ntlmGot, type AxiosLike, type GotLike, type ReadyOptions } from './doors/ready.ts';
export type { Allow } from './routes/origins.ts';
export type { Spn } from './routes/spn.ts';
export { explainRefusal, type HeadersLike, type Refusal, type ResponseLike } from './authentication/refusal.ts';
export { sessionOf } from './session-of.ts';
export { identityOf, type NtlmServerIdentity } from './server/identity.ts';
export {
  requireNtlm,
  type FastifyReplyLike,
  type FastifyRequestLike,
  type KoaContextLike,
  type NtlmFastifyHook,
  type NtlmKoaMiddleware,
  type NtlmMiddleware,
} from './server/middleware.ts';
export type { NtlmServerOptions } from './server/options.ts';
export type { NtlmRequest, NtlmRequestListener } from './server/respond.ts';
export { createNtlmServer } from './server/server.ts';
export { guardUpgrades, type GuardedServer } from './server/guard.ts';
export type { NtlmServerRefusal, NtlmServerVerdict } from './server/verdict.ts';
export type { BindingsDemand, Certificate, ServerChannelBindings } from './server/bindings.ts';
export type { RefusalLimit } from './server/refusal-limits.ts';
