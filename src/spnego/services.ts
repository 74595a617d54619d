/** The work that the negotiation invokes. */
import { NtlmError } from '../errors.ts';
import type { NtlmContext } from '../machine/context.ts';
import { fromSynchronous } from '../machine/synchronous.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { NtlmSession } from '../session/session.ts';
import { signMechTypeList, verifyMechTypeList } from './mech-list-mic.ts';
import { encodeNegTokenResp } from './messages/neg-token-resp.ts';
import { decodeSpnegoToken, type SpnegoToken } from './messages/spnego-token.ts';

export interface DecodeTokenInput {
  /** As received. */
  readonly token: Uint8Array;
}

/** Any token of the other end, strictly. */
export const decodeTokenService = fromSynchronous(({ token }: DecodeTokenInput): SpnegoToken =>
  decodeSpnegoToken(token),
);

export interface WrapResponseInput {
  readonly raw: boolean;
  readonly micRequested: boolean;
  readonly mechTypeList: Uint8Array;
  /** What the handshake inside knows, its type 3 made. */
  readonly handshake: NtlmContext | undefined;
}

export interface WrapResponseOutput {
  readonly token: Uint8Array<ArrayBuffer>;
  readonly session: NtlmSession | undefined;
  readonly mechListMIC: Uint8Array | undefined;
}

/** The type 3 on its way out, with our mechListMIC where it can be made. */
export const wrapResponseService = fromSynchronous((input: WrapResponseInput): WrapResponseOutput => {
  const { token, sessionKey, negotiateFlags, response } = input.handshake ?? {};
  if (token === undefined || sessionKey === undefined || negotiateFlags === undefined) throw unfinished();
  const session = hasFlag(negotiateFlags, F.NEGOTIATE_SIGN)
    ? NtlmSession.fromHandshake({ sessionKey, negotiateFlags, side: 'client' })
    : undefined;
  if (input.raw) return { token, session, mechListMIC: undefined };
  // Acceptors demand it of whoever sends a MIC in the type 3 (MS-SPNG 3.1.5.1); nobody verifies an anonymous user's.
  const signs = response !== 'anonymous' || input.micRequested;
  const mechListMIC = session && signs ? signMechTypeList(session, input.mechTypeList) : undefined;
  return {
    token: encodeNegTokenResp({ responseToken: token, ...(mechListMIC && { mechListMIC }) }),
    session,
    mechListMIC,
  };
});

export interface VerifyMechListMicInput {
  readonly session: NtlmSession | undefined;
  readonly mechTypeList: Uint8Array;
  readonly mechListMIC: Uint8Array | undefined;
}

/** The other end's mechListMIC. */
export const verifyMechListMicService = fromSynchronous(
  ({ session, mechTypeList, mechListMIC }: VerifyMechListMicInput) => {
    if (session !== undefined && mechListMIC !== undefined) verifyMechTypeList(session, mechTypeList, mechListMIC);
  },
);

export interface AnswerInput {
  readonly session: NtlmSession | undefined;
  readonly mechTypeList: Uint8Array;
  /** What was sent before, if anything was. */
  readonly mechListMIC: Uint8Array | undefined;
}

/** The answer to `accept-incomplete`: our mechListMIC, for the first time or again. */
export const answerService = fromSynchronous((input: AnswerInput): { token: Uint8Array<ArrayBuffer>; mechListMIC: Uint8Array } => {
  const { session, mechTypeList } = input;
  const mechListMIC = input.mechListMIC ?? signMechTypeList(session!, mechTypeList);
  return { token: encodeNegTokenResp({ mechListMIC }), mechListMIC };
});

function unfinished(): NtlmError {
  return new NtlmError('the handshake has no response yet', { code: 'service-failed', phase: 'spnego', side: 'local' });
}
