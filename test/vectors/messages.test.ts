import { describe, expect, test } from 'vitest';
import {
  AvId,
  avText,
  decodeAuthenticate,
  decodeChallenge,
  decodeMessage,
  decodeNegotiate,
  decodeNtlmV2Response,
  describeTargetInfo,
  encodeAuthenticate,
  encodeAvPairs,
  encodeChallenge,
  encodeNegotiate,
  encodeNtlmV2ClientChallenge,
} from '../../src/messages/index.ts';
import { hex, toHex } from '../support/bytes.ts';
import { common, davenport, ntlmV1, ntlmV1ClientChallenge, ntlmV2 } from './ms-nlmp.ts';

const NONE = new Uint8Array(0);

/** MS-NLMP 4.2.2 to 4.2.4 print this VERSION in both messages: `06 00 70 17` and `05 01 28 0a`, revision 15. */
const SERVER_VERSION = { productMajorVersion: 6, productMinorVersion: 0, productBuild: 6000, ntlmRevisionCurrent: 15 };
const CLIENT_VERSION = { productMajorVersion: 5, productMinorVersion: 1, productBuild: 2600, ntlmRevisionCurrent: 15 };

describe('CHALLENGE messages as printed', () => {
  test.each([
    { section: 'MS-NLMP 4.2.2.3', vector: ntlmV1, flags: 0xe2028233 },
    { section: 'MS-NLMP 4.2.3.3', vector: ntlmV1ClientChallenge, flags: 0x820a8233 },
  ])('$section: names the server, has no target information, and encodes back byte for byte', ({ vector, flags }) => {
    const message = decodeChallenge(hex(vector.challengeMessage));
    expect(message).toEqual({
      negotiateFlags: flags,
      targetName: 'Server',
      serverChallenge: hex('0123456789abcdef'),
      targetInfo: undefined,
      version: SERVER_VERSION,
    });
    expect(toHex(encodeChallenge(message))).toBe(vector.challengeMessage);
  });

  test('MS-NLMP 4.2.4.3: target information lists domain, then server, and encodes back byte for byte', () => {
    const message = decodeChallenge(hex(ntlmV2.challengeMessage));
    expect(message).toEqual({
      negotiateFlags: 0xe28a8233,
      targetName: 'Server',
      serverChallenge: hex('0123456789abcdef'),
      targetInfo: [
        { id: AvId.MsvAvNbDomainName, value: hex(common.userDomUtf16le) },
        { id: AvId.MsvAvNbComputerName, value: hex(common.serverNameUtf16le) },
      ],
      version: SERVER_VERSION,
    });
    expect(toHex(encodeChallenge(message))).toBe(ntlmV2.challengeMessage);
  });

  test('MS-NLMP 4.2.4.3: the target information alone encodes to the bytes printed', () => {
    const pairs = [avText(AvId.MsvAvNbDomainName, common.userDom), avText(AvId.MsvAvNbComputerName, common.serverName)];
    expect(toHex(encodeAvPairs(pairs))).toBe(ntlmV2.targetInfo);
  });

  test('davenport, minimal type 2: 32 bytes that end behind the challenge', () => {
    const message = decodeChallenge(hex(davenport.type2Minimal));
    expect(message).toEqual({
      negotiateFlags: 0x00000202, // Negotiate OEM, Negotiate NTLM
      targetName: '',
      serverChallenge: hex('0123456789abcdef'),
      targetInfo: undefined,
      version: undefined,
    });
    // Not the same bytes: the encoder always writes the full header of 56 (MS-NLMP 2.2.1.2).
    const encoded = encodeChallenge(message);
    expect(encoded).toHaveLength(56);
    expect(decodeChallenge(encoded)).toEqual(message);
  });

  test('davenport, sample type 2: a header of 48 bytes without Version', () => {
    const message = decodeChallenge(hex(davenport.type2Sample));
    expect(message).toMatchObject({
      negotiateFlags: 0x00810201, // Negotiate Unicode, NTLM, Target Type Domain, Target Info
      targetName: davenport.type2SampleTarget.target,
      serverChallenge: hex(davenport.serverChallenge),
      version: undefined,
    });
    expect(message.targetInfo?.map(({ id }) => id)).toEqual([2, 1, 4, 3]); // domain, server, DNS domain, DNS server
    expect(describeTargetInfo(message.targetInfo ?? [])).toEqual({
      nbDomainName: davenport.type2SampleTarget.nbDomain,
      nbComputerName: davenport.type2SampleTarget.nbServer,
      dnsDomainName: davenport.type2SampleTarget.dnsDomain,
      dnsComputerName: davenport.type2SampleTarget.dnsServer,
      dnsTreeName: undefined,
      flags: undefined,
      timestamp: undefined,
      targetName: undefined,
      channelBindings: undefined,
    });
    // The encoder's header has room for a Version, so that everything behind byte 48 stands 8 bytes later.
    const sample = hex(davenport.type2Sample);
    const encoded = encodeChallenge(message);
    expect(toHex(encoded.subarray(56))).toBe(toHex(sample.subarray(48)));
    expect(decodeChallenge(encoded)).toEqual(message);
  });
});

describe('NEGOTIATE messages as printed', () => {
  test('davenport, minimal type 1: 16 bytes that end behind the flags', () => {
    const message = decodeNegotiate(hex(davenport.type1Minimal));
    expect(message).toEqual({ negotiateFlags: 0x00000202, domainName: '', workstationName: '', version: undefined });
    // Not the same bytes: acceptors exist that refuse less than 40, so the encoder never writes less.
    const encoded = encodeNegotiate(message);
    expect(encoded).toHaveLength(40);
    expect(decodeNegotiate(encoded)).toEqual(message);
  });

  test('davenport, sample type 1: workstation before domain, a Version without its flag', () => {
    const message = decodeNegotiate(hex(davenport.type1Sample));
    expect(message).toEqual({
      negotiateFlags: 0x00003207, // Unicode, OEM, Request Target, NTLM, Domain Supplied, Workstation Supplied
      domainName: 'DOMAIN',
      workstationName: 'WORKSTATION',
      version: undefined, // 5.0.2195 stands there, but NTLMSSP_NEGOTIATE_VERSION is not set (MS-NLMP 2.2.1.1)
    });
    // Not the same bytes: the encoder writes the domain first and zeros for a version that is none.
    const encoded = encodeNegotiate(message);
    expect(encoded).toHaveLength(hex(davenport.type1Sample).length);
    expect(decodeNegotiate(encoded)).toEqual(message);
  });
});

describe('AUTHENTICATE messages as printed', () => {
  test.each([
    {
      section: 'MS-NLMP 4.2.2.3',
      bytes: ntlmV1.authenticateMessage,
      values: {
        negotiateFlags: 0xe2808235,
        lmChallengeResponse: hex(ntlmV1.lmV1Response),
        ntChallengeResponse: hex(ntlmV1.ntlmV1Response),
        encryptedRandomSessionKey: hex(ntlmV1.encryptedRandomSessionKey.sessionBaseKey),
      },
    },
    {
      section: 'MS-NLMP 4.2.3.3',
      bytes: ntlmV1ClientChallenge.authenticateMessage,
      values: {
        negotiateFlags: 0x82088235,
        lmChallengeResponse: hex(ntlmV1ClientChallenge.lmV1Response),
        ntChallengeResponse: hex(ntlmV1ClientChallenge.ntlmV1Response),
        encryptedRandomSessionKey: NONE,
      },
    },
    {
      section: 'MS-NLMP 4.2.4.3',
      bytes: ntlmV2.authenticateMessage,
      values: {
        negotiateFlags: 0xe2888235,
        lmChallengeResponse: hex(ntlmV2.lmV2Response),
        ntChallengeResponse: hex(ntlmV2.ntlmV2Response),
        encryptedRandomSessionKey: hex(ntlmV2.encryptedRandomSessionKey),
      },
    },
  ])('$section: a header of 72 bytes, no MIC; encodes back byte for byte', ({ bytes, values }) => {
    const message = decodeAuthenticate(hex(bytes));
    expect(message).toEqual({
      ...values,
      domainName: common.userDom,
      userName: common.user,
      workstation: common.workstation,
      version: CLIENT_VERSION,
      mic: undefined,
    });
    expect(toHex(encodeAuthenticate(message))).toBe(bytes);
  });

  test.each([
    {
      name: 'LM alone, OEM',
      bytes: davenport.type3.lmOnly,
      values: {
        negotiateFlags: 0x00000002,
        lmChallengeResponse: hex(davenport.lmResponse),
        ntChallengeResponse: NONE,
      },
    },
    {
      name: 'LM and NTLM, OEM',
      bytes: davenport.type3.lmAndNtlm,
      values: {
        negotiateFlags: 0x00000202,
        lmChallengeResponse: hex(davenport.lmResponse),
        ntChallengeResponse: hex(davenport.ntlmResponse),
      },
    },
    {
      name: 'LMv2 and NTLMv2, Unicode',
      bytes: davenport.type3.ntlm2,
      values: {
        negotiateFlags: 0x00000201,
        lmChallengeResponse: hex(davenport.lmV2Response),
        ntChallengeResponse: hex(davenport.ntlmV2Response),
      },
    },
  ])(
    'davenport values as ntlmclient sends them, $name: a header of 64 bytes; encodes back byte for byte',
    ({ bytes, values }) => {
      const message = decodeAuthenticate(hex(bytes));
      expect(message).toEqual({
        ...values,
        domainName: davenport.domain,
        userName: davenport.user,
        workstation: davenport.workstation,
        encryptedRandomSessionKey: NONE,
        version: undefined,
        mic: undefined,
      });
      expect(toHex(encodeAuthenticate(message))).toBe(bytes);
    },
  );
});

describe('NTLMv2 responses as printed', () => {
  const domainAndServer = [
    { id: AvId.MsvAvNbDomainName, value: hex(common.userDomUtf16le) },
    { id: AvId.MsvAvNbComputerName, value: hex(common.serverNameUtf16le) },
  ];

  test('MS-NLMP 4.2.4.1.3 and 4.2.4.2.2: proof, time zero, client challenge and the pairs of the challenge', () => {
    expect(decodeNtlmV2Response(hex(ntlmV2.ntlmV2Response))).toEqual({
      ntProofStr: hex(ntlmV2.ntProofStr),
      temp: hex(ntlmV2.temp),
      timestamp: 0n,
      challengeFromClient: hex(common.clientChallenge),
      avPairs: domainAndServer,
    });
    const encoded = encodeNtlmV2ClientChallenge({
      timestamp: 0n,
      challengeFromClient: hex(common.clientChallenge),
      avPairs: domainAndServer,
    });
    expect(toHex(encoded)).toBe(ntlmV2.temp);
  });

  test('davenport, NTLMv2 response: 2003-06-17T10:00:00Z and the pairs of the sample type 2', () => {
    const response = decodeNtlmV2Response(hex(davenport.ntlmV2Response));
    expect(response).toMatchObject({
      ntProofStr: hex(davenport.ntProofStr),
      timestamp: 127003176000000000n, // "June 17, 2003, 6:00 AM EDT", in tenths of a microsecond since 1601
      challengeFromClient: hex(davenport.clientChallenge),
      avPairs: decodeChallenge(hex(davenport.type2Sample)).targetInfo,
    });
    expect(toHex(encodeNtlmV2ClientChallenge(response))).toBe(davenport.temp);
  });
});

test('every printed message is known by its type', () => {
  const types = (messages: readonly string[]) => messages.map((message) => decodeMessage(hex(message)).type);
  expect(types([davenport.type1Minimal, davenport.type1Sample])).toEqual(['NEGOTIATE', 'NEGOTIATE']);
  expect(
    types([
      ntlmV1.challengeMessage,
      ntlmV1ClientChallenge.challengeMessage,
      ntlmV2.challengeMessage,
      davenport.type2Minimal,
      davenport.type2Sample,
    ]),
  ).toEqual(Array(5).fill('CHALLENGE'));
  expect(
    types([
      ntlmV1.authenticateMessage,
      ntlmV1ClientChallenge.authenticateMessage,
      ntlmV2.authenticateMessage,
      ...Object.values(davenport.type3),
    ]),
  ).toEqual(Array(6).fill('AUTHENTICATE'));
});
