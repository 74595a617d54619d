import { makeChallenge } from '../../src/acceptor/index.ts';
import { AvId, avFlags, avText, avTimestamp, encodeAvPairs, encodeNegotiate } from '../../src/messages/index.ts';
import { MechType, encodeNegTokenInit, encodeNegTokenInit2, encodeNegTokenResp } from '../../src/spnego/messages/index.ts';
import { davenport, ntlmV1, ntlmV1ClientChallenge, ntlmV2 } from '../vectors/ms-nlmp.ts';
import * as codecs from './decoders.ts';
import { kerberosNames, kerberosToken } from '../vectors/kerberos.ts';
import { attackChallenges, attackFraming } from './http.ts';
import { attackAcceptorFirst, attackAcceptorLast, attackClient, genuineHandshake } from './machines.ts';
import { attackKerberos } from './kerberos.ts';
import { holdCodec, type Codec } from './oracles.ts';

/** Something that takes bytes from outside. */
export interface Target {
  /** Throws a `Finding` where an oracle does not hold; sums up the outcome otherwise. */
  readonly run: (input: Uint8Array) => string;
  /** Where the search starts. */
  readonly seeds: () => readonly Uint8Array[];
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const decoder = <T>(codec: Codec<T>, seeds: () => readonly Uint8Array[]): Target => ({ run: (input) => holdCodec(codec, input), seeds });

const version = { productMajorVersion: 10, productMinorVersion: 0, productBuild: 17763, ntlmRevisionCurrent: 15 };
const negotiates = (): Uint8Array[] => [
  bytes(davenport.type1Minimal),
  bytes(davenport.type1Sample),
  encodeNegotiate({ negotiateFlags: 0xe2088237, version }),
  encodeNegotiate({ negotiateFlags: 0x60088215, domainName: 'DOMAIN', workstationName: 'W', version }),
];
const challenges = (): Uint8Array[] => [
  ...[ntlmV1.challengeMessage, ntlmV1ClientChallenge.challengeMessage, ntlmV2.challengeMessage].map(bytes),
  ...[davenport.type2Minimal, davenport.type2Sample].map(bytes),
  makeChallenge({
    negotiate: encodeNegotiate({ negotiateFlags: 0xe2088237, version }),
    target: { nbDomainName: 'DOMAIN', nbComputerName: 'SERVER', dnsDomainName: 'domain.test', dnsComputerName: 'server.domain.test' },
    serverChallenge: new Uint8Array(8).fill(0x31),
    timestamp: 131400439870000000n,
  }),
];
const authenticates = (): Uint8Array[] => [
  ...[ntlmV1.authenticateMessage, ntlmV1ClientChallenge.authenticateMessage, ntlmV2.authenticateMessage].map(bytes),
  ...[davenport.type3.lmOnly, davenport.type3.lmAndNtlm, davenport.type3.ntlm2].map(bytes),
  genuineHandshake().authenticate,
];
const lists = (): Uint8Array[] => [
  encodeAvPairs([]),
  encodeAvPairs([
    avText(AvId.MsvAvNbDomainName, 'DOMAIN'),
    avText(AvId.MsvAvNbComputerName, 'SERVER'),
    avFlags(2),
    avTimestamp(131400439870000000n),
    { id: AvId.MsvAvSingleHost, value: new Uint8Array(48) },
    { id: AvId.MsvAvChannelBindings, value: new Uint8Array(16).fill(7) },
    avText(AvId.MsvAvTargetName, 'HTTP/server'),
    { id: 0x1234, value: Uint8Array.of(1, 2, 3) },
  ]),
  bytes(davenport.targetInfo),
];
const tokens = (): Uint8Array[] => [
  encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechToken: negotiates()[0]! }),
  encodeNegTokenInit({ mechTypes: [MechType.MS_KERBEROS, MechType.KERBEROS, MechType.NTLMSSP], mechListMIC: new Uint8Array(16) }),
  encodeNegTokenInit2({ mechTypes: [MechType.NEGOEX, MechType.NTLMSSP], negHints: { hintName: 'not_defined_in_RFC4178@please_ignore', hintAddress: Uint8Array.of(1) } }),
  encodeNegTokenInit2({ mechTypes: [MechType.NTLMSSP], mechListMIC: new Uint8Array(16) }),
  encodeNegTokenResp({ negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP, responseToken: challenges()[0]! }),
  encodeNegTokenResp({ negState: 'accept-completed', mechListMIC: new Uint8Array(16).fill(1) }),
  encodeNegTokenResp({ negState: 'reject' }),
  negotiates()[0]!,
];

/** The outline of a certificate around an AlgorithmIdentifier (RFC 5280 4.1). */
function outline(algorithmIdentifier: string): Uint8Array {
  const body = `3003020101${algorithmIdentifier}03020055`;
  return bytes(`30${(body.length / 2).toString(16).padStart(2, '0')}${body}`);
}
const certificates = (): Uint8Array[] => [
  outline('300d06092a864886f70d01010b0500'), // sha256WithRSAEncryption
  outline('300a06082a8648ce3d040303'), // ecdsa-with-SHA384
  outline('300506032b6570'), // Ed25519
  outline('300d06092a864886f70d01010a3000'), // RSASSA-PSS, defaults
  outline('301c06092a864886f70d01010a300fa00d300b0609608648016503040203'), // RSASSA-PSS, SHA-512
];

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const responses = (): Uint8Array[] =>
  [
    'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM TlRMTVNTUAAC\r\nContent-Length: 5\r\n\r\nplain',
    'HTTP/1.1 401 U\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a;name="value"\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\n',
    'HTTP/1.0 407 P\r\nProxy-Connection: keep-alive\r\nConnection: Keep-Alive\r\nContent-Length: 0, 0\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nX: a\r\n folded\r\n\r\n',
    'HTTP/1.1 401 U\r\nConnection: close\r\n\r\nall the rest',
  ].map(text);
const fields = (): Uint8Array[] =>
  [
    'Negotiate, NTLM, Basic realm="a, \\"quoted\\" realm", charset=UTF-8',
    'NTLM TlRMTVNTUAACAAAA==\nNegotiate oYG2MIGz=',
    'Digest realm="x", qop="auth,auth-int", nonce=abc , NTLM',
  ].map(text);

/** Of each kind, those that SPNEGO adds nothing to. */
const kerberos = (): Uint8Array[] => kerberosNames.filter((name) => !name.endsWith('SPNEGO')).map(kerberosToken);

const variants = (messages: readonly Uint8Array[]): Uint8Array[] =>
  [0, 1, 2, 3, 4, 5, 6, 7].flatMap((variant) => messages.map((message) => Uint8Array.of(variant, ...message)));

export const targets = {
  negotiate: decoder(codecs.negotiate, negotiates),
  challenge: decoder(codecs.challenge, challenges),
  authenticate: decoder(codecs.authenticate, authenticates),
  message: decoder(codecs.message, () => [...negotiates(), ...challenges(), ...authenticates()]),
  'av-pairs': decoder(codecs.avPairs, lists),
  'ntlmv2-response': decoder(codecs.ntlmV2Response, () => [bytes(ntlmV2.ntlmV2Response), bytes(davenport.ntlmV2Response)]),
  spnego: decoder(codecs.spnego, tokens),
  kerberos: { run: attackKerberos, seeds: kerberos },
  certificate: decoder(codecs.certificate, certificates),
  'http-response': { run: attackFraming, seeds: responses },
  'http-challenges': { run: attackChallenges, seeds: fields },
  client: { run: attackClient, seeds: () => variants(challenges()) },
  'acceptor-negotiate': { run: attackAcceptorFirst, seeds: negotiates },
  'acceptor-authenticate': { run: attackAcceptorLast, seeds: authenticates },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;
export const targetNames = Object.keys(targets) as TargetName[];
