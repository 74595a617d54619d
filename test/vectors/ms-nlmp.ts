/**
 * Worked examples of the specification, retyped: byte strings in hexadecimal, flags as numbers, text as text.
 * Each value was recomputed from its inputs by an implementation independent of this library,
 * except the constant {@link dummySignature}.
 */

/**
 * MS-NLMP 4.2.1, common values.
 */
export const common = {
  user: 'User',
  userDom: 'Domain',
  password: 'Password',
  serverName: 'Server',
  workstation: 'COMPUTER',
  randomSessionKey: '55555555555555555555555555555555',
  time: '0000000000000000',
  clientChallenge: 'aaaaaaaaaaaaaaaa',
  serverChallenge: '0123456789abcdef',
  userUtf16le: '5500730065007200',
  userDomUtf16le: '44006f006d00610069006e00',
  passwordUtf16le: '500061007300730077006f0072006400',
  serverNameUtf16le: '530065007200760065007200',
  workstationUtf16le: '43004f004d0050005500540045005200',
} as const;

/**
 * MS-NLMP 4.2.2, NTLM v1 authentication. The printed AUTHENTICATE_MESSAGE sets TARGET_INFO and REQUEST_TARGET
 * although the challenge does not: compare its responses and keys, not its flags.
 */
export const ntlmV1 = {
  challengeFlags: 0xe2028233,
  lmowfV1: 'e52cac67419a9a224a3b108f3fa6cb6d',
  ntowfV1: 'a4f49c406510bdcab6824ee7c30fd852',
  sessionBaseKey: 'd87262b0cde4b1cb7499becccdf10784',
  lmV1Response: '98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13',
  ntlmV1Response: '67c43011f30298a2ad35ece64f16331c44bdbed927841f94',
  keyExchangeKey: {
    sessionBaseKey: 'd87262b0cde4b1cb7499becccdf10784',
    nonNtSessionKey: 'e52cac67419a9a220000000000000000',
    lmKey: 'b09e379f7fbecb1eaf0afdcb0383c8a0',
  },
  encryptedRandomSessionKey: {
    sessionBaseKey: '518822b1b3f350c8958682ecbb3e3cb7',
    nonNtSessionKey: '7452ca55c225a1ca04b48fae32cf56fc',
    lmKey: '4cd7bb57d697ef9b549f02b8f9b37864',
  },
  challengeMessage:
    '4e544c4d53535000020000000c000c0038000000338202e20123456789abcdef0000000000000000000000000000000006007017' +
    '0000000f530065007200760065007200',
  authenticateMessage:
    '4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000' +
    '100010009c000000358280e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d00500055005400' +
    '4500520098def7b87f88aa5dafe2df779688a172def11c7d5ccdef1367c43011f30298a2ad35ece64f16331c44bdbed927841f94' +
    '518822b1b3f350c8958682ecbb3e3cb7',
  authenticateFlags: 0xe2808235,
} as const;

/**
 * MS-NLMP 4.2.2.4, GSS_WrapEx with SIGN and SEAL, without extended session security, under RandomSessionKey.
 * The page prints the encrypted RandomPad in the signature; 3.4.4.1 says zero, and so do its readers: `signature`
 * is what goes out, `signatureAsPrinted` what stands there. A verifier ignores bytes 4 to 8.
 */
export const ntlmV1Wrap = {
  seqNum: 0,
  plaintext: '50006c00610069006e007400650078007400',
  sealingKey: '55555555555555555555555555555555',
  sealed: '56fe04d861f9319af0d7238a2e3b4d457fb8',
  crc32: '7d84aa93',
  rc4RandomPad: '45c844e5',
  rc4Checksum: '09dcd1df',
  rc4SeqNum: '2e459d36',
  seqNumXor: '2e459d36',
  signature: '010000000000000009dcd1df2e459d36',
  signatureAsPrinted: '0100000045c844e509dcd1df2e459d36',
} as const;

/**
 * MS-NLMP 4.2.3, NTLM v1 with client challenge (extended session security, 56 bits, no KEY_EXCH: the
 * ExportedSessionKey is the KeyExchangeKey and no encrypted key is sent).
 */
export const ntlmV1ClientChallenge = {
  challengeFlags: 0x820a8233,
  ntowfV1: 'a4f49c406510bdcab6824ee7c30fd852',
  sessionBaseKey: 'd87262b0cde4b1cb7499becccdf10784',
  keyExchangeKey: 'eb93429a8bd952f8b89c55b87f475edc',
  lmV1Response: 'aaaaaaaaaaaaaaaa00000000000000000000000000000000',
  ntlmV1Response: '7537f803ae367128ca458204bde7caf81e97ed2683267232',
  exportedSessionKey: 'eb93429a8bd952f8b89c55b87f475edc',
  challengeMessage:
    '4e544c4d53535000020000000c000c003800000033820a820123456789abcdef0000000000000000000000000000000006007017' +
    '0000000f530065007200760065007200',
  authenticateMessage:
    '4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000' +
    '000000009c000000358208820501280a0000000f44006f006d00610069006e00550073006500720043004f004d00500055005400' +
    '45005200aaaaaaaaaaaaaaaa000000000000000000000000000000007537f803ae367128ca458204bde7caf81e97ed2683267232',
  authenticateFlags: 0x82088235,
} as const;

/**
 * MS-NLMP 4.2.3.4, GSS_WrapEx with SIGN, SEAL, extended session security and 56 bits. Without KEY_EXCH the
 * checksum is sent as it is.
 */
export const ntlmV1ClientChallengeWrap = {
  seqNum: 0,
  plaintext: '50006c00610069006e007400650078007400',
  keyExchangeKey: 'eb93429a8bd952f8b89c55b87f475edc',
  clientSealKey: '04dd7f014d8504d265a25cc86a3a7c06',
  clientSignKey: '60e799be5c72fc92922ae8ebe961fb8d',
  sealed: 'a02372f6530273f3aa1eb90190ce5200c99d',
  hmacChecksum: 'ff2aeb52f681793a',
  signature: '01000000ff2aeb52f681793a00000000',
} as const;

/**
 * MS-NLMP 4.2.4, NTLM v2 authentication. The time is zero and must be injected; the message lists the domain
 * before the server, the reverse of the prose; it has no MIC, no MsvAvFlags and no MsvAvTargetName.
 */
export const ntlmV2 = {
  challengeFlags: 0xe28a8233,
  targetInfo: '02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000',
  ntowfV2: '0c868a403bfd7a93a3001ef22ef02e3f',
  lmowfV2: '0c868a403bfd7a93a3001ef22ef02e3f',
  temp:
    '01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c0053006500' +
    '72007600650072000000000000000000',
  ntProofStr: '68cd0ab851e51c96aabc927bebef6a1c',
  ntlmV2Response:
    '68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f00' +
    '6d00610069006e0001000c005300650072007600650072000000000000000000',
  lmV2Response: '86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa',
  sessionBaseKey: '8de40ccadbc14a82f15cb0ad0de95ca3',
  keyExchangeKey: '8de40ccadbc14a82f15cb0ad0de95ca3',
  encryptedRandomSessionKey: 'c5dad2544fc9799094ce1ce90bc9d03e',
  challengeMessage:
    '4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef0000000000000000240024004400000006007017' +
    '0000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000',
  authenticateMessage:
    '4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c000000' +
    '10001000d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d00500055005400' +
    '4500520086c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c0101000000000000' +
    '0000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c00530065007200760065007200' +
    '0000000000000000c5dad2544fc9799094ce1ce90bc9d03e',
  authenticateFlags: 0xe2888235,
} as const;

/**
 * MS-NLMP 4.2.4.4, GSS_WrapEx after NTLM v2.
 */
export const ntlmV2Wrap = {
  seqNum: 0,
  plaintext: '50006c00610069006e007400650078007400',
  exportedSessionKey: '55555555555555555555555555555555',
  clientSealKey: '59f600973cc4960a25480a7c196e4c58',
  clientSignKey: '4788dc861b4782f35d43fd98fe1a2d39',
  sealed: '54e50165bf1936dc996020c1811b0f06fb5f',
  hmacChecksum: '70352851f2564309',
  rc4Checksum: '7fb38ec5c55d4976',
  signature: '010000007fb38ec5c55d497600000000',
  signatureWithoutKeyExch: '0100000070352851f256430900000000',
} as const;

/**
 * MS-NLMP 3.4.5.2 and 3.4.5.3 applied to one key; `flags` are the NegotiateFlags that matter there.
 */
export const sessionKeys = {
  inputKey: '55555555555555555555555555555555',
  clientSignKey: '4788dc861b4782f35d43fd98fe1a2d39',
  serverSignKey: 'd04d6f10741041d1d246d64188d7a8ad',
  ess: [
    { flags: 0x20080000, bits: 128, side: 'client', sealKey: '59f600973cc4960a25480a7c196e4c58' },
    { flags: 0x20080000, bits: 128, side: 'server', sealKey: '9355f3a957c1583d25c4c2f11e40390e' },
    { flags: 0x80080000, bits: 56, side: 'client', sealKey: 'a5f7253c1065e8d3d68642040e71cfe0' },
    { flags: 0x80080000, bits: 56, side: 'server', sealKey: '583e2f98959b385cd158f3734b5f5d3f' },
    { flags: 0x00080000, bits: 40, side: 'client', sealKey: '42f964a471091a02ff4a77455366e4e5' },
    { flags: 0x00080000, bits: 40, side: 'server', sealKey: 'c5d3853b406b7c1241c595f0ce0750e2' },
  ],
  withoutEss: [
    { flags: 0x80000080, named: 'LM_KEY|56', sealKey: '55555555555555a0' },
    { flags: 0x80000040, named: 'DATAGRAM|56', sealKey: '55555555555555a0' },
    { flags: 0x00000080, named: 'LM_KEY', sealKey: '5555555555e538b0' },
    { flags: 0x00000040, named: 'DATAGRAM', sealKey: '5555555555e538b0' },
    { flags: 0x00000000, named: 'none', sealKey: '55555555555555555555555555555555' },
  ],
} as const;

/**
 * ALWAYS_SIGN without SIGN: a constant, as Windows sends it.
 */
export const dummySignature = {
  signature: '01000000000000000000000000000000',
} as const;

/**
 * E. Glass, The NTLM Authentication Protocol and Security Support Provider: responses, type 1 and type 2 samples,
 * and the type 3 messages another client (ntlmclient) makes of the same values.
 */
export const davenport = {
  user: 'user',
  domain: 'DOMAIN',
  password: 'SecREt01',
  workstation: 'WORKSTATION',
  serverChallenge: '0123456789abcdef',
  clientChallenge: 'ffffff0011223344',
  timestamp: '0090d336b734c301',
  targetInfo:
    '02000c0044004f004d00410049004e0001000c005300450052005600450052000400140064006f006d00610069006e002e006300' +
    '6f006d00030022007300650072007600650072002e0064006f006d00610069006e002e0063006f006d0000000000',
  lmHash: 'ff3750bcc2b22412c2265b23734e0dac',
  ntHash: 'cd06ca7c7e10c99b1d33b7485a2ed808',
  lmResponse: 'c337cd5cbd44fc9782a667af6d427c6de67c20c2d3e77c56',
  ntlmResponse: '25a98c1c31e81847466b29b2df4680f39958fb8c213a9cc6',
  ntowfV2: '04b8e0ba74289cc540826bab1dee63ae',
  temp:
    '01010000000000000090d336b734c301ffffff00112233440000000002000c0044004f004d00410049004e0001000c0053004500' +
    '52005600450052000400140064006f006d00610069006e002e0063006f006d00030022007300650072007600650072002e006400' +
    '6f006d00610069006e002e0063006f006d000000000000000000',
  ntProofStr: 'cbabbca713eb795d04c97abc01ee4983',
  ntlmV2Response:
    'cbabbca713eb795d04c97abc01ee498301010000000000000090d336b734c301ffffff00112233440000000002000c0044004f00' +
    '4d00410049004e0001000c005300450052005600450052000400140064006f006d00610069006e002e0063006f006d0003002200' +
    '7300650072007600650072002e0064006f006d00610069006e002e0063006f006d000000000000000000',
  lmV2Response: 'd6e6152ea25d03b7c6ba6629c2d6aaf0ffffff0011223344',
  ntlm2Session: {
    sessionHash: 'beac9a1bc5a9867c',
    lmField: 'ffffff001122334400000000000000000000000000000000',
    response: '10d550832d12b2ccb79d5ad1f4eed3df82aca4c3681dd455',
  },
  type1Minimal: '4e544c4d535350000100000002020000',
  type1Sample:
    '4e544c4d53535000010000000732000006000600330000000b000b0028000000050093080000000f574f524b53544154494f4e44' +
    '4f4d41494e',
  type2Minimal: '4e544c4d53535000020000000000000000000000020200000123456789abcdef',
  type2Sample:
    '4e544c4d53535000020000000c000c0030000000010281000123456789abcdef0000000000000000620062003c00000044004f00' +
    '4d00410049004e0002000c0044004f004d00410049004e0001000c005300450052005600450052000400140064006f006d006100' +
    '69006e002e0063006f006d00030022007300650072007600650072002e0064006f006d00610069006e002e0063006f006d000000' +
    '0000',
  type2SampleTarget: {
    target: 'DOMAIN',
    nbDomain: 'DOMAIN',
    nbServer: 'SERVER',
    dnsDomain: 'domain.com',
    dnsServer: 'server.domain.com',
  },
  type3: {
    lmOnly:
      '4e544c4d53535000030000001800180055000000000000006d000000060006004000000004000400460000000b000b004a000000' +
      '000000006d00000002000000444f4d41494e75736572574f524b53544154494f4ec337cd5cbd44fc9782a667af6d427c6de67c20' +
      'c2d3e77c56',
    lmAndNtlm:
      '4e544c4d53535000030000001800180055000000180018006d000000060006004000000004000400460000000b000b004a000000' +
      '000000008500000002020000444f4d41494e75736572574f524b53544154494f4ec337cd5cbd44fc9782a667af6d427c6de67c20' +
      'c2d3e77c5625a98c1c31e81847466b29b2df4680f39958fb8c213a9cc6',
    ntlm2:
      '4e544c4d5353500003000000180018006a00000092009200820000000c000c0040000000080008004c0000001600160054000000' +
      '00000000140100000102000044004f004d00410049004e00750073006500720057004f0052004b00530054004100540049004f00' +
      '4e00d6e6152ea25d03b7c6ba6629c2d6aaf0ffffff0011223344cbabbca713eb795d04c97abc01ee498301010000000000000090' +
      'd336b734c301ffffff00112233440000000002000c0044004f004d00410049004e0001000c005300450052005600450052000400' +
      '140064006f006d00610069006e002e0063006f006d00030022007300650072007600650072002e0064006f006d00610069006e00' +
      '2e0063006f006d000000000000000000',
  },
} as const;
