import { checkBytes } from '../checks.ts';
import { ByteReader, type FieldRecorder } from './reader.ts';
import type { NtlmErrorPhase } from '../errors.ts';
import type { ByteWriter } from './writer.ts';

/** MessageType (MS-NLMP 2.2.1). */
export const MessageType = { NEGOTIATE: 1, CHALLENGE: 2, AUTHENTICATE: 3 } as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

const SIGNATURE = Uint8Array.of(0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00); // "NTLMSSP\0"

/** Whether `bytes` begin with the NTLMSSP signature. */
export function isNtlmMessage(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/** A reader behind the signature. @throws NtlmError `truncated`, `wrong-signature`; `invalid-argument` without bytes. */
export function openMessage(bytes: Uint8Array, phase: NtlmErrorPhase, record?: FieldRecorder): ByteReader {
  checkBytes('bytes', bytes, phase);
  const reader = new ByteReader(bytes, phase, record);
  reader.skip('Signature', SIGNATURE.length);
  if (!isNtlmMessage(bytes)) throw reader.error('wrong-signature', 'not an NTLMSSP message', 0);
  return reader;
}

/** Reads the message type and refuses any other than `expected`. @throws NtlmError `wrong-message-type`. */
export function readMessageType(reader: ByteReader, expected: MessageType): void {
  const at = reader.offset;
  const type = reader.uint32('MessageType');
  if (type !== expected) {
    throw reader.error('wrong-message-type', `message type ${type} where ${expected} was expected`, at);
  }
}

export function writeHeader(writer: ByteWriter, type: MessageType): void {
  writer.bytes(SIGNATURE);
  writer.uint32(type);
}
