import { causeIn, type KerberosCause } from '../../kerberos/causes.ts';

/** What says that it is of GSSAPI or of SSPI: curl passes their words on. */
const SAID_BY = /gss_(?:init|acquire|import)|GSSAPI|InitializeSecurityContext|AcquireCredentialsHandle|\bSEC_E_/i;

/** Why a client has no token of Kerberos to send, where a line of what it says tells. */
export function clientWord(line: string): KerberosCause | undefined {
  return SAID_BY.test(line) ? causeIn(line) : undefined;
}
