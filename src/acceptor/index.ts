/** The server side: challenges, and whether an answer is right. For tests, demonstrations and intranet tools. */
export { NtlmAcceptor, type AcceptorActor, type AcceptorState } from './acceptor.ts';
export type { AcceptorContext, AcceptorEmitted, AcceptorEvent, AcceptorOptions, AcceptorTag, CredentialsLookup } from './context.ts';
export { acceptorMachine } from './machine.ts';
export { makeChallenge, type AcceptorTarget, type MakeChallengeInput } from './make-challenge.ts';
export type { AcceptorDemands, Tokens } from './demands.ts';
export type { ClaimedIdentity, Refused, Verified, VerifyRefusal, VerifyResult } from './verdict.ts';
export type { Verifier, VerifierAnswer, VerifierQuestion, VerifierRefusal } from './verifier.ts';
export { verifyAuthenticate, type VerifyInput, type VerifyQuestion } from './verify.ts';
