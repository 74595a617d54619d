import { NtlmError } from '../errors.ts';
import type { NtlmSession } from '../session/session.ts';

/**
 * mechListMIC: the first signature of its direction, sequence number 0, over the DER of the MechTypeList
 * (RFC 4178 5). The keystream starts anew after it, and sequence numbers go on (MS-SPNG 3.3.5.1).
 *
 * @returns 16 bytes
 */
export function signMechTypeList(session: NtlmSession, mechTypeList: Uint8Array): Uint8Array<ArrayBuffer> {
  const mechListMIC = session.sign(mechTypeList);
  session.resetSealing('outgoing');
  return mechListMIC;
}

/** @throws NtlmError `mech-list-mic-mismatch` unless the other end signed this very list. */
export function verifyMechTypeList(session: NtlmSession, mechTypeList: Uint8Array, mechListMIC: Uint8Array): void {
  try {
    session.verify(mechTypeList, mechListMIC);
  } catch (cause) {
    throw new NtlmError('mechListMIC is not the signature of the mechanism list: it was altered on its way', {
      code: 'mech-list-mic-mismatch',
      phase: 'spnego',
      side: 'peer',
      cause,
    });
  }
  session.resetSealing('incoming');
}
