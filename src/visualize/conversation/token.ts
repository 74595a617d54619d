/** A token as a conversation keeps it, from its bytes or from whatever text stands where its base64 should. */
import { decodeToken } from '../decode/decode.ts';
import { fromBase64 } from '../bytes.ts';
import { traceToken } from '../trace/mask.ts';
import { isNegoEx } from '../decode/negoex.ts';
import { mayBeKerberos } from '../../spnego/kerberos/token.ts';
import { decodeGssToken } from '../../spnego/messages/gss-token.ts';
import { MechType, decodeSpnegoToken } from '../../spnego/messages/index.ts';
import { isNtlmMessage } from '../../messages/header.ts';
import { NtlmError } from '../../errors.ts';
import type { ConversationToken, TokenState } from './conversation.ts';

export type TokenVisibility = 'masked' | 'whole';

/** What a net-export says in the place of base64, and its reader of what that must have been. */
const STRIPPED = /^\[(\d{1,7}) bytes (of Kerberos )?were stripped\]$/;
const LONGEST_TOKEN = 128 * 1024; // characters; a message has at most 64 KiB and some
/** What tools write in the place of what they leave out. */
const LEFT_OUT = /…|\.\.\.|\[(?:truncated|snip)|<(?:truncated|snip)/i;
const MASK = /^[*xX•#.\-]{3,}$|redact|mask|remov|hidden|secret|snip|strip|obfusc|sanitiz|<[^>]*>|\[[^\]]*\]|\*{3,}/i;

/** What stands behind the name of a scheme; `undefined` for nothing. */
export function tokenOfText(text: string, visibility: TokenVisibility): ConversationToken | undefined {
  const written = text.trim();
  if (written === '') return undefined;
  const [, stripped, kerberos] = STRIPPED.exec(written) ?? [];
  if (stripped !== undefined) return { ...without('masked', Math.floor((Number(stripped) * 3) / 4)), ...(kerberos === undefined ? {} : { mechanism: 'kerberos' }) };
  if (written.length > LONGEST_TOKEN) return without('cut', written.length);
  const whole = fromBase64(written) ?? fromBase64(written.replaceAll('-', '+').replaceAll('_', '/'));
  if (whole !== undefined) return tokenOf(whole, visibility);
  const start = /^[A-Za-z0-9+/]*={0,2}/.exec(written)?.[0] ?? '';
  const rest = written.slice(start.length);
  const isCut = rest === '' || LEFT_OUT.test(rest);
  const usable = start.replace(/=+$/, '');
  const bytes = fromBase64(usable.slice(0, usable.length - (usable.length % 4)));
  const begins = bytes !== undefined && (isNtlmMessage(bytes) || bytes[0] === 0x60 || bytes[0] === 0xa1);
  if (begins && (isCut || MASK.test(rest))) return { ...tokenOf(bytes, visibility), state: isCut ? 'cut' : 'masked' };
  return without(MASK.test(written) ? 'masked' : isCut && LEFT_OUT.test(written) ? 'cut' : 'unreadable', written.length);
}

/** Nothing of an unreadable token is kept: it may be anything. */
function without(state: TokenState, length: number): ConversationToken {
  return { message: undefined, base64: '', masked: [], state, mechanism: 'unknown', length };
}

export function tokenOf(bytes: Uint8Array, visibility: TokenVisibility): ConversationToken {
  const mechanism = mechanismOf(bytes);
  if (mechanism === 'unknown') return { ...without('whole', bytes.length), mechanism };
  const { fields, problems } = decodeToken(bytes);
  const traced = traceToken(bytes, visibility === 'whole' ? 'shown' : 'masked');
  const zeros = fields.filter(({ hex }) => /^(?:00)+$/.test(hex));
  const proofs = zeros.filter(({ name }) => RESPONSE.test(name));
  const blanks = proofs.length === 0 ? [] : zeros.filter(({ name }) => RESPONSE.test(name) || KEYED.test(name));
  const masked = [...traced.masked, ...blanks.map(({ name, offset, length }) => ({ name, offset, length }))];
  const [problem] = problems;
  const state = problem !== undefined ? 'malformed' : masked.length > 0 ? 'masked' : 'whole';
  return {
    ...traced,
    masked,
    state,
    mechanism,
    length: bytes.length,
    ...(problem === undefined ? {} : { problem: `${problem.message} (byte ${problem.offset})` }),
  };
}

/** A proof of nothing but zeros was masked by whoever saved it. */
const RESPONSE = /NTProofStr$|^NtChallengeResponse$|\.cipher$/;
/** And so were these, where they are there at all. */
const KEYED = /^(?:MIC|EncryptedRandomSessionKey)$/;

const KERBEROS: readonly string[] = [MechType.KERBEROS, MechType.MS_KERBEROS, MechType.KERBEROS_USER_TO_USER, MechType.IAKERB];

/** By the frame, and within SPNEGO by the mechanism that its token is of: the one chosen, or the first of those offered. */
function mechanismOf(bytes: Uint8Array): ConversationToken['mechanism'] {
  if (isNtlmMessage(bytes)) return 'ntlm';
  if (bytes[0] !== 0x60 && bytes[0] !== 0xa1) return 'unknown';
  try {
    if (bytes[0] === 0x60) {
      const { mechanism } = decodeGssToken(bytes);
      if (mechanism !== MechType.SPNEGO) return KERBEROS.includes(mechanism) ? 'kerberos' : 'unknown';
    }
    const token = decodeSpnegoToken(bytes);
    if (token.type === 'raw-ntlmssp') return 'ntlm';
    const inner = token.type === 'resp' ? token.responseToken : token.mechToken;
    if (inner === undefined) return 'spnego';
    if (isNtlmMessage(inner)) return 'ntlm';
    if (isNegoEx(inner)) return 'negoex';
    const chosen = token.type === 'resp' ? token.supportedMech : token.mechTypes[0];
    if (chosen === undefined) return mayBeKerberos(inner) ? 'kerberos' : 'spnego';
    return KERBEROS.includes(chosen) ? 'kerberos' : 'spnego';
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    return 'spnego';
  }
}
