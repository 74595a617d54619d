import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import { HmacMd5Key, hmacMd5 } from '../../src/crypto/hmac-md5.ts';
import {
  decryptRandomSessionKey,
  encryptRandomSessionKey,
  sealKey,
  sessionBaseKeyV2,
  signKey,
} from '../../src/crypto/keys.ts';
import { md4 } from '../../src/crypto/md4.ts';
import { channelBindingsHash } from '../../src/crypto/channel-bindings.ts';
import { lmowfV2, ntowfV1, ntowfV2 } from '../../src/crypto/owf.ts';
import { RC4, rc4, rc4k } from '../../src/crypto/rc4.ts';
import {
  des,
  expandDesKey,
  kxKey,
  lmV1Response,
  lmowfV1,
  ntlm2SessionResponse,
  ntlmV1Response,
  sessionBaseKeyV1,
} from '../../src/legacy/index.ts';
import { lmV2Response, ntProofStr } from '../../src/crypto/responses.ts';
import { upperCase, utf16le } from '../../src/crypto/text.ts';
import {
  common,
  davenport,
  ntlmV1,
  ntlmV1ClientChallenge,
  ntlmV1ClientChallengeWrap,
  ntlmV1Wrap,
  ntlmV2,
  ntlmV2Wrap,
  sessionKeys,
} from './ms-nlmp.ts';

const h = hexToBytes;
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const serverChallenge = h(common.serverChallenge);
const clientChallenge = h(common.clientChallenge);
const randomSessionKey = h(common.randomSessionKey);

const LM_KEY = 0x80;
const EXTENDED_SESSIONSECURITY = 0x80000;
const NON_NT_SESSION_KEY = 0x400000;

describe('MS-NLMP 4.2.1, common values', () => {
  test.each([
    [common.user, common.userUtf16le],
    [common.userDom, common.userDomUtf16le],
    [common.password, common.passwordUtf16le],
    [common.serverName, common.serverNameUtf16le],
    [common.workstation, common.workstationUtf16le],
  ])('%s is written as UTF-16LE', (text, expected) => {
    expect(bytesToHex(utf16le(text))).toBe(expected);
  });
});

describe('MS-NLMP 4.2.2, NTLM v1', () => {
  const lmHash = h(ntlmV1.lmowfV1);
  const sessionBaseKey = h(ntlmV1.sessionBaseKey);
  const exchange = { lmHash, lmChallengeResponse: h(ntlmV1.lmV1Response), serverChallenge };

  test('4.2.2.1.1 LMOWFv1', () => {
    expect(bytesToHex(lmowfV1(common.password))).toBe(ntlmV1.lmowfV1);
  });
  test('4.2.2.1.2 NTOWFv1', () => {
    expect(bytesToHex(ntowfV1(common.password))).toBe(ntlmV1.ntowfV1);
  });
  test('4.2.2.1.3 session base key', () => {
    expect(bytesToHex(sessionBaseKeyV1(h(ntlmV1.ntowfV1)))).toBe(ntlmV1.sessionBaseKey);
  });
  test('4.2.2.2.1 NTLMv1 response', () => {
    expect(bytesToHex(ntlmV1Response(h(ntlmV1.ntowfV1), serverChallenge))).toBe(ntlmV1.ntlmV1Response);
  });
  test('4.2.2.2.2 LMv1 response', () => {
    expect(bytesToHex(lmV1Response(lmHash, serverChallenge))).toBe(ntlmV1.lmV1Response);
  });

  describe.each([
    ['sessionBaseKey', 0],
    ['nonNtSessionKey', NON_NT_SESSION_KEY],
    ['lmKey', LM_KEY],
  ] as const)('4.2.2.1.3 and 4.2.2.2.3, exchange with the %s', (variant, flag) => {
    test('key exchange key', () => {
      const key = kxKey(ntlmV1.challengeFlags | flag, sessionBaseKey, exchange);
      expect(bytesToHex(key)).toBe(ntlmV1.keyExchangeKey[variant]);
    });
    test('encrypted session key, and back', () => {
      const key = h(ntlmV1.keyExchangeKey[variant]);
      const encrypted = encryptRandomSessionKey(key, randomSessionKey);
      expect(bytesToHex(encrypted)).toBe(ntlmV1.encryptedRandomSessionKey[variant]);
      expect(decryptRandomSessionKey(key, encrypted)).toEqual(randomSessionKey);
    });
  });

  test('3.4.5.1: LM_KEY goes before NON_NT_SESSION_KEY', () => {
    expect(bytesToHex(kxKey(LM_KEY | NON_NT_SESSION_KEY, sessionBaseKey, exchange))).toBe(ntlmV1.keyExchangeKey.lmKey);
  });

  test('4.2.2.4 one RC4 state seals the message, the pad, the checksum and the sequence number', () => {
    const sealing = new RC4(sealKey(ntlmV1.challengeFlags, randomSessionKey, 'client'));
    expect(bytesToHex(sealing.process(h(ntlmV1Wrap.plaintext)))).toBe(ntlmV1Wrap.sealed);
    expect(bytesToHex(sealing.process(new Uint8Array(4)))).toBe(ntlmV1Wrap.rc4RandomPad);
    expect(bytesToHex(sealing.process(h(ntlmV1Wrap.crc32)))).toBe(ntlmV1Wrap.rc4Checksum);
    expect(bytesToHex(sealing.process(new Uint8Array(4)))).toBe(ntlmV1Wrap.rc4SeqNum);
  });
});

describe('MS-NLMP 4.2.3, NTLM v1 with client challenge', () => {
  const vector = ntlmV1ClientChallenge;
  const { nt, lm } = ntlm2SessionResponse(h(vector.ntowfV1), serverChallenge, clientChallenge);

  test('4.2.3.2 responses', () => {
    expect(bytesToHex(nt)).toBe(vector.ntlmV1Response);
    expect(bytesToHex(lm)).toBe(vector.lmV1Response);
  });
  test('4.2.3.1.2 session base key', () => {
    expect(bytesToHex(sessionBaseKeyV1(h(vector.ntowfV1)))).toBe(vector.sessionBaseKey);
  });
  test('4.2.3.1.3 key exchange key, which the LM key flags do not change', () => {
    const exchange = { lmChallengeResponse: lm, serverChallenge };
    for (const flags of [vector.challengeFlags, vector.challengeFlags | LM_KEY | NON_NT_SESSION_KEY]) {
      expect(bytesToHex(kxKey(flags, h(vector.sessionBaseKey), exchange))).toBe(vector.keyExchangeKey);
    }
  });
  test('4.2.3.4 seal key of 56 bits, sign key, sealed message and checksum', () => {
    const wrap = ntlmV1ClientChallengeWrap;
    const key = h(vector.exportedSessionKey);
    const plaintext = h(wrap.plaintext);
    expect(bytesToHex(sealKey(vector.challengeFlags, key, 'client'))).toBe(wrap.clientSealKey);
    expect(bytesToHex(signKey(key, 'client'))).toBe(wrap.clientSignKey);
    expect(bytesToHex(rc4k(h(wrap.clientSealKey), plaintext))).toBe(wrap.sealed);
    const mac = hmacMd5(h(wrap.clientSignKey), new Uint8Array(4), plaintext);
    expect(bytesToHex(mac.subarray(0, 8))).toBe(wrap.hmacChecksum);
  });
});

describe('MS-NLMP 4.2.4, NTLM v2', () => {
  const responseKey = new HmacMd5Key(h(ntlmV2.ntowfV2));

  test('4.2.4.1.1 NTOWFv2 and LMOWFv2', () => {
    const ntHash = ntowfV1(common.password);
    expect(bytesToHex(ntowfV2(ntHash, common.user, common.userDom))).toBe(ntlmV2.ntowfV2);
    expect(bytesToHex(lmowfV2(ntHash, common.user, common.userDom))).toBe(ntlmV2.lmowfV2);
  });
  test('4.2.4.1.2 session base key and key exchange key', () => {
    const sessionBaseKey = sessionBaseKeyV2(responseKey, h(ntlmV2.ntProofStr));
    expect(bytesToHex(sessionBaseKey)).toBe(ntlmV2.sessionBaseKey);
    expect(bytesToHex(kxKey(ntlmV2.challengeFlags, sessionBaseKey))).toBe(ntlmV2.keyExchangeKey);
  });
  test('4.2.4.2.1 LMv2 response', () => {
    expect(bytesToHex(lmV2Response(responseKey, serverChallenge, clientChallenge))).toBe(ntlmV2.lmV2Response);
  });
  test('4.2.4.2.2 NTProofStr, with temp the NTLMv2 response', () => {
    const proof = ntProofStr(responseKey, serverChallenge, h(ntlmV2.temp));
    expect(bytesToHex(proof)).toBe(ntlmV2.ntProofStr);
    expect(bytesToHex(concatBytes(proof, h(ntlmV2.temp)))).toBe(ntlmV2.ntlmV2Response);
  });
  test('4.2.4.2.3 encrypted session key, and back', () => {
    const encrypted = encryptRandomSessionKey(h(ntlmV2.keyExchangeKey), randomSessionKey);
    expect(bytesToHex(encrypted)).toBe(ntlmV2.encryptedRandomSessionKey);
    expect(decryptRandomSessionKey(h(ntlmV2.keyExchangeKey), encrypted)).toEqual(randomSessionKey);
  });
  test('4.2.4.4 seal key, sign key, sealed message and encrypted checksum', () => {
    const key = h(ntlmV2Wrap.exportedSessionKey);
    const plaintext = h(ntlmV2Wrap.plaintext);
    expect(bytesToHex(sealKey(ntlmV2.challengeFlags, key, 'client'))).toBe(ntlmV2Wrap.clientSealKey);
    expect(bytesToHex(signKey(key, 'client'))).toBe(ntlmV2Wrap.clientSignKey);
    const sealing = new RC4(h(ntlmV2Wrap.clientSealKey));
    expect(bytesToHex(sealing.process(plaintext))).toBe(ntlmV2Wrap.sealed);
    const checksum = hmacMd5(h(ntlmV2Wrap.clientSignKey), new Uint8Array(4), plaintext).subarray(0, 8);
    expect(bytesToHex(checksum)).toBe(ntlmV2Wrap.hmacChecksum);
    expect(bytesToHex(sealing.process(checksum))).toBe(ntlmV2Wrap.rc4Checksum);
  });
});

describe('MS-NLMP 3.4.5.2 and 3.4.5.3, signing and sealing keys', () => {
  const key = h(sessionKeys.inputKey);

  test('SIGNKEY of either side', () => {
    expect(bytesToHex(signKey(key, 'client'))).toBe(sessionKeys.clientSignKey);
    expect(bytesToHex(signKey(key, 'server'))).toBe(sessionKeys.serverSignKey);
  });
  test.each(sessionKeys.ess)('SEALKEY of the $side with $bits bits', ({ flags, side, sealKey: expected }) => {
    expect(bytesToHex(sealKey(flags, key, side))).toBe(expected);
  });
  test('128 bits win over 56', () => {
    const both = EXTENDED_SESSIONSECURITY | 0x20000000 | 0x80000000;
    expect(bytesToHex(sealKey(both, key, 'client'))).toBe(sessionKeys.ess[0].sealKey);
  });
  test.each(sessionKeys.withoutEss)(
    'SEALKEY without extended session security, $named, is one for both sides',
    ({ flags, sealKey: expected }) => {
      expect(bytesToHex(sealKey(flags, key, 'client'))).toBe(expected);
      expect(bytesToHex(sealKey(flags, key, 'server'))).toBe(expected);
    },
  );
});

describe('davenport, worked examples', () => {
  const challenge = h(davenport.serverChallenge);
  const nonce = h(davenport.clientChallenge);
  const ntHash = h(davenport.ntHash);
  const responseKey = new HmacMd5Key(h(davenport.ntowfV2));

  test('LM and NT hash', () => {
    expect(bytesToHex(lmowfV1(davenport.password))).toBe(davenport.lmHash);
    expect(bytesToHex(ntowfV1(davenport.password))).toBe(davenport.ntHash);
  });
  test('LM and NTLM response', () => {
    expect(bytesToHex(lmV1Response(h(davenport.lmHash), challenge))).toBe(davenport.lmResponse);
    expect(bytesToHex(ntlmV1Response(ntHash, challenge))).toBe(davenport.ntlmResponse);
  });
  test('NTLMv2 hash, proof and LMv2 response', () => {
    expect(bytesToHex(ntowfV2(ntHash, davenport.user, davenport.domain))).toBe(davenport.ntowfV2);
    expect(bytesToHex(ntProofStr(responseKey, challenge, h(davenport.temp)))).toBe(davenport.ntProofStr);
    expect(bytesToHex(lmV2Response(responseKey, challenge, nonce))).toBe(davenport.lmV2Response);
  });
  test('NTLM2 session response', () => {
    const { nt, lm } = ntlm2SessionResponse(ntHash, challenge, nonce);
    expect(bytesToHex(nt)).toBe(davenport.ntlm2Session.response);
    expect(bytesToHex(lm)).toBe(davenport.ntlm2Session.lmField);
  });
});

describe('primitives, by their own specifications', () => {
  test.each([
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
    ['1234567890'.repeat(8), 'e33b4ddc9c38f2199c3e7b164fcc0536'],
  ])('MD4 of %j (RFC 1320 A.5)', (text, digest) => {
    expect(bytesToHex(md4(ascii(text)))).toBe(digest);
  });

  test.each([
    ['0102030405', 'b2396305f03dc027ccc3524a0a1118a8'],
    ['0102030405060708', '97ab8a1bf0afb96132f2f67258da15a8'],
    ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b97'],
  ])('RC4 keystream of key %s (RFC 6229 2)', (key, keystream) => {
    expect(bytesToHex(rc4(h(key)).encrypt(new Uint8Array(16)))).toBe(keystream);
  });

  test('RC4 keystream at offset 4096 (RFC 6229 2, 128-bit key)', () => {
    const stream = new RC4(h('0102030405060708090a0b0c0d0e0f10'));
    stream.process(new Uint8Array(4096));
    expect(bytesToHex(stream.process(new Uint8Array(16)))).toBe('a36a4c301ae8ac13610ccbc12256cacc');
  });

  test.each([
    ['0101010101010101', '8000000000000000', '95f8a5e5dd31d900'],
    ['8001010101010101', '0000000000000000', '95a8d72813daa94d'],
    ['1046913489980131', '0000000000000000', '88d55e54f54c97b4'],
    ['7ca110454a1a6e57', '01a1d6d039776742', '690f5b0d9a26939b'],
    ['0131d9619dc1376e', '5cd54ca83def57da', '7a389d10354bd271'],
  ])('DES under %s of %s (NIST SP 800-17, appendix A)', (key, plaintext, ciphertext) => {
    expect(bytesToHex(des(h(key)).encrypt(h(plaintext)))).toBe(ciphertext);
    expect(bytesToHex(des(h(key)).decrypt(h(ciphertext)))).toBe(plaintext);
  });

  test('a DES key of seven ones and of zeros gets odd parity', () => {
    expect(bytesToHex(expandDesKey(h('ffffffffffffff')))).toBe('fefefefefefefefe');
    expect(bytesToHex(expandDesKey(h('00000000000000')))).toBe('0101010101010101');
  });

  test.each([
    ['0b'.repeat(16), bytesToHex(ascii('Hi There')), '9294727a3638bb1c13f48ef8158bfc9d'],
    [bytesToHex(ascii('Jefe')), bytesToHex(ascii('what do ya want for nothing?')), '750c783e6ab0b503eaa86e310a5db738'],
    ['aa'.repeat(16), 'dd'.repeat(50), '56be34521d144c88dbb8c733f0e8b3f6'],
    [
      'aa'.repeat(80),
      bytesToHex(ascii('Test Using Larger Than Block-Size Key - Hash Key First')),
      '6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd',
    ],
  ])('HMAC-MD5 under %s (RFC 2202 2)', (key, data, mac) => {
    expect(bytesToHex(hmacMd5(h(key), h(data)))).toBe(mac);
    expect(bytesToHex(new HmacMd5Key(h(key)).digest(h(data)))).toBe(mac);
  });

  test('the channel-binding hash of a SHA-256 end-point binding (value of the ntlm-auth test suite)', () => {
    const certificateHash = h('e3ca49271e5089cc48ce82109f1324f41dbeddc29a777410c738f7868c4ff405');
    const applicationData = concatBytes(ascii('tls-server-end-point:'), certificateHash);
    expect(bytesToHex(channelBindingsHash(applicationData))).toBe('6ea19df066da4622051f9c4f92c6df74');
  });

  // MS-UCODEREF 3.1.5.3.2, rows of the Windows 8 Upper Case Mapping Table, and characters it has no row for.
  test.each([
    ['Jürgen', 'JÜRGEN'],
    ['ÿ', 'Ÿ'],
    ['ωσ', 'ΩΣ'],
    ['я', 'Я'],
    ['ǆ', 'Ǆ'],
    ['ｚ', 'Ｚ'],
    ['ⅻ', 'Ⅻ'],
  ])('%s has the capital %s', (text, upper) => {
    expect(upperCase(text)).toBe(upper);
  });
  test.each(['ß', 'ı', 'ſ', 'µ', 'ς', 'ǅ', 'ŉ', 'ა', '日本', '\ud801\udc28', '\ud800', '\udc00'])(
    '%j has no capital',
    (text) => {
      expect(upperCase(text)).toBe(text);
    },
  );
});
