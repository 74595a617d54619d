import { decodeAvPairs, encodeAvPairs, type AvPair } from './av-pairs.ts';
import { checkBytes, checkUint32 } from '../checks.ts';
import { NegotiateFlags, hasFlag } from './flags.ts';
import { MessageType, openMessage, readMessageType, writeHeader } from './header.ts';
import type { FieldRecorder } from './reader.ts';
import { encodeText, readText, type Charset } from './text.ts';
import { VERSION_LENGTH, checkVersion, readVersion, writeVersion, type Version } from './version.ts';
import { ByteWriter } from './writer.ts';

const PHASE = 'challenge';
const SHORTEST_LENGTH = 32;
const TARGET_INFO_END = 48;
const HEADER_LENGTH = TARGET_INFO_END + VERSION_LENGTH;

/** CHALLENGE_MESSAGE, type 2 (MS-NLMP 2.2.1.2). */
export interface ChallengeMessage {
  /** What the server grants; TARGET_INFO follows `targetInfo` and VERSION follows `version` when encoding. */
  readonly negotiateFlags: number;
  /** In the charset of the flags; UNICODE wins where both bits are set. */
  readonly targetName: string;
  /** 8 bytes. */
  readonly serverChallenge: Uint8Array;
  /** In the server's order, unknown pairs included, EOL left out; `undefined` where there is none. */
  readonly targetInfo: readonly AvPair[] | undefined;
  readonly version?: Version | undefined;
}

/** The charset of the texts of a message with these flags (MS-NLMP 2.2.2.5, bits A and B). */
export function charsetOf(negotiateFlags: number): Charset {
  return hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_UNICODE) ? 'unicode' : 'oem';
}

/**
 * Bytes of a type 2 message.
 *
 * @throws NtlmError `too-long`, `unencodable-text`, `invalid-argument`, `wrong-length`.
 */
export function encodeChallenge(message: ChallengeMessage): Uint8Array<ArrayBuffer> {
  checkUint32('negotiateFlags', message.negotiateFlags, PHASE);
  const { serverChallenge, version } = message;
  checkBytes('serverChallenge', serverChallenge, PHASE, 8);
  if (version !== undefined) checkVersion(version, PHASE);
  const targetName = encodeText('targetName', message.targetName, charsetOf(message.negotiateFlags), PHASE);
  const targetInfo = message.targetInfo === undefined ? undefined : encodeAvPairs(message.targetInfo, PHASE);

  const derived =
    (targetInfo === undefined ? 0 : NegotiateFlags.NEGOTIATE_TARGET_INFO) |
    (version === undefined ? 0 : NegotiateFlags.NEGOTIATE_VERSION);

  const writer = new ByteWriter(HEADER_LENGTH, PHASE, targetInfo === undefined ? { targetName } : { targetName, targetInfo });
  writeHeader(writer, MessageType.CHALLENGE);
  writer.payloadField('targetName');
  writer.uint32((message.negotiateFlags | derived) >>> 0);
  writer.bytes(serverChallenge);
  writer.zeros(8);
  writer.payloadField('targetInfo');
  writeVersion(writer, version);
  return writer.finish();
}

/**
 * The values of a type 2 message. It may end after the server challenge (32 bytes) or lack the
 * Version; TargetInfo of no bytes means none. Reserved bytes and unknown flags are ignored.
 *
 * @throws NtlmError with `side: 'peer'` and `offset`.
 */
export function decodeChallenge(bytes: Uint8Array, record?: FieldRecorder): ChallengeMessage {
  const reader = openMessage(bytes, PHASE, record);
  readMessageType(reader, MessageType.CHALLENGE);
  const targetNameField = reader.payloadField('TargetName');
  const negotiateFlags = reader.uint32('NegotiateFlags');
  const serverChallenge = reader.bytes('ServerChallenge', 8);

  const targetName = readText(reader.payload(targetNameField, SHORTEST_LENGTH), 'TargetName', charsetOf(negotiateFlags));
  let headerEnd = targetNameField.length > 0 ? targetNameField.offset : bytes.length;

  let targetInfo: AvPair[] | undefined;
  const promised = hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_TARGET_INFO);
  if (promised && headerEnd < TARGET_INFO_END) {
    throw reader.error('truncated', 'the flags promise TargetInfo, the message ends before it');
  }
  if (headerEnd >= TARGET_INFO_END) {
    reader.skip('Reserved', 8);
    const targetInfoField = reader.payloadField('TargetInfo');
    if (promised && targetInfoField.length > 0) {
      targetInfo = decodeAvPairs(reader.payload(targetInfoField, TARGET_INFO_END), 'TargetInfo');
      headerEnd = Math.min(headerEnd, targetInfoField.offset);
    }
  }

  const versionField = headerEnd >= HEADER_LENGTH ? readVersion(reader) : undefined;
  const version = hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_VERSION) ? versionField : undefined;
  return { negotiateFlags, targetName, serverChallenge, targetInfo, version };
}
