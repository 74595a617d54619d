/** When: every state, guard and transition of the handshake, and the services that join messages with crypto. */
export {
  createNtlmActor,
  stateOf,
  type NtlmActor,
  type NtlmActorOptions,
  type NtlmMachine,
  type NtlmSnapshot,
  type NtlmState,
  type NtlmStateValue,
} from './actor.ts';
export type { AuthenticateInput, AuthenticateOutput } from './authenticate.ts';
export type { NtlmContext, NtlmEmitted, NtlmEvent, NtlmInput, NtlmTag } from './context.ts';
export { ntlmMachine } from './machine.ts';
export type { NtlmOptions, ResolvedOptions, SessionSecurity } from './options.ts';
export { policies, type Policy, type PolicyName, type ResponseKind } from './policy.ts';
export type { DecodeChallengeInput, EncodeNegotiateInput } from './services.ts';
