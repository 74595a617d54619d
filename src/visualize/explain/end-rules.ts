/** Causes that lie outside the response, in the order in which they count among equals. */
import type { Rule } from './cause.ts';
import { badRequest, connectionNotKept, forbidden, gatewayFailed, http2, lost, otherServer } from './connection-rules.ts';
import type { EndKind } from './ending.ts';
import { saidByClient, saidByKerberos, ticketClocks, ticketEncryption, ticketForAnother, ticketRefused, ticketUnbound } from './kerberos-rules.ts';
import { kerberosOnly, malformedChallenge, noChallenge, noExtendedSecurity, noTargetInformation, notAnswered, notOffered, ntlmOff, refusedHere, shortNegotiate } from './offer-rules.ts';

export const END_RULES: readonly Rule[] = [
  refusedHere,
  saidByClient,
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
  saidByKerberos,
  ticketForAnother,
  ticketClocks,
  ticketRefused,
  ticketEncryption,
  ticketUnbound,
  ntlmOff,
  noChallenge,
  shortNegotiate,
  notAnswered,
];

/** Ends in which the response was judged. */
export const JUDGED: ReadonlySet<EndKind> = new Set(['rejected', 'challenged-again']);
