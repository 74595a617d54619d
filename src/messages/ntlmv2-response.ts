import { avPairsLength, decodeAvPairs, writeAvPairs, type AvPair } from './av-pairs.ts';
import { checkBytes, checkUint64 } from '../checks.ts';
import type { Filetime } from './filetime.ts';
import { ByteReader, type FieldRecorder } from './reader.ts';
import { ByteWriter } from './writer.ts';

const PHASE = 'authenticate';
const VERSION = 1;
const FIXED_LENGTH = 28;
const TRAILING_ZEROS = 4;
/** Bytes of NTProofStr. */
export const PROOF_LENGTH = 16;

/** NTLMv2_CLIENT_CHALLENGE, what NTProofStr is computed over (MS-NLMP 2.2.2.7; `temp` in 3.3.2). */
export interface NtlmV2ClientChallenge {
  readonly timestamp: Filetime;
  /** 8 bytes. */
  readonly challengeFromClient: Uint8Array;
  readonly avPairs: readonly AvPair[];
}

/** NTLMv2_RESPONSE (MS-NLMP 2.2.2.8). */
export interface NtlmV2Response extends NtlmV2ClientChallenge {
  /** 16 bytes. */
  readonly ntProofStr: Uint8Array;
  /** The client challenge as received, padding included: what a verifier hashes. */
  readonly temp: Uint8Array;
}

/** Bytes of `temp`, with four zero bytes behind the EOL. @throws NtlmError `too-long`, `invalid-argument`. */
export function encodeNtlmV2ClientChallenge(challenge: NtlmV2ClientChallenge): Uint8Array<ArrayBuffer> {
  return encodeClientChallenge(challenge, 0);
}

/** Bytes of an NTLMv2_RESPONSE, NTProofStr still zero, `temp` behind it. @throws NtlmError as for `temp`. */
export function encodeUnprovenResponse(challenge: NtlmV2ClientChallenge): Uint8Array<ArrayBuffer> {
  return encodeClientChallenge(challenge, PROOF_LENGTH);
}

function encodeClientChallenge(challenge: NtlmV2ClientChallenge, before: number): Uint8Array<ArrayBuffer> {
  const { timestamp, challengeFromClient } = challenge;
  checkUint64('timestamp', timestamp, PHASE);
  checkBytes('challengeFromClient', challengeFromClient, PHASE, 8);
  const length = before + FIXED_LENGTH + avPairsLength(challenge.avPairs, PHASE) + TRAILING_ZEROS;
  const writer = new ByteWriter(length, PHASE);
  writer.zeros(before);
  writer.uint8(VERSION);
  writer.uint8(VERSION);
  writer.zeros(6);
  writer.uint64(timestamp);
  writer.bytes(challengeFromClient);
  writer.zeros(4);
  writeAvPairs(writer, challenge.avPairs);
  writer.zeros(TRAILING_ZEROS);
  return writer.finish();
}

/**
 * The values of an NT response of more than 24 bytes. What stands behind the EOL (4, 8 or 12
 * zero bytes, by Windows version) is kept in `temp` and not looked at.
 *
 * @throws NtlmError with `side: 'peer'` and `offset` into the response.
 */
export function decodeNtlmV2Response(bytes: Uint8Array, record?: FieldRecorder): NtlmV2Response {
  checkBytes('bytes', bytes, PHASE);
  const reader = new ByteReader(bytes, PHASE, record);
  const ntProofStr = reader.bytes('NTLMv2Response.NTProofStr', PROOF_LENGTH);
  const temp = new Uint8Array(bytes.subarray(reader.offset));
  const at = reader.offset;
  const respType = reader.uint8('NTLMv2Response.RespType');
  const hiRespType = reader.uint8('NTLMv2Response.HiRespType');
  if (respType !== VERSION || hiRespType !== VERSION) {
    throw reader.error('malformed-token', `client challenge of version ${respType}.${hiRespType} instead of 1.1`, at);
  }
  reader.skip('NTLMv2Response.Reserved1', 2);
  reader.skip('NTLMv2Response.Reserved2', 4);
  const timestamp = reader.uint64('NTLMv2Response.TimeStamp');
  const challengeFromClient = reader.bytes('NTLMv2Response.ChallengeFromClient', 8);
  reader.skip('NTLMv2Response.Reserved3', 4);
  const avPairs = decodeAvPairs(reader, 'NTLMv2Response');
  return { ntProofStr, timestamp, challengeFromClient, avPairs, temp };
}
