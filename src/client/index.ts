/** The machine for people who want three calls. */
export { NtlmClient, type ChallengeTarget, type NtlmClientOptions, type NtlmStep } from './client.ts';
