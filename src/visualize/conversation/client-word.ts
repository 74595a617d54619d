/** Why a client has no token of Kerberos to send, in the words of the libraries that curl and others pass on: MIT, Heimdal, SSPI. */
import type { ClientWord } from './conversation.ts';

const SAID_BY = /gss_(?:init|acquire|import)|GSSAPI|InitializeSecurityContext|AcquireCredentialsHandle|\bSEC_E_/i;

/** The first that matches counts. */
const WORDS: readonly (readonly [ClientWord, RegExp])[] = [
  ['clock-skew', /clock skew|time skew|SEC_E_TIME_SKEW|0x80090324/i],
  ['ticket-expired', /ticket (?:has )?expired|credentials? (?:cache )?(?:has |have )?expired|lifetime expired/i],
  ['unknown-service', /not found in Kerberos database|Server \([^)]*\) unknown|SEC_E_TARGET_UNKNOWN|0x80090303|WRONG_PRINCIPAL|0x80090322/i],
  ['realm-unreachable', /cannot (?:contact any KDC|find KDC|resolve network address for KDC)|unable to reach any KDC|NO_AUTHENTICATING_AUTHORITY|0x80090311/i],
  ['no-ticket', /no credentials|no Kerberos credentials|credentials? cache[^.]*not found|No credentials cache|can't find client principal|cannot find mechanisms|SEC_E_NO_CREDENTIALS|0x8009030e/i],
];

/** One line of what a client says. */
export function clientWord(line: string): ClientWord | undefined {
  if (!SAID_BY.test(line)) return undefined;
  return WORDS.find(([, pattern]) => pattern.test(line))?.[0];
}
