import { charsetOf } from './challenge.ts';
import { checkBytes, checkUint32 } from '../checks.ts';
import { NegotiateFlags, hasFlag } from './flags.ts';
import { MessageType, openMessage, readMessageType, writeHeader } from './header.ts';
import type { ByteReader, FieldRecorder, PayloadField } from './reader.ts';
import { encodeText, readText, type Charset } from './text.ts';
import { VERSION_LENGTH, checkVersion, readVersion, writeVersion, type Version } from './version.ts';
import { ByteWriter } from './writer.ts';

const PHASE = 'authenticate';
const FIELDS_LENGTH = 64;

/** Where the MIC stands, if there is one (MS-NLMP 2.2.1.3). */
export const MIC_OFFSET = FIELDS_LENGTH + VERSION_LENGTH;
export const MIC_LENGTH = 16;

/** AUTHENTICATE_MESSAGE, type 3 (MS-NLMP 2.2.1.3). */
export interface AuthenticateMessage {
  /** What was agreed; VERSION follows `version` when encoding. */
  readonly negotiateFlags: number;
  /** 0, 1 (anonymous) or 24 bytes. */
  readonly lmChallengeResponse: Uint8Array;
  /** 0, 24 or more than 24 bytes. */
  readonly ntChallengeResponse: Uint8Array;
  readonly domainName: string;
  readonly userName: string;
  readonly workstation: string;
  /** 16 bytes with KEY_EXCH, else none. */
  readonly encryptedRandomSessionKey: Uint8Array;
  readonly version?: Version | undefined;
  /** 16 bytes; `undefined` where the message has no room for one. */
  readonly mic?: Uint8Array | undefined;
}

/**
 * Bytes of a type 3 message: the fixed fields, Version and MIC where given (a MIC brings a zero
 * Version along), then domain, user, workstation, LM response, NT response and session key.
 *
 * @throws NtlmError `too-long`, `unencodable-text`, `invalid-argument`.
 */
export function encodeAuthenticate(message: AuthenticateMessage): Uint8Array<ArrayBuffer> {
  checkUint32('negotiateFlags', message.negotiateFlags, PHASE);
  const { version, mic, lmChallengeResponse, ntChallengeResponse, encryptedRandomSessionKey } = message;
  if (version !== undefined) checkVersion(version, PHASE);
  if (mic !== undefined) checkBytes('mic', mic, PHASE, MIC_LENGTH);
  const charset = charsetOf(message.negotiateFlags);
  const domainName = encodeText('domainName', message.domainName, charset, PHASE);
  const userName = encodeText('userName', message.userName, charset, PHASE);
  const workstation = encodeText('workstation', message.workstation, charset, PHASE);

  const hasVersionField = version !== undefined || mic !== undefined;
  const headerLength = FIELDS_LENGTH + (hasVersionField ? VERSION_LENGTH : 0) + (mic === undefined ? 0 : MIC_LENGTH);
  const writer = new ByteWriter(headerLength, PHASE, {
    domainName,
    userName,
    workstation,
    lmChallengeResponse,
    ntChallengeResponse,
    encryptedRandomSessionKey,
  });
  writeHeader(writer, MessageType.AUTHENTICATE);
  writer.payloadField('lmChallengeResponse');
  writer.payloadField('ntChallengeResponse');
  writer.payloadField('domainName');
  writer.payloadField('userName');
  writer.payloadField('workstation');
  writer.payloadField('encryptedRandomSessionKey');
  writer.uint32((message.negotiateFlags | (version === undefined ? 0 : NegotiateFlags.NEGOTIATE_VERSION)) >>> 0);
  if (hasVersionField) writeVersion(writer, version);
  if (mic !== undefined) writer.bytes(mic);
  return writer.finish();
}

/**
 * The values of a type 3 message. The payload may stand in any order; Version and MIC are there
 * where the first payload field leaves room for them.
 *
 * @param charset of the texts, where the flags of the challenge say more of it than those of the message
 * @throws NtlmError with `side: 'peer'` and `offset`.
 */
export function decodeAuthenticate(bytes: Uint8Array, record?: FieldRecorder, charset?: Charset): AuthenticateMessage {
  const reader = openMessage(bytes, PHASE, record);
  readMessageType(reader, MessageType.AUTHENTICATE);
  const lmField = reader.payloadField('LmChallengeResponse');
  const ntField = reader.payloadField('NtChallengeResponse');
  const domainField = reader.payloadField('DomainName');
  const userField = reader.payloadField('UserName');
  const workstationField = reader.payloadField('Workstation');
  const keyField = reader.payloadField('EncryptedRandomSessionKey');
  const negotiateFlags = reader.uint32('NegotiateFlags');

  const payload = (field: PayloadField) => reader.payload(field, FIELDS_LENGTH);
  const textCharset = charset ?? charsetOf(negotiateFlags);
  const lmChallengeResponse = readAll(payload(lmField), 'LmChallengeResponse');
  const ntChallengeResponse = readAll(payload(ntField), 'NtChallengeResponse');
  const domainName = readText(payload(domainField), 'DomainName', textCharset);
  const userName = readText(payload(userField), 'UserName', textCharset);
  const workstation = readText(payload(workstationField), 'Workstation', textCharset);
  const encryptedRandomSessionKey = readAll(payload(keyField), 'EncryptedRandomSessionKey');

  const headerEnd = [lmField, ntField, domainField, userField, workstationField, keyField]
    .filter(({ length }) => length > 0)
    .reduce((first, { offset }) => Math.min(first, offset), bytes.length);
  const versionField = headerEnd >= MIC_OFFSET ? readVersion(reader) : undefined;
  const version = hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_VERSION) ? versionField : undefined;
  const mic = headerEnd >= MIC_OFFSET + MIC_LENGTH ? reader.bytes('MIC', MIC_LENGTH) : undefined;
  return {
    negotiateFlags,
    lmChallengeResponse,
    ntChallengeResponse,
    domainName,
    userName,
    workstation,
    encryptedRandomSessionKey,
    version,
    mic,
  };
}

function readAll(reader: ByteReader, name: string): Uint8Array {
  return reader.bytes(name, reader.remaining);
}
