import type { Facts } from './facts.ts';

/** Most likely first; `unseen` is what this kind of input cannot show. */
export const LIKELIHOODS = ['certain', 'likely', 'possible', 'unseen'] as const;
export type Likelihood = (typeof LIKELIHOODS)[number];

export type CauseId =
  // this end
  | 'refused-here' // a reason that this end recorded
  | 'ntlmv1-only'
  | 'no-target-information'
  | 'not-attempted' // nothing was sent although NTLM was offered
  | 'http2'
  // the way between
  | 'connection-not-kept'
  | 'connection-lost'
  | 'other-connection' // type 3 went out on another connection than its challenge came on
  | 'other-server' // a load balancer
  | 'stale-connection'
  | 'scheme-stripped'
  | 'proxy-refused'
  | 'bad-request'
  | 'unreachable'
  // what is offered
  | 'not-offered'
  | 'kerberos-only'
  | 'ntlm-off'
  // Kerberos
  | 'no-ticket'
  | 'ticket-expired'
  | 'unknown-service'
  | 'ticket-refused'
  | 'realm-unreachable'
  // messages
  | 'malformed'
  | 'unreadable'
  | 'cut'
  | 'mic-mismatch'
  | 'mic-absent'
  | 'charset'
  | 'short-negotiate'
  | 'weak-response'
  // who, when, where
  | 'anonymous'
  | 'guest'
  | 'wrong-password'
  | 'account-unusable'
  | 'domain-mismatch'
  | 'clock-skew'
  | 'channel-bindings-absent'
  | 'spn-mismatch'
  | 'spn-absent'
  | 'not-permitted'
  | 'slow-server';

/** One reason for which it ended as it did. */
export interface Cause {
  readonly id: CauseId;
  readonly likelihood: Likelihood;
  /** A clause that can end a sentence. */
  readonly summary: string;
  /** What in this conversation says so. */
  readonly evidence: string;
  readonly advice: string;
}

export type Rule = (facts: Facts) => Cause | undefined;
