import { checkUint32 } from '../checks.ts';
import { NegotiateFlags, hasFlag } from './flags.ts';
import { MessageType, openMessage, readMessageType, writeHeader } from './header.ts';
import type { FieldRecorder } from './reader.ts';
import { encodeText, readText } from './text.ts';
import { VERSION_LENGTH, checkVersion, readVersion, writeVersion, type Version } from './version.ts';
import { ByteWriter } from './writer.ts';

const PHASE = 'negotiate';
const FIELDS_LENGTH = 32;
const HEADER_LENGTH = FIELDS_LENGTH + VERSION_LENGTH;

/** NEGOTIATE_MESSAGE, type 1 (MS-NLMP 2.2.1.1). */
export interface NegotiateMessage {
  /** The wish list; the SUPPLIED bits follow the two names and VERSION follows `version`. */
  readonly negotiateFlags: number;
  /** OEM text, empty if none. */
  readonly domainName?: string | undefined;
  /** OEM text, empty if none. */
  readonly workstationName?: string | undefined;
  readonly version?: Version | undefined;
}

/**
 * Bytes of a type 1 message, 40 and the two names. The Version field is always there,
 * zeros where none is given: some acceptors refuse a shorter message.
 *
 * @throws NtlmError `too-long`, `unencodable-text`, `invalid-argument`.
 */
export function encodeNegotiate(message: NegotiateMessage): Uint8Array<ArrayBuffer> {
  checkUint32('negotiateFlags', message.negotiateFlags, PHASE);
  const { domainName: domain = '', workstationName: workstation = '', version } = message;
  const domainName = encodeText('domainName', domain, 'oem', PHASE);
  const workstationName = encodeText('workstationName', workstation, 'oem', PHASE);
  if (version !== undefined) checkVersion(version, PHASE);

  const derived =
    (domainName.length > 0 ? NegotiateFlags.NEGOTIATE_OEM_DOMAIN_SUPPLIED : 0) |
    (workstationName.length > 0 ? NegotiateFlags.NEGOTIATE_OEM_WORKSTATION_SUPPLIED : 0) |
    (version === undefined ? 0 : NegotiateFlags.NEGOTIATE_VERSION);

  const writer = new ByteWriter(HEADER_LENGTH, PHASE, { domainName, workstationName });
  writeHeader(writer, MessageType.NEGOTIATE);
  writer.uint32((message.negotiateFlags | derived) >>> 0);
  writer.payloadField('domainName');
  writer.payloadField('workstationName');
  writeVersion(writer, version);
  return writer.finish();
}

/**
 * The values of a type 1 message. 16 bytes (flags only) and 32 (no Version) are legal old forms;
 * the names are read only where their SUPPLIED bit is set.
 *
 * @throws NtlmError with `side: 'peer'` and `offset`.
 */
export function decodeNegotiate(bytes: Uint8Array, record?: FieldRecorder): NegotiateMessage {
  const reader = openMessage(bytes, PHASE, record);
  readMessageType(reader, MessageType.NEGOTIATE);
  const negotiateFlags = reader.uint32('NegotiateFlags');
  const domainSupplied = hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_OEM_DOMAIN_SUPPLIED);
  const workstationSupplied = hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_OEM_WORKSTATION_SUPPLIED);
  if (reader.remaining === 0 && !domainSupplied && !workstationSupplied) {
    return { negotiateFlags, domainName: '', workstationName: '', version: undefined };
  }

  const domainField = reader.payloadField('DomainName');
  const workstationField = reader.payloadField('Workstation');
  let headerEnd = bytes.length;
  if (domainSupplied && domainField.length > 0) headerEnd = Math.min(headerEnd, domainField.offset);
  if (workstationSupplied && workstationField.length > 0) headerEnd = Math.min(headerEnd, workstationField.offset);
  const domainName = domainSupplied ? readText(reader.payload(domainField, FIELDS_LENGTH), 'DomainName', 'oem') : '';
  const workstationName = workstationSupplied
    ? readText(reader.payload(workstationField, FIELDS_LENGTH), 'Workstation', 'oem')
    : '';
  const versionField = headerEnd >= HEADER_LENGTH ? readVersion(reader) : undefined;
  const version = hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_VERSION) ? versionField : undefined;
  return { negotiateFlags, domainName, workstationName, version };
}
