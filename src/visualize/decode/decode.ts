import { NtlmError, type NtlmErrorCode } from '../../errors.ts';
import { isNtlmMessage } from '../../messages/header.ts';
import { NegotiateFlags, hasFlag } from '../../messages/flags.ts';
import { decodeMessage } from '../../messages/message.ts';
import { decodeNtlmV2Response } from '../../messages/ntlmv2-response.ts';
import type { FieldRecorder, FieldSpan } from '../../messages/reader.ts';
import { recordSpnego } from '../../spnego/messages/record.ts';
import { toHex } from '../bytes.ts';
import { describeField, type MeaningContext } from './meanings.ts';
import { partition } from './spans.ts';


export type MessageName = 'NEGOTIATE' | 'CHALLENGE' | 'AUTHENTICATE';

/** A run of bytes with a name. */
export interface DecodedField {
  /** MS-NLMP's or RFC 4178's, nested by dots; `unread` for bytes that no field covers. */
  readonly name: string;
  /** Bytes from the start of the token. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** Two digits a byte, or `**` where masked. */
  readonly hex: string;
  readonly value: string;
  /** Flags by name, second readings. */
  readonly detail: readonly string[];
  /** Where it is specified: `MS-NLMP 2.2.2.5`. */
  readonly section: string;
  readonly masked: boolean;
}

/** What stopped the decoder; the fields before it hold. */
export interface DecodeProblem {
  readonly code: NtlmErrorCode;
  readonly message: string;
  /** Bytes from the start of the token. */
  readonly offset: number;
}

/** A token, each byte in exactly one field. */
export interface DecodedToken {
  readonly message: MessageName | undefined;
  readonly spnego: boolean;
  /** Bytes. */
  readonly length: number;
  /** Where the NTLM message lies in the token. */
  readonly ntlm: { readonly offset: number; readonly length: number } | undefined;
  /** In the order of the bytes. */
  readonly fields: readonly DecodedField[];
  readonly problems: readonly DecodeProblem[];
}

const MESSAGE_NAMES: readonly (MessageName | undefined)[] = [undefined, 'NEGOTIATE', 'CHALLENGE', 'AUTHENTICATE'];

/** Any bytes as a token. Never throws for what they hold: what cannot be read is named `unread`, with the reason. */
export function decodeToken(token: Uint8Array, masked: readonly FieldSpan[] = []): DecodedToken {
  const spans: FieldSpan[] = [];
  const problems: DecodeProblem[] = [];
  const attempt = (offset: number, work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
      problems.push({ code: error.code, message: error.message, offset: offset + (error.offset ?? 0) });
    }
  };
  const shifted = (offset: number): FieldRecorder => (span) => spans.push({ ...span, offset: span.offset + offset });

  const spnego = !isNtlmMessage(token) && (token[0] === 0x60 || token[0] === 0xa1);
  let ntlm: DecodedToken['ntlm'];
  if (spnego) attempt(0, () => (ntlm = recordSpnego(token, shifted(0))));
  else ntlm = { offset: 0, length: token.length };

  let message: MessageName | undefined;
  if (ntlm !== undefined) {
    const { offset, length } = ntlm;
    const bytes = token.subarray(offset, offset + length);
    const own: FieldSpan[] = [];
    attempt(offset, () => decodeMessage(bytes, (span) => own.push(span)));
    message = isNtlmMessage(bytes) && bytes.length >= 12 ? MESSAGE_NAMES[new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)] : undefined;
    for (const span of own) {
      if (span.name !== 'NtChallengeResponse' || span.length <= 24) {
        shifted(offset)(span);
        continue;
      }
      const start = offset + span.offset;
      const response = token.subarray(start, start + span.length);
      attempt(start, () => decodeNtlmV2Response(response, shifted(start)));
    }
  }
  return { message, spnego, length: token.length, ntlm, fields: describe(token, spans, masked, message), problems };
}

function describe(
  token: Uint8Array,
  spans: readonly FieldSpan[],
  masked: readonly FieldSpan[],
  message: MessageName | undefined,
): readonly DecodedField[] {
  const context = contextOf(token, spans, message);
  return partition(token.length, spans).map(({ offset, length, span, shared }) => {
    const bytes = token.subarray(offset, offset + length);
    const isMasked = masked.some((mask) => mask.offset < offset + length && offset < mask.offset + mask.length);
    const hex = isMasked ? '**'.repeat(length) : toHex(bytes);
    const also = shared.map((other) => `also read as ${other.name} (${other.length} bytes at ${other.offset})`);
    if (span === undefined) {
      const value = bytes.every((byte) => byte === 0) ? 'zero bytes that no field covers' : 'bytes that no field covers';
      return { name: 'unread', offset, length, hex, value, detail: [], section: '', masked: isMasked };
    }
    const { value, detail = [], section } = describeField(span.name, bytes, message, context);
    return {
      name: span.name,
      offset,
      length,
      hex,
      value: isMasked ? 'masked' : value,
      detail: [...(isMasked ? [] : detail), ...also],
      section,
      masked: isMasked,
    };
  });
}

function contextOf(token: Uint8Array, spans: readonly FieldSpan[], message: MessageName | undefined): MeaningContext {
  const flagsAt = spans.find(({ name }) => name === 'NegotiateFlags')?.offset;
  const flags = flagsAt === undefined ? 0 : new DataView(token.buffer, token.byteOffset).getUint32(flagsAt, true);
  const ntField = spans.find(({ name }) => name === 'NtChallengeResponseFields')?.offset;
  return {
    // the names of a NEGOTIATE are OEM whatever the flags say (MS-NLMP 2.2.1.1)
    charset: message !== 'NEGOTIATE' && hasFlag(flags, NegotiateFlags.NEGOTIATE_UNICODE) ? 'unicode' : 'oem',
    ntLength: ntField === undefined ? 0 : token[ntField]! | (token[ntField + 1]! << 8),
    extendedSessionSecurity: hasFlag(flags, NegotiateFlags.NEGOTIATE_EXTENDED_SESSIONSECURITY),
  };
}
