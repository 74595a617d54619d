/** Bytes to values and back: every message and structure of MS-NLMP 2.2. Knows no digest, key or state. */
export { NtlmError, type NtlmErrorCode, type NtlmErrorPhase, type NtlmErrorSide } from '../errors.ts';
export { MIC_LENGTH, MIC_OFFSET, decodeAuthenticate, encodeAuthenticate, type AuthenticateMessage } from './authenticate.ts';
export {
  AvFlags,
  AvId,
  avFlags,
  avIdName,
  avText,
  avTimestamp,
  describeTargetInfo,
  encodeAvPairs,
  type AvPair,
  type TargetInfo,
} from './av-pairs.ts';
export { charsetOf, decodeChallenge, encodeChallenge, type ChallengeMessage } from './challenge.ts';
export { dateFromFiletime, filetimeFromDate, type Filetime } from './filetime.ts';
export { NegotiateFlags, flagNames, hasFlag, type NegotiateFlag } from './flags.ts';
export { MessageType, isNtlmMessage } from './header.ts';
export { decodeMessage, type NtlmMessage } from './message.ts';
export { decodeNegotiate, encodeNegotiate, type NegotiateMessage } from './negotiate.ts';
export {
  decodeNtlmV2Response,
  encodeNtlmV2ClientChallenge,
  type NtlmV2ClientChallenge,
  type NtlmV2Response,
} from './ntlmv2-response.ts';
export type { FieldRecorder, FieldSpan } from './reader.ts';
export { decodeUnicode, encodeUnicode, type Charset } from './text.ts';
export { NTLMSSP_REVISION_W2K3, type Version } from './version.ts';
