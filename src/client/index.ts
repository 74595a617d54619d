/** The machine for people who want three calls. */
export { NtlmClient, type ChallengeTarget, type NtlmClientOptions } from './client.ts';
