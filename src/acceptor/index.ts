/** The server side: challenges, and whether an answer is right. For tests, demonstrations and intranet tools. */
export { NtlmAcceptor, type AcceptorActor, type AcceptorState } from './acceptor.ts';
export type { AcceptorContext, AcceptorEmitted, AcceptorEvent, AcceptorOptions, AcceptorTag, CredentialsLookup } from './context.ts';
export { acceptorMachine } from './machine.ts';
export { makeChallenge, type AcceptorTarget, type MakeChallengeInput } from './make-challenge.ts';
export {
  verifyAuthenticate,
  type AcceptorDemands,
  type ClaimedIdentity,
  type Verified,
  type VerifyInput,
  type VerifyRefusal,
  type VerifyResult,
} from './verify.ts';
