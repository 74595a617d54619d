/**
 * The AUTHENTICATE messages of the specification and of the davenport article, made by the machine from the
 * printed challenge with the printed clock and randomness, and compared byte for byte.
 *
 * The flags word (bytes 60 to 64) is compared where it follows from the challenge and the options, and said to
 * differ, with the reason, where it does not. Nothing else is left out.
 */
import { credentialsWithLmHash, lm, lmAndNtlmv1, ntlm2Session } from '../../src/legacy/index.ts';
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createNtlmActor, Credentials, NtlmClient, type NtlmOptions } from '../../src/index.ts';
import { NegotiateFlags as F, decodeAuthenticate, type FieldSpan } from '../../src/messages/index.ts';
import { hex, toHex } from '../support/bytes.ts';
import { scriptedRandom, tokensOf } from '../support/handshake.ts';
import { common, davenport, ntlmV1, ntlmV1ClientChallenge, ntlmV2 } from './ms-nlmp.ts';

/** 5.1, build 2600, revision 15, as MS-NLMP 4.2.2.3 prints it. */
const version = { productMajorVersion: 5, productMinorVersion: 1, productBuild: 2600, ntlmRevisionCurrent: 15 };

const specificationOptions = {
  credentials: credentialsWithLmHash({
    username: common.user,
    domain: common.userDom,
    password: common.password,
  }),
  workstation: common.workstation,
  version,
  sessionSecurity: 'seal',
  now: () => BigInt(`0x${common.time}`),
} as const satisfies NtlmOptions;

const davenportOptions = {
  credentials: credentialsWithLmHash({
    username: davenport.user,
    domain: davenport.domain,
    password: davenport.password,
  }),
  workstation: davenport.workstation,
  version: false,
  requestTarget: false,
  now: () => Buffer.from(davenport.timestamp, 'hex').readBigUInt64LE(),
} as const satisfies NtlmOptions;

const withKeyExchange = [hex(common.clientChallenge), hex(common.randomSessionKey)] as const;
const withoutKeyExchange = [hex(common.clientChallenge)] as const;
const davenportDraws = [hex(davenport.clientChallenge)] as const;

interface Handshake {
  readonly token: Uint8Array;
  readonly sessionKey: string;
  readonly drawn: readonly number[];
}

/** One handshake through the client; the actor alone must give the same bytes. */
function handshake(options: NtlmOptions, challenge: string, draws: readonly Uint8Array[]): Handshake {
  const { randomBytes, drawn } = scriptedRandom(...draws);
  const client = new NtlmClient({ ...options, randomBytes });
  client.negotiate();
  const token = client.respond(hex(challenge));

  const actor = createNtlmActor({ ...options, randomBytes: scriptedRandom(...draws).randomBytes });
  const emitted = tokensOf(actor);
  actor.send({ type: 'negotiate' });
  actor.send({ type: 'challenge', token: hex(challenge) });
  expect(emitted.map(({ message }) => message)).toEqual(['NEGOTIATE', 'AUTHENTICATE']);
  expect(toHex(emitted[1]!.token)).toBe(toHex(token));

  return { token, sessionKey: toHex(client.sessionKey!.bytes()), drawn };
}

/** The message without its flags word. */
function butFlags(message: Uint8Array): string {
  return `${toHex(message.subarray(0, 60))}........${toHex(message.subarray(64))}`;
}

const flagsOf = (message: Uint8Array): number => Buffer.from(message).readUInt32LE(60);

describe('MS-NLMP 4.2.2: NTLMv1 with a real LM response, key exchange', () => {
  const make = () =>
    handshake({ ...specificationOptions, policy: lmAndNtlmv1 }, ntlmV1.challengeMessage, withKeyExchange);

  test('4.2.2.2 responses, 4.2.2.2.3 encrypted session key and 4.2.2.3 message', () => {
    const { token, sessionKey } = make();
    expect(butFlags(token)).toBe(butFlags(hex(ntlmV1.authenticateMessage)));
    const message = decodeAuthenticate(token);
    expect(toHex(message.lmChallengeResponse)).toBe(ntlmV1.lmV1Response);
    expect(toHex(message.ntChallengeResponse)).toBe(ntlmV1.ntlmV1Response);
    expect(toHex(message.encryptedRandomSessionKey)).toBe(ntlmV1.encryptedRandomSessionKey.sessionBaseKey);
    expect(sessionKey).toBe(common.randomSessionKey);
  });

  test('the flags are those printed without TARGET_INFO, which the printed challenge does not grant', () => {
    expect(ntlmV1.challengeFlags & F.NEGOTIATE_TARGET_INFO).toBe(0);
    expect(flagsOf(make().token)).toBe((ntlmV1.authenticateFlags & ~F.NEGOTIATE_TARGET_INFO) >>> 0);
  });

  test('draws the client challenge first, then the session key', () => {
    expect(make().drawn).toEqual([8, 16]);
  });
});

describe('MS-NLMP 4.2.3: NTLMv1 with client challenge, no key exchange', () => {
  const make = () =>
    handshake(
      { ...specificationOptions, policy: ntlm2Session },
      ntlmV1ClientChallenge.challengeMessage,
      withoutKeyExchange,
    );

  test('4.2.3.2 responses and 4.2.3.3 message, the flags word included', () => {
    const { token } = make();
    expect(toHex(token)).toBe(ntlmV1ClientChallenge.authenticateMessage);
    const message = decodeAuthenticate(token);
    expect(toHex(message.lmChallengeResponse)).toBe(ntlmV1ClientChallenge.lmV1Response);
    expect(toHex(message.ntChallengeResponse)).toBe(ntlmV1ClientChallenge.ntlmV1Response);
  });

  test('4.2.3.1.3 the exported session key is the key exchange key, and only the challenge is drawn', () => {
    const { sessionKey, drawn } = make();
    expect(sessionKey).toBe(ntlmV1ClientChallenge.exportedSessionKey);
    expect(drawn).toEqual([8]);
  });
});

describe('MS-NLMP 4.2.4: NTLMv2, key exchange', () => {
  const make = () => handshake({ ...specificationOptions, policy: 'ntlmv2' }, ntlmV2.challengeMessage, withKeyExchange);

  test('4.2.4.2 responses, 4.2.4.2.3 encrypted session key and 4.2.4.3 message, the flags word included', () => {
    const { token, sessionKey } = make();
    expect(toHex(token)).toBe(ntlmV2.authenticateMessage);
    const message = decodeAuthenticate(token);
    expect(toHex(message.lmChallengeResponse)).toBe(ntlmV2.lmV2Response);
    expect(toHex(message.ntChallengeResponse)).toBe(ntlmV2.ntlmV2Response);
    expect(toHex(message.encryptedRandomSessionKey)).toBe(ntlmV2.encryptedRandomSessionKey);
    expect(sessionKey).toBe(common.randomSessionKey);
  });

  test('draws the client challenge first, then the session key', () => {
    expect(make().drawn).toEqual([8, 16]);
  });

  test('credentials made of the hash of 4.2.2.1.2 give the same message', () => {
    const credentials = Credentials.fromNtHash({
      username: common.user,
      domain: common.userDom,
      ntHash: ntlmV1.ntowfV1,
    });
    const { token } = handshake({ ...specificationOptions, credentials }, ntlmV2.challengeMessage, withKeyExchange);
    expect(toHex(token)).toBe(ntlmV2.authenticateMessage);
  });

  // A client that says more in the blob than the page does cannot give its bytes: its proof covers what it adds.
  test('with an SPN only the target name is added, and the proof follows it', () => {
    const { token } = handshake(
      { ...specificationOptions, spn: 'cifs/Server' },
      ntlmV2.challengeMessage,
      withKeyExchange,
    );
    const { ntChallengeResponse } = decodeAuthenticate(token);
    const temp = ntChallengeResponse.subarray(16);
    const targetName = `09001600${Buffer.from('cifs/Server', 'utf16le').toString('hex')}`;
    const endOfPairs = ntlmV2.temp.length - 16; // EOL and four zero bytes
    expect(toHex(temp)).toBe(ntlmV2.temp.slice(0, endOfPairs) + targetName + ntlmV2.temp.slice(endOfPairs));
    const proof = createHmac('md5', hex(ntlmV2.ntowfV2)).update(hex(common.serverChallenge)).update(temp).digest('hex');
    expect(toHex(ntChallengeResponse.subarray(0, 16))).toBe(proof);
  });
});

describe('davenport, type 3 messages as ntlmclient sends them', () => {
  test('LM alone, OEM', () => {
    const { token, sessionKey } = handshake(
      { ...davenportOptions, policy: lm },
      davenport.type2Minimal,
      davenportDraws,
    );
    expect(butFlags(token)).toBe(butFlags(hex(davenport.type3.lmOnly)));
    // ntlmclient says OEM alone when it sends no NTLM response; MS-NLMP 2.2.2.5 (bit H) keeps NEGOTIATE_NTLM.
    expect(flagsOf(hex(davenport.type3.lmOnly))).toBe(F.NEGOTIATE_OEM);
    expect(flagsOf(token)).toBe((F.NEGOTIATE_OEM | F.NEGOTIATE_NTLM) >>> 0);
    // "The Lan Manager User Session Key": the first eight bytes of the LM hash, and eight zero bytes.
    expect(sessionKey).toBe(`${davenport.lmHash.slice(0, 16)}0000000000000000`);
  });

  test('LM and NTLM, OEM, the flags word included', () => {
    const { token } = handshake(
      { ...davenportOptions, policy: lmAndNtlmv1 },
      davenport.type2Minimal,
      davenportDraws,
    );
    expect(toHex(token)).toBe(davenport.type3.lmAndNtlm);
  });

  test('LMv2 and NTLMv2, Unicode', () => {
    const options = { ...davenportOptions, policy: 'ntlmv2-compatible' } as const;
    const { token, sessionKey } = handshake(options, davenport.type2Sample, davenportDraws);
    expect(butFlags(token)).toBe(butFlags(hex(davenport.type3.ntlm2)));
    // The challenge grants TARGET_INFO and we asked for it; ntlmclient drops the bit, its reader decides nothing by it.
    expect(flagsOf(hex(davenport.type3.ntlm2))).toBe((F.NEGOTIATE_UNICODE | F.NEGOTIATE_NTLM) >>> 0);
    expect(flagsOf(token)).toBe((F.NEGOTIATE_UNICODE | F.NEGOTIATE_NTLM | F.NEGOTIATE_TARGET_INFO) >>> 0);
    // "The NTLMv2 User Session Key": HMAC-MD5 over the proof, keyed by the NTLMv2 hash.
    expect(sessionKey).toBe(createHmac('md5', hex(davenport.ntowfV2)).update(hex(davenport.ntProofStr)).digest('hex'));
  });

  test('NTLM2 session response: both response fields', () => {
    const challenge = hex(davenport.type2Sample);
    challenge[22]! |= F.NEGOTIATE_EXTENDED_SESSIONSECURITY >>> 16; // "Negotiate NTLM2 Key", which the sample lacks
    const { token } = handshake({ ...davenportOptions, policy: ntlm2Session }, toHex(challenge), davenportDraws);
    const message = decodeAuthenticate(token);
    expect(toHex(message.lmChallengeResponse)).toBe(davenport.ntlm2Session.lmField);
    expect(toHex(message.ntChallengeResponse)).toBe(davenport.ntlm2Session.response);
  });
});

describe('layout', () => {
  const layoutOf = (token: Uint8Array): string[] => {
    const spans: FieldSpan[] = [];
    decodeAuthenticate(token, (span) => spans.push(span));
    return spans
      .sort((a, b) => a.offset - b.offset)
      .map(({ name, offset, length }) => `${offset}..${offset + length} ${name}`);
  };

  test('MS-NLMP 4.2.4.3, byte for byte', () => {
    const { token } = handshake(
      { ...specificationOptions, policy: 'ntlmv2' },
      ntlmV2.challengeMessage,
      withKeyExchange,
    );
    expect(layoutOf(token)).toEqual([
      '0..8 Signature',
      '8..12 MessageType',
      '12..20 LmChallengeResponseFields',
      '20..28 NtChallengeResponseFields',
      '28..36 DomainNameFields',
      '36..44 UserNameFields',
      '44..52 WorkstationFields',
      '52..60 EncryptedRandomSessionKeyFields',
      '60..64 NegotiateFlags',
      '64..65 Version.ProductMajorVersion',
      '65..66 Version.ProductMinorVersion',
      '66..68 Version.ProductBuild',
      '68..71 Version.Reserved',
      '71..72 Version.NTLMRevisionCurrent',
      '72..84 DomainName', // 0x48 in the page's DomainNameFields
      '84..92 UserName', // 0x54
      '92..108 Workstation', // 0x5c
      '108..132 LmChallengeResponse', // 0x6c
      '132..216 NtChallengeResponse', // 0x84
      '216..232 EncryptedRandomSessionKey', // 0xd8
    ]);
  });

  test('MS-NLMP 4.2.3.3: the same without a session key', () => {
    const { token } = handshake(
      { ...specificationOptions, policy: ntlm2Session },
      ntlmV1ClientChallenge.challengeMessage,
      withoutKeyExchange,
    );
    expect(layoutOf(token).slice(14)).toEqual([
      '72..84 DomainName',
      '84..92 UserName',
      '92..108 Workstation',
      '108..132 LmChallengeResponse',
      '132..156 NtChallengeResponse',
    ]);
  });

  test('davenport by ntlmclient: without Version the payload begins at 64', () => {
    const { token } = handshake(
      { ...davenportOptions, policy: lmAndNtlmv1 },
      davenport.type2Minimal,
      davenportDraws,
    );
    expect(layoutOf(token).slice(8)).toEqual([
      '60..64 NegotiateFlags',
      '64..70 DomainName',
      '70..74 UserName',
      '74..85 Workstation',
      '85..109 LmChallengeResponse',
      '109..133 NtChallengeResponse',
    ]);
  });
});
