import { NtlmError, unlessRefused, type NtlmErrorCode } from '../../errors.ts';
import { isNtlmMessage } from '../../messages/header.ts';
import { NegotiateFlags, hasFlag } from '../../messages/flags.ts';
import { decodeMessage } from '../../messages/message.ts';
import { decodeNtlmV2Response } from '../../messages/ntlmv2-response.ts';
import type { FieldRecorder, FieldSpan } from '../../messages/reader.ts';
import { decodeGssToken } from '../../spnego/messages/gss-token.ts';
import { MechType } from '../../spnego/messages/mech-types.ts';
import { recordSpnego, type InnerToken } from '../../spnego/messages/record.ts';
import { toHex } from '../bytes.ts';
import type { KerberosMessage } from '../../spnego/kerberos/shapes.ts';
import { mayBeKerberos, readKerberosToken, type KerberosToken } from '../../spnego/kerberos/token.ts';
import { describeField, type MeaningContext } from './meanings.ts';
import { isNegoEx, recordNegoEx } from './negoex.ts';
import { partition } from './spans.ts';

/** Of NTLM, of Kerberos, of what is negotiated beside them. */
export type MessageName = 'NEGOTIATE' | 'CHALLENGE' | 'AUTHENTICATE' | KerberosMessage | 'NEGOEX';

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
  readonly ntlm: InnerToken | undefined;
  /** What its clear part says, where it is a well-formed token of Kerberos. */
  readonly kerberos: KerberosToken | undefined;
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

  const spnego = isSpnego(token);
  let inner: InnerToken | undefined = { offset: 0, length: token.length };
  if (spnego) {
    inner = undefined;
    attempt(0, () => (inner = recordSpnego(token, shifted(0))));
  }
  const bytes = inner && token.subarray(inner.offset, inner.offset + inner.length);
  const kind = bytes && kindOf(bytes, spnego);
  let message: MessageName | undefined;
  let kerberos: KerberosToken | undefined;
  if (inner !== undefined && bytes !== undefined) {
    const { offset } = inner;
    if (kind === 'kerberos') {
      attempt(0, () => (kerberos = readKerberosToken(bytes, shifted(0), offset)));
      message = kerberos?.message;
    } else if (kind === 'negoex') {
      recordNegoEx(shifted(0), offset);
      message = 'NEGOEX';
    } else {
      message = recordNtlm(bytes, offset, attempt, shifted);
    }
  }
  const ntlm = kind === 'ntlm' ? inner : undefined;
  return { message, spnego, length: token.length, ntlm, kerberos, fields: describe(token, spans, masked, message), problems };
}

/** What is framed as SPNEGO is, or in whatever way its first token can be read no further. */
function isSpnego(token: Uint8Array): boolean {
  if (token[0] !== 0x60) return token[0] === 0xa1;
  const mechanism = unlessRefused(() => decodeGssToken(token).mechanism);
  return mechanism === undefined || mechanism === MechType.SPNEGO;
}

/** What is of no other kind is held to be NTLM's, and its problem said. Kerberos has no frame around it within SPNEGO alone. */
function kindOf(bytes: Uint8Array, spnego: boolean): 'ntlm' | 'kerberos' | 'negoex' {
  if (isNtlmMessage(bytes)) return 'ntlm';
  if (bytes[0] === 0x60 || (spnego && mayBeKerberos(bytes))) return 'kerberos';
  return isNegoEx(bytes) ? 'negoex' : 'ntlm';
}

function recordNtlm(
  bytes: Uint8Array,
  offset: number,
  attempt: (offset: number, work: () => void) => void,
  shifted: (offset: number) => FieldRecorder,
): MessageName | undefined {
  const own: FieldSpan[] = [];
  attempt(offset, () => decodeMessage(bytes, (span) => own.push(span)));
  for (const span of own) {
    if (span.name !== 'NtChallengeResponse' || span.length <= 24) {
      shifted(offset)(span);
      continue;
    }
    const response = bytes.subarray(span.offset, span.offset + span.length);
    attempt(offset + span.offset, () => decodeNtlmV2Response(response, shifted(offset + span.offset)));
  }
  return isNtlmMessage(bytes) && bytes.length >= 12 ? MESSAGE_NAMES[new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)] : undefined;
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
