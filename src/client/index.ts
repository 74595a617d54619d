/** The machine for people who want three calls. */
export { NtlmClient, type ChallengeTarget } from './client.ts';
