/** What a malformed message is refused with: code, phase, offset, and the sentence that a person reads. */
import { describe, expect, test } from 'vitest';
import {
  NegotiateFlags as F,
  avIdName,
  decodeAuthenticate,
  decodeChallenge,
  decodeMessage,
  decodeNegotiate,
  decodeNtlmV2Response,
  isNtlmMessage,
  type FieldSpan,
  type NtlmErrorCode,
} from '../../src/messages/index.ts';
import { ByteWriter } from '../../src/messages/writer.ts';
import { hex, toHex } from '../support/bytes.ts';
import { challengeToken } from '../support/handshake.ts';
import { thrown } from '../support/thrown.ts';
import { davenport, ntlmV1, ntlmV2 } from '../vectors/ms-nlmp.ts';

/** `message` with `bytes` put in at `at`. */
function put(message: string, at: number, bytes: string): Uint8Array {
  const changed = hex(message);
  changed.set(hex(bytes), at);
  return changed;
}

type Row = readonly [why: string, decode: () => unknown, code: NtlmErrorCode, phase: string, offset: number, message: string];

const type2 = ntlmV2.challengeMessage;
const type3 = ntlmV2.authenticateMessage;
const response = ntlmV2.ntlmV2Response;
const challengeOf = (...bytes: Parameters<typeof put>) => () => decodeChallenge(put(...bytes));
const responseOf = (...bytes: Parameters<typeof put>) => () => decodeNtlmV2Response(put(...bytes));

const rows: readonly Row[] = [
  ['no bytes', () => decodeMessage(hex('')), 'truncated', 'message', 0, 'Signature needs 8 bytes, 0 are left'],
  ['another signature', challengeOf(type2, 7, '01'), 'wrong-signature', 'challenge', 0, 'not an NTLMSSP message'],
  ['one letter of it', () => decodeMessage(hex('4e00000000000000')), 'wrong-signature', 'message', 0, 'not an NTLMSSP message'],
  ['no type', () => decodeMessage(hex('4e544c4d53535000')), 'truncated', 'message', 8, 'MessageType needs 4 bytes, 0 are left'],
  ['type 4', () => decodeMessage(put(type2, 8, '04')), 'wrong-message-type', 'message', 8, "message type 4 is not one of NTLM's"],
  ['type 1 for 2', () => decodeChallenge(hex(davenport.type1Sample)), 'wrong-message-type', 'challenge', 8, 'message type 1 where 2 was expected'],
  ['type 2 for 1', () => decodeNegotiate(hex(type2)), 'wrong-message-type', 'negotiate', 8, 'message type 2 where 1 was expected'],
  ['type 1 for 3', () => decodeAuthenticate(hex(davenport.type1Sample)), 'wrong-message-type', 'authenticate', 8, 'message type 1 where 3 was expected'],
  ['a flag short', () => decodeNegotiate(hex(davenport.type1Minimal).subarray(0, 15)), 'truncated', 'negotiate', 12, 'NegotiateFlags needs 4 bytes, 3 are left'],
  ['no second name', () => decodeNegotiate(hex(davenport.type1Sample).subarray(0, 31)), 'truncated', 'negotiate', 24, 'WorkstationFields needs 8 bytes, 7 are left'],
  ['a name outside', challengeOf(type2, 16, 'ffffffff'), 'field-out-of-bounds', 'challenge', 12, 'TargetName leaves the message'],
  ['a name in the header', challengeOf(type2, 16, '1f000000'), 'field-out-of-bounds', 'challenge', 12, 'TargetName points into the fixed header'],
  ['half a unit', challengeOf(type2, 12, '0b000b00'), 'malformed-text', 'challenge', 56, 'TargetName is UTF-16LE of an odd number of bytes'],
  ['info promised', challengeOf(davenport.type2Minimal, 22, '8200'), 'truncated', 'challenge', 32, 'the flags promise TargetInfo, the message ends before it'],
  ['info in the header', challengeOf(type2, 44, '2f000000'), 'field-out-of-bounds', 'challenge', 40, 'TargetInfo points into the fixed header'],
  ['no EOL', challengeOf(type2, 40, '20002000'), 'malformed-av-pairs', 'challenge', 100, 'TargetInfo has no MsvAvEOL'],
  ['an EOL with a length', challengeOf(type2, 102, '0400'), 'malformed-av-pairs', 'challenge', 100, 'TargetInfo: MsvAvEOL has a length'],
  ['a long pair', challengeOf(type2, 70, 'ff00'), 'malformed-av-pairs', 'challenge', 68, 'TargetInfo.MsvAvNbDomainName of 255 bytes leaves the list'],
  ['a pair twice', challengeOf(type2, 84, '0200'), 'malformed-av-pairs', 'challenge', 84, 'TargetInfo.MsvAvNbDomainName comes twice'],
  ['long flags', challengeOf(type2, 84, '0600'), 'wrong-length', 'challenge', 84, 'TargetInfo.MsvAvFlags has 12 bytes instead of 4'],
  ['a short host', challengeOf(type2, 84, '0800'), 'wrong-length', 'challenge', 84, 'TargetInfo.MsvAvSingleHost has 12 bytes, at least 48 are due'],
  ['an odd name', challengeOf(type2, 70, '0b00'), 'malformed-text', 'challenge', 68, 'TargetInfo.MsvAvNbDomainName is UTF-16LE of an odd number of bytes'],
  ['a long user', () => decodeAuthenticate(put(type3, 36, 'ffff')), 'field-out-of-bounds', 'authenticate', 36, 'UserName leaves the message'],
  ['a proof short', () => decodeNtlmV2Response(hex(response).subarray(0, 15)), 'truncated', 'authenticate', 0, 'NTLMv2Response.NTProofStr needs 16 bytes, 15 are left'],
  ['version 2.1', responseOf(response, 16, '02'), 'malformed-token', 'authenticate', 16, 'client challenge of version 2.1 instead of 1.1'],
  ['version 1.0', responseOf(response, 17, '00'), 'malformed-token', 'authenticate', 16, 'client challenge of version 1.0 instead of 1.1'],
  ['pairs without end', () => decodeNtlmV2Response(hex(response).subarray(0, 44)), 'malformed-av-pairs', 'authenticate', 44, 'NTLMv2Response has no MsvAvEOL'],
];

test.each(rows)('%s', (_, decode, code, phase, offset, message) => {
  expect(thrown(decode).toJSON()).toEqual({ name: 'NtlmError', message, code, phase, side: 'peer', offset });
});

describe('the fields of a message bear the names of MS-NLMP', () => {
  const named = (decode: (record: (span: FieldSpan) => void) => unknown): string[] => {
    const spans: FieldSpan[] = [];
    decode((span) => spans.push(span));
    return spans.map(({ name, offset, length }) => `${offset}+${length} ${name}`);
  };
  const av = (list: string, at: number, name: string, length: number): string[] => [
    `${at}+2 ${list}.${name}.AvId`,
    `${at + 2}+2 ${list}.${name}.AvLen`,
    ...(length > 0 ? [`${at + 4}+${length} ${list}.${name}.Value`] : []),
  ];
  const version = (at: number): string[] => [
    `${at}+1 Version.ProductMajorVersion`,
    `${at + 1}+1 Version.ProductMinorVersion`,
    `${at + 2}+2 Version.ProductBuild`,
    `${at + 4}+3 Version.Reserved`,
    `${at + 7}+1 Version.NTLMRevisionCurrent`,
  ];
  const head = ['0+8 Signature', '8+4 MessageType'];

  test('NEGOTIATE_MESSAGE (2.2.1.1)', () => {
    expect(named((record) => decodeMessage(hex(davenport.type1Sample), record))).toEqual([
      ...head,
      '12+4 NegotiateFlags',
      '16+8 DomainNameFields',
      '24+8 WorkstationFields',
      '51+6 DomainName',
      '40+11 Workstation',
      ...version(32),
    ]);
  });

  test('CHALLENGE_MESSAGE (2.2.1.2)', () => {
    expect(named((record) => decodeMessage(hex(type2), record))).toEqual([
      ...head,
      '12+8 TargetNameFields',
      '20+4 NegotiateFlags',
      '24+8 ServerChallenge',
      '56+12 TargetName',
      '32+8 Reserved',
      '40+8 TargetInfoFields',
      ...av('TargetInfo', 68, 'MsvAvNbDomainName', 12),
      ...av('TargetInfo', 84, 'MsvAvNbComputerName', 12),
      ...av('TargetInfo', 100, 'MsvAvEOL', 0),
      ...version(48),
    ]);
  });

  test('AUTHENTICATE_MESSAGE (2.2.1.3)', () => {
    const message = hex(ntlmV1.authenticateMessage);
    const fields = ['LmChallengeResponse', 'NtChallengeResponse', 'DomainName', 'UserName', 'Workstation', 'EncryptedRandomSessionKey'];
    expect(named((record) => decodeMessage(message, record))).toEqual([
      ...head,
      ...fields.map((field, i) => `${12 + 8 * i}+8 ${field}Fields`),
      '60+4 NegotiateFlags',
      '108+24 LmChallengeResponse',
      '132+24 NtChallengeResponse',
      '72+12 DomainName',
      '84+8 UserName',
      '92+16 Workstation',
      '156+16 EncryptedRandomSessionKey',
      ...version(64),
    ]);
    const withMic = Uint8Array.from([...message.subarray(0, 72), ...new Uint8Array(16).fill(7)]);
    withMic.fill(0, 12, 60);
    expect(named((record) => decodeMessage(withMic, record)).at(-1)).toBe('72+16 MIC');
  });

  test('NTLMv2_RESPONSE (2.2.2.8)', () => {
    expect(named((record) => decodeNtlmV2Response(hex(response), record))).toEqual([
      '0+16 NTLMv2Response.NTProofStr',
      '16+1 NTLMv2Response.RespType',
      '17+1 NTLMv2Response.HiRespType',
      '18+2 NTLMv2Response.Reserved1',
      '20+4 NTLMv2Response.Reserved2',
      '24+8 NTLMv2Response.TimeStamp',
      '32+8 NTLMv2Response.ChallengeFromClient',
      '40+4 NTLMv2Response.Reserved3',
      ...av('NTLMv2Response', 44, 'MsvAvNbDomainName', 12),
      ...av('NTLMv2Response', 60, 'MsvAvNbComputerName', 12),
      ...av('NTLMv2Response', 76, 'MsvAvEOL', 0),
    ]);
  });

  test('AV pairs of no known id by their number', () => {
    expect([avIdName(0), avIdName(7), avIdName(11), avIdName(0xabcd)]).toEqual(['MsvAvEOL', 'MsvAvTimestamp', 'AvId 0x000b', 'AvId 0xabcd']);
  });
});

test('the signature is all eight bytes', () => {
  expect(isNtlmMessage(hex(type2))).toBe(true);
  for (let at = 0; at < 8; at++) expect(isNtlmMessage(put(type2, at, 'aa'))).toBe(false);
  expect(isNtlmMessage(new Uint8Array(0))).toBe(false);
});

describe('the Version stands only where the payload leaves it room', () => {
  const ANNOUNCED = F.NEGOTIATE_VERSION;

  test('a TargetInfo in front of the TargetName', () => {
    const message = challengeToken();
    const view = new DataView(message.buffer);
    const info = view.getUint32(44, true);
    expect(decodeChallenge(message).version?.productBuild).toBe(17763);
    // The same list again in the place of the Version, which is then no Version.
    const short = Uint8Array.from([...message.subarray(0, 48), ...message.subarray(info), ...hex('41004200')]);
    const edit = new DataView(short.buffer);
    edit.setUint32(44, 48, true);
    edit.setUint16(12, 4, true);
    edit.setUint32(16, short.length - 4, true);
    expect(decodeChallenge(short)).toMatchObject({ targetName: 'AB', version: undefined });
    expect(decodeChallenge(short).targetInfo).toEqual(decodeChallenge(message).targetInfo);
  });

  test.each([
    ['domain', F.NEGOTIATE_OEM_DOMAIN_SUPPLIED, 16],
    ['workstation', F.NEGOTIATE_OEM_WORKSTATION_SUPPLIED, 24],
  ])('a %s at byte 32 of a NEGOTIATE, unless it is not said to be supplied or is empty', (_, supplied, descriptor) => {
    const message = new Uint8Array(44);
    message.set(hex('4e544c4d5353500001000000'));
    const view = new DataView(message.buffer);
    view.setUint16(descriptor, 2, true);
    view.setUint32(descriptor + 4, 32, true);
    view.setUint16(34, 7, true);
    view.setUint32(12, ANNOUNCED | supplied, true);
    expect(decodeNegotiate(message).version).toBeUndefined();
    view.setUint32(12, ANNOUNCED, true);
    expect(decodeNegotiate(message)).toMatchObject({ domainName: '', workstationName: '', version: { productBuild: 7 } });
    view.setUint32(12, ANNOUNCED | supplied, true);
    view.setUint16(descriptor, 0, true);
    expect(decodeNegotiate(message)).toMatchObject({ domainName: '', workstationName: '', version: { productBuild: 7 } });
  });
});

describe('the writer', () => {
  test('hands out nothing but a full message', () => {
    const writer = new ByteWriter(4, 'negotiate', { name: new Uint8Array(3) });
    writer.uint16(1);
    expect(thrown(() => writer.finish()).toJSON()).toEqual({
      name: 'NtlmError',
      message: 'encoder wrote 2 of 4 bytes',
      code: 'service-failed',
      phase: 'negotiate',
      side: 'local',
    });
    writer.zeros(2);
    expect(toHex(writer.finish())).toBe('01000000000000');
  });

  test('takes a payload field of 65535 bytes and not one more', () => {
    expect(new ByteWriter(0, 'challenge', { name: new Uint8Array(0xffff) }).finish()).toHaveLength(0xffff);
    expect(thrown(() => new ByteWriter(0, 'challenge', { name: new Uint8Array(0x10000) }))).toMatchObject({
      code: 'too-long',
      message: '"name" takes 65536 bytes; its length field allows 65535',
    });
  });
});
