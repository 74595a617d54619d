/** The decoders under attack, each with its second reading. */
import { createHash } from 'node:crypto';
import { tlsServerEndPoint } from '../../src/crypto/tls-server-end-point.ts';
import { decodeAvPairs } from '../../src/messages/av-pairs.ts';
import {
  NegotiateFlags,
  decodeAuthenticate,
  decodeChallenge,
  decodeMessage,
  decodeNegotiate,
  decodeNtlmV2Response,
  encodeAuthenticate,
  encodeAvPairs,
  encodeChallenge,
  encodeNegotiate,
  encodeNtlmV2ClientChallenge,
  hasFlag,
  type AuthenticateMessage,
  type AvPair,
  type ChallengeMessage,
  type NegotiateMessage,
  type NtlmMessage,
  type NtlmV2Response,
  type Version,
} from '../../src/messages/index.ts';
import { ByteReader } from '../../src/messages/reader.ts';
import {
  decodeSpnegoToken,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  type SpnegoToken,
} from '../../src/spnego/messages/index.ts';
import { hex, type Codec } from './oracles.ts';
import {
  readAuthenticate,
  readAvPairList,
  readChallenge,
  readMessage,
  readNegotiate,
  readNtlmV2Response,
  type Reading,
} from './reference-decoder.ts';
import { readSignatureHash, readSpnego } from './reference-der.ts';

const units = (text: string): string => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)).join(' ');
const pairs = (list: readonly AvPair[] | undefined): string[] | undefined => list?.map(({ id, value }) => `${id}:${hex(value)}`);
const dotted = (version: Version | undefined): string | undefined =>
  version && [version.productMajorVersion, version.productMinorVersion, version.productBuild, version.ntlmRevisionCurrent].join('.');

/** VERSION announced and absent means a zero Version (MS-NLMP 2.2.2.10); every encoding says so. */
const ZERO: Version = { productMajorVersion: 0, productMinorVersion: 0, productBuild: 0, ntlmRevisionCurrent: 0 };
const announced = <T extends { readonly negotiateFlags: number; readonly version?: Version | undefined }>(message: T): T =>
  hasFlag(message.negotiateFlags, NegotiateFlags.NEGOTIATE_VERSION) ? { ...message, version: message.version ?? ZERO } : message;
const versionFree = ['version'];

export const negotiate: Codec<NegotiateMessage> = {
  decode: decodeNegotiate,
  encode: (message) => encodeNegotiate(announced(message)),
  reading: ({ negotiateFlags, domainName = '', workstationName = '', version }) => ({
    type: 'NEGOTIATE',
    flags: negotiateFlags,
    domainName: units(domainName),
    workstationName: units(workstationName),
    version: dotted(version),
  }),
  reference: readNegotiate,
  free: versionFree,
};

export const challenge: Codec<ChallengeMessage> = {
  decode: decodeChallenge,
  encode: (message) => encodeChallenge(announced(message)),
  reading: ({ negotiateFlags, targetName, serverChallenge, targetInfo, version }) => ({
    type: 'CHALLENGE',
    flags: negotiateFlags,
    targetName: units(targetName),
    serverChallenge: hex(serverChallenge),
    targetInfo: pairs(targetInfo),
    version: dotted(version),
  }),
  reference: readChallenge,
  free: versionFree,
};

export const authenticate: Codec<AuthenticateMessage> = {
  decode: decodeAuthenticate,
  encode: (message) => encodeAuthenticate(announced(message)),
  reading: ({ negotiateFlags, domainName, userName, workstation, version, mic, ...bytes }) => ({
    type: 'AUTHENTICATE',
    flags: negotiateFlags,
    lm: hex(bytes.lmChallengeResponse),
    nt: hex(bytes.ntChallengeResponse),
    domainName: units(domainName),
    userName: units(userName),
    workstation: units(workstation),
    sessionKey: hex(bytes.encryptedRandomSessionKey),
    version: dotted(version),
    mic: mic && hex(mic),
  }),
  reference: readAuthenticate,
  free: versionFree,
};

export const message: Codec<NtlmMessage> = {
  decode: decodeMessage,
  encode: (read) => {
    switch (read.type) {
      case 'NEGOTIATE':
        return negotiate.encode(read.message);
      case 'CHALLENGE':
        return challenge.encode(read.message);
      case 'AUTHENTICATE':
        return authenticate.encode(read.message);
    }
  },
  reading: (read) => {
    switch (read.type) {
      case 'NEGOTIATE':
        return negotiate.reading(read.message);
      case 'CHALLENGE':
        return challenge.reading(read.message);
      case 'AUTHENTICATE':
        return authenticate.reading(read.message);
    }
  },
  reference: readMessage,
  free: versionFree,
};

export const avPairs: Codec<readonly AvPair[]> = {
  decode: (bytes) => decodeAvPairs(new ByteReader(bytes, 'message'), 'List'),
  encode: (list) => encodeAvPairs(list),
  reading: (list) => ({ avPairs: pairs(list) }),
  reference: readAvPairList,
};

export const ntlmV2Response: Codec<NtlmV2Response> = {
  decode: decodeNtlmV2Response,
  encode: (response) => Buffer.concat([response.ntProofStr, encodeNtlmV2ClientChallenge(response)]),
  reading: ({ ntProofStr, timestamp, challengeFromClient, avPairs: list, temp }) => ({
    proof: hex(ntProofStr),
    timestamp: timestamp.toString(),
    challengeFromClient: hex(challengeFromClient),
    avPairs: pairs(list),
    temp: hex(temp),
  }),
  reference: readNtlmV2Response,
  free: ['temp'],
};

const maybeHex = (bytes: Uint8Array | undefined): string | undefined => bytes && hex(bytes);
const latin1 = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : Buffer.from(text, 'latin1').toString('hex');

function spnegoReading(token: SpnegoToken): Reading {
  switch (token.type) {
    case 'raw-ntlmssp':
      return { type: token.type, token: hex(token.token) };
    case 'resp':
      return {
        type: token.type,
        state: token.negState,
        mech: token.supportedMech,
        responseToken: maybeHex(token.responseToken),
        mic: maybeHex(token.mechListMIC),
      };
    case 'init':
    case 'init2': {
      const hints = token.type === 'init2' ? token.negHints : undefined;
      return {
        type: token.type,
        mechTypes: token.mechTypes,
        list: hex(token.mechTypeList),
        mechToken: maybeHex(token.mechToken),
        hints: hints && JSON.stringify([latin1(hints.hintName), maybeHex(hints.hintAddress)]),
        mic: maybeHex(token.mechListMIC),
      };
    }
  }
}

export const spnego: Codec<SpnegoToken> = {
  decode: decodeSpnegoToken,
  encode: (token) => {
    switch (token.type) {
      case 'raw-ntlmssp':
        return token.token;
      case 'init':
        return encodeNegTokenInit(token);
      case 'init2':
        return encodeNegTokenInit2(token);
      case 'resp':
        return encodeNegTokenResp(token);
    }
  },
  reading: spnegoReading,
  reference: readSpnego,
};

const PREFIX = 'tls-server-end-point:';

/** No value to write back: the binding of the same certificate must come out the same. */
export const certificate: Codec<{ readonly der: Uint8Array; readonly binding: Uint8Array | undefined }> = {
  decode: (der) => ({ der, binding: tlsServerEndPoint(der) }),
  encode: ({ der }) => der,
  reading: ({ binding }) => ({ binding: maybeHex(binding) ?? 'none' }),
  reference: (der) => {
    const name = readSignatureHash(der);
    if (name === undefined) return undefined;
    if (name === 'none') return { binding: 'none' };
    return { binding: hex(Buffer.concat([Buffer.from(PREFIX), createHash(name).update(der).digest()])) };
  },
  side: 'local',
};
