import type { FieldRecorder } from '../../messages/reader.ts';

const SIGNATURE = 'NEGOEXTS';

/** Whether the bytes begin as a message of NEGOEX does (MS-NEGOEX 2.2.6.2). */
export function isNegoEx(bytes: Uint8Array): boolean {
  return bytes.length >= 12 && Array.from(SIGNATURE).every((character, at) => bytes[at] === character.charCodeAt(0));
}

/** What mechanism it is about is agreed inside, and not read here. */
export function recordNegoEx(record: FieldRecorder, offset: number): void {
  record({ name: 'NEGOEX.Signature', offset, length: SIGNATURE.length });
  record({ name: 'NEGOEX.MessageType', offset: offset + SIGNATURE.length, length: 4 });
}

/** MS-NEGOEX 2.2.6.1. */
export const NEGOEX_TYPES = ['INITIATOR_NEGO', 'ACCEPTOR_NEGO', 'INITIATOR_META_DATA', 'ACCEPTOR_META_DATA', 'CHALLENGE', 'AP_REQUEST', 'VERIFY', 'ALERT'] as const;
