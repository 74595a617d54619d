import { NtlmError } from '../../errors.ts';
import { decodeAuthenticate, type AuthenticateMessage } from '../../messages/authenticate.ts';
import { describeTargetInfo, type TargetInfo } from '../../messages/av-pairs.ts';
import { decodeChallenge, type ChallengeMessage } from '../../messages/challenge.ts';
import { NegotiateFlags, hasFlag } from '../../messages/flags.ts';
import { decodeNegotiate, type NegotiateMessage } from '../../messages/negotiate.ts';
import { decodeNtlmV2Response, type NtlmV2Response } from '../../messages/ntlmv2-response.ts';
import type { ResponseKind } from '../../machine/policy.ts';
import { decodeToken } from '../decode/decode.ts';
import { tokenBytes } from '../trace/mask.ts';
import type { TracedError } from '../trace/projection.ts';
import type { Trace } from '../trace/trace.ts';

export type Outcome = 'accepted' | 'rejected' | 'refused' | 'unfinished';

/** The messages of one handshake, raw or in SPNEGO, and what is known around them. */
export interface ExchangeTokens {
  readonly negotiate?: Uint8Array | undefined;
  readonly challenge?: Uint8Array | undefined;
  readonly authenticate?: Uint8Array | undefined;
  /** When the challenge came, by the client's clock, in milliseconds since 1970. */
  readonly time?: number | undefined;
  /** Whether a TLS channel lay below; leave it out where that is not known. */
  readonly tls?: boolean | undefined;
  readonly outcome?: Outcome | undefined;
}

/** A handshake understood as far as its messages are well-formed. */
export interface Exchange {
  readonly negotiate: NegotiateMessage | undefined;
  /** Bytes of the NEGOTIATE. */
  readonly negotiateLength: number;
  readonly challenge: ChallengeMessage | undefined;
  readonly target: TargetInfo;
  readonly authenticate: AuthenticateMessage | undefined;
  readonly ntlmV2: NtlmV2Response | undefined;
  readonly response: ResponseKind | undefined;
  readonly time: number | undefined;
  readonly tls: boolean | undefined;
  readonly outcome: Outcome;
  readonly error: TracedError | undefined;
  /** Messages that could not be read, with the reason. */
  readonly malformed: readonly string[];
}

/** The last handshake of a trace, or three messages. */
export function exchangeOf(input: Trace | ExchangeTokens, around: Pick<ExchangeTokens, 'tls'> = {}): Exchange {
  return 'entries' in input ? understand({ ...tokensOf(input), ...around }, errorOf(input)) : understand({ ...input, ...around }, undefined);
}

function tokensOf({ entries }: Trace): ExchangeTokens {
  const last = (message: string) => entries.findLast(({ token }) => token?.message === message);
  const start = entries.findLastIndex(({ token }) => token?.message === 'NEGOTIATE');
  const after = (message: string) => {
    const entry = last(message);
    return entry !== undefined && entries.indexOf(entry) >= start ? entry : undefined;
  };
  const bytes = (message: string) => {
    const token = after(message)?.token;
    return token === undefined ? undefined : tokenBytes(token);
  };
  const state = entries.at(-1)?.to ?? '';
  const outcome = /(^|\.)(authenticated|accepted)$/.test(state)
    ? 'accepted'
    : /(^|\.)rejected$/.test(state)
      ? 'rejected'
      : /(^|\.)(refused|faulted)$/.test(state)
        ? 'refused'
        : 'unfinished';
  return {
    negotiate: bytes('NEGOTIATE'),
    challenge: bytes('CHALLENGE'),
    authenticate: bytes('AUTHENTICATE'),
    time: after('CHALLENGE')?.time,
    outcome,
  };
}

function errorOf({ entries }: Trace): TracedError | undefined {
  return entries.at(-1)?.context.error;
}

function understand(tokens: ExchangeTokens, error: TracedError | undefined): Exchange {
  const malformed: string[] = [];
  const read = <T>(name: string, token: Uint8Array | undefined, decode: (bytes: Uint8Array) => T): T | undefined => {
    if (token === undefined) return undefined;
    const ntlm = name === 'NT response' ? { offset: 0, length: token.length } : decodeToken(token).ntlm;
    if (ntlm === undefined) {
      malformed.push(`${name}: no NTLM message in the token`);
      return undefined;
    }
    try {
      return decode(token.subarray(ntlm.offset, ntlm.offset + ntlm.length));
    } catch (problem) {
      if (!(problem instanceof NtlmError)) throw problem;
      malformed.push(`${name}: ${problem.message}${problem.offset === undefined ? '' : ` (byte ${problem.offset})`}`);
      return undefined;
    }
  };
  const negotiate = read('NEGOTIATE', tokens.negotiate, decodeNegotiate);
  const challenge = read('CHALLENGE', tokens.challenge, decodeChallenge);
  const authenticate = read('AUTHENTICATE', tokens.authenticate, decodeAuthenticate);
  const response = authenticate && kindOf(authenticate);
  const ntlmV2 = response === 'ntlmv2' ? read('NT response', authenticate?.ntChallengeResponse, (nt) => decodeNtlmV2Response(nt)) : undefined;
  return {
    negotiate,
    negotiateLength: tokens.negotiate?.length ?? 0,
    challenge,
    target: describeTargetInfo(challenge?.targetInfo ?? []),
    authenticate,
    ntlmV2,
    response,
    time: tokens.time,
    tls: tokens.tls,
    outcome: tokens.outcome ?? 'unfinished',
    error,
    malformed,
  };
}

/** By size and flags (MS-NLMP 3.3), as an acceptor tells them apart; a masked response counts by its size. */
function kindOf({ userName, ntChallengeResponse: nt, lmChallengeResponse: lm, negotiateFlags }: AuthenticateMessage): ResponseKind {
  if (userName === '' && nt.length === 0) return 'anonymous';
  if (nt.length > 24) return 'ntlmv2';
  if (nt.length === 0) return 'lm';
  if (hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_EXTENDED_SESSIONSECURITY)) return 'ntlm2-session';
  return lm.length === 24 ? 'lm-and-ntlmv1' : 'ntlmv1';
}
