import { decodeAuthenticate } from './authenticate.ts';
import { MessageType } from './header.ts';
import { decodeNtlmV2Response } from './ntlmv2-response.ts';
import type { FieldSpan } from './reader.ts';
import { unlessRefused } from '../errors.ts';

/** Signature and MessageType. */
const HEADER_LENGTH = 12;
const SECRET = /^(?:LmChallengeResponse|NtChallengeResponse|NTLMv2Response\.NTProofStr|MIC|EncryptedRandomSessionKey|.*\.mechListMIC)$/;

/**
 * Whether a field, by its name, is one that a guessed password can be tried against offline: a response, a MIC, whose key
 * comes from a response that the guess would give as well, or the session key, encrypted or not.
 */
export function isSecretField(name: string): boolean {
  return SECRET.test(name);
}

/**
 * A message of any type with its secrets zeroed where they stand. What no field of an AUTHENTICATE covers is zeroed too,
 * and so is everything but the header of one that cannot be read. The bytes of the others are all public.
 */
export function maskMessage(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const type = message.length < HEADER_LENGTH ? undefined : message[HEADER_LENGTH - 4];
  if (type === MessageType.NEGOTIATE || type === MessageType.CHALLENGE) return Uint8Array.from(message);
  const masked = new Uint8Array(message.length);
  const spans: FieldSpan[] = [];
  if (unlessRefused(() => decodeAuthenticate(message, (span) => spans.push(span))) === undefined) {
    masked.set(message.subarray(0, HEADER_LENGTH));
    return masked;
  }
  for (const span of spans) {
    if (span.name === 'NtChallengeResponse' && span.length > 24) spans.push(...insideResponse(message, span));
    if (!isSecretField(span.name)) masked.set(message.subarray(span.offset, span.offset + span.length), span.offset);
  }
  return withoutSecrets(masked, spans);
}

/** Descriptors of a strange message may point to the same place: what is secret for one of them is. */
function withoutSecrets(masked: Uint8Array<ArrayBuffer>, spans: readonly FieldSpan[]): Uint8Array<ArrayBuffer> {
  for (const { name, offset, length } of spans) {
    const isOpened = name === 'NtChallengeResponse' && length > 24;
    if (isSecretField(name) && !isOpened) masked.fill(0, offset, offset + length);
  }
  return masked;
}

/** An NTLMv2 response is its proof and what the proof covers, names and times. */
function insideResponse(message: Uint8Array, { offset, length }: FieldSpan): FieldSpan[] {
  const spans: FieldSpan[] = [];
  const read = (): unknown => decodeNtlmV2Response(message.subarray(offset, offset + length), (span) => spans.push({ ...span, offset: span.offset + offset }));
  return unlessRefused(read) === undefined ? [] : spans;
}
