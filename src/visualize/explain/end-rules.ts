/** Causes that lie outside the response, in the order in which they count among equals. */
import type { Rule } from './cause.ts';
import { badRequest, connectionNotKept, forbidden, gatewayFailed, http2, lost, otherServer } from './connection-rules.ts';
import type { EndKind } from './ending.ts';
import { kerberosOnly, kerberosRefused, malformedChallenge, noChallenge, noExtendedSecurity, noTargetInformation, notAnswered, notOffered, ntlmOff, refusedHere, shortNegotiate } from './offer-rules.ts';

export const END_RULES: readonly Rule[] = [
  refusedHere,
  http2,
  notOffered,
  malformedChallenge,
  noTargetInformation,
  noExtendedSecurity,
  connectionNotKept,
  kerberosOnly,
  otherServer,
  badRequest,
  lost,
  gatewayFailed,
  forbidden,
  kerberosRefused,
  ntlmOff,
  noChallenge,
  shortNegotiate,
  notAnswered,
];

/** Ends in which the response was judged. */
export const JUDGED: ReadonlySet<EndKind> = new Set(['rejected', 'challenged-again']);
