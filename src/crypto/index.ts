/**
 * The digests, keys and secrets of MS-NLMP, by the specification's names, without the messages around them.
 * What NTLMv1 needs is in `ntlmachine/legacy`. Nothing here keeps time, draws random numbers or does I/O.
 */
export { channelBindingsHash } from './channel-bindings.ts';
export {
  Credentials,
  type HashCredentials,
  type Identity,
  type PasswordCredentials,
  type RedactedCredentials,
} from './credentials.ts';
export type { LegacyCipher } from './_cipher.ts';
export { HmacMd5Key, hmacMd5 } from './hmac-md5.ts';
export {
  decryptRandomSessionKey,
  encryptRandomSessionKey,
  sealKey,
  sessionBaseKeyV2,
  signKey,
  type Side,
} from './keys.ts';
export { md4 } from './md4.ts';
export { mic } from './mic.ts';
export { lmowfV2, ntowfV1, ntowfV2 } from './owf.ts';
export { RC4, rc4, rc4k } from './rc4.ts';
export { lmV2Response, ntProofStr } from './responses.ts';
export { SessionKey } from './session-key.ts';
export { upperCase } from './text.ts';
