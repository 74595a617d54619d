/** The session that a handshake of a connection ends in. */
import { NtlmSession } from '../../session/session.ts';
import type { Child } from './connection-context.ts';

// NEGOTIATE_SIGN and NEGOTIATE_SEAL (MS-NLMP 2.2.2.5)
const SIGN_OR_SEAL = 0x00000030;

/** SPNEGO's own, begun by mechListMIC, or a new one; `undefined` where neither SIGN nor SEAL was agreed on. */
export function sessionOfHandshake(child: Child | undefined): NtlmSession | undefined {
  if (child === undefined) return undefined;
  const { context } = child;
  if (!('challengeToken' in context)) return context.session;
  const { sessionKey, negotiateFlags = 0 } = context;
  if (sessionKey === undefined || (negotiateFlags & SIGN_OR_SEAL) === 0) return undefined;
  return NtlmSession.fromHandshake({ sessionKey, negotiateFlags, side: 'client' });
}
