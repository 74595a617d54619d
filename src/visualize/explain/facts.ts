/** What is known of one handshake: its messages as far as they can be read, the clocks, the connection. */
import { decodeAuthenticate, type AuthenticateMessage } from '../../messages/authenticate.ts';
import { describeTargetInfo, type TargetInfo } from '../../messages/av-pairs.ts';
import { decodeChallenge, type ChallengeMessage } from '../../messages/challenge.ts';
import { dateFromFiletime } from '../../messages/filetime.ts';
import { NegotiateFlags, hasFlag } from '../../messages/flags.ts';
import { decodeNegotiate, type NegotiateMessage } from '../../messages/negotiate.ts';
import { decodeNtlmV2Response, type NtlmV2Response } from '../../messages/ntlmv2-response.ts';
import type { ResponseKind } from '../../machine/policy.ts';
import { unlessRefused } from '../../errors.ts';
import { decodeToken } from '../decode/decode.ts';
import type { Verdict } from '../decode/verify.ts';
import type { KerberosToken } from '../../spnego/kerberos/token.ts';
import { tokenBytes } from '../trace/mask.ts';
import type { TracedError } from '../trace/projection.ts';
import { fieldOf, type Blindness, type Conversation, type ConversationSource, type ConversationToken, type Exchange, type Side } from '../conversation/conversation.ts';
import { endOf, type End } from './ending.ts';
import { challengeOf, handshakesOf, hostOf, tokenOf, type Handshake } from './handshakes.ts';

export interface Facts {
  readonly source: ConversationSource;
  readonly blind: ReadonlySet<Blindness>;
  readonly side: Side;
  readonly handshake: Handshake;
  readonly end: End;
  readonly negotiateToken: ConversationToken | undefined;
  readonly challengeToken: ConversationToken | undefined;
  readonly authenticateToken: ConversationToken | undefined;
  readonly negotiate: NegotiateMessage | undefined;
  readonly challenge: ChallengeMessage | undefined;
  /** Of the challenge, else what the response echoes of it. */
  readonly target: TargetInfo;
  /** Of a second challenge, in the answer to type 3. */
  readonly secondTarget: TargetInfo | undefined;
  readonly authenticate: AuthenticateMessage | undefined;
  readonly ntlmV2: NtlmV2Response | undefined;
  readonly response: ResponseKind | undefined;
  /** The clear part of the client's token of Kerberos, and of the server's answer to it. */
  readonly ticket: KerberosToken | undefined;
  readonly ticketAnswer: KerberosToken | undefined;
  readonly tls: boolean | undefined;
  readonly refusal: TracedError | undefined;
  readonly verdicts: readonly Verdict[];
  /** The other challenge that this response may belong to, on another connection. */
  readonly strayChallenge: Handshake | undefined;
  /** Handshakes that ended as this one did. */
  readonly attempts: number;
  /** The answer by which the same account was let in before, at the same place. */
  readonly acceptedBefore: Exchange | undefined;
  readonly host: string;
}

export function factsOf(
  conversation: Conversation,
  handshake: Handshake,
  end: End,
  known: { readonly tls?: boolean | undefined; readonly verdicts?: readonly Verdict[] | undefined; readonly strayChallenge?: Handshake | undefined; readonly attempts?: number },
): Facts {
  const { source, blind } = conversation;
  const { side, opening, answer, connection } = handshake;
  const negotiateToken = tokenOf(opening, side);
  const challengeToken = challengeOf(opening, side);
  const authenticateToken = tokenOf(answer, side);
  const challenge = read(challengeToken, decodeChallenge);
  const authenticate = read(authenticateToken, decodeAuthenticate);
  const response = authenticate && kindOf(authenticate);
  const ntlmV2 = response === 'ntlmv2' || (response === 'anonymous' && authenticate!.ntChallengeResponse.length > 24) ? unlessRefused(() => decodeNtlmV2Response(authenticate!.ntChallengeResponse)) : undefined;
  const second = read(challengeOf(answer, side), decodeChallenge);
  return {
    source,
    blind: new Set(blind),
    side,
    handshake,
    end,
    negotiateToken: negotiateToken?.message === 'NEGOTIATE' || negotiateToken?.message === undefined ? negotiateToken : undefined,
    challengeToken,
    authenticateToken,
    negotiate: negotiateToken?.message === 'NEGOTIATE' ? read(negotiateToken, decodeNegotiate) : undefined,
    challenge,
    target: describeTargetInfo(challenge?.targetInfo ?? (challenge === undefined ? ntlmV2?.avPairs : undefined) ?? []),
    secondTarget: second && describeTargetInfo(second.targetInfo ?? []),
    authenticate,
    ntlmV2,
    response,
    ticket: kerberosIn(tokenOf(end.exchange, side)),
    ticketAnswer: kerberosIn(challengeOf(end.exchange, side)),
    tls: known.tls ?? connection.tls ?? tlsOf(end.exchange),
    refusal: connection.refusal ?? written(end.exchange),
    verdicts: known.verdicts ?? [],
    strayChallenge: known.strayChallenge,
    attempts: known.attempts ?? 1,
    acceptedBefore: authenticate && acceptedBefore(conversation, handshake, end, authenticate),
    host: hostOf(end.exchange),
  };
}

function acceptedBefore(conversation: Conversation, { side }: Handshake, end: End, { userName, domainName }: AuthenticateMessage): Exchange | undefined {
  return handshakesOf(conversation).find((other) => {
    const { answer } = other;
    if (answer === undefined || other.side !== side || answer.index >= end.exchange.index || hostOf(answer) !== hostOf(end.exchange)) return false;
    const account = read(tokenOf(answer, side), decodeAuthenticate);
    return account?.userName === userName && account.domainName === domainName && endOf(other)?.kind === 'accepted';
  })?.answer;
}

/** The NTLM message of a token, where it is there and well-formed. */
function read<T>(token: ConversationToken | undefined, decode: (bytes: Uint8Array) => T): T | undefined {
  if (token === undefined || token.base64 === '') return undefined;
  const bytes = tokenBytes(token);
  const { ntlm } = decodeToken(bytes);
  return ntlm === undefined ? undefined : unlessRefused(() => decode(bytes.subarray(ntlm.offset, ntlm.offset + ntlm.length)));
}

/** What a token of Kerberos says in the clear. */
function kerberosIn(token: ConversationToken | undefined): KerberosToken | undefined {
  return token === undefined || token.base64 === '' ? undefined : decodeToken(tokenBytes(token)).kerberos;
}

function tlsOf({ request }: Exchange): boolean | undefined {
  return request !== undefined && /^https?:\/\//i.test(request.target) ? /^https:/i.test(request.target) : undefined;
}

/** What this library has written into an answer that it handed back (RFC 9209). */
export function saidByUs({ response }: Exchange): TracedError | undefined {
  const found = /ntlmachine; error=\w+; details="([a-z-]+): ((?:[^"\\]|\\.)*)"/.exec(fieldOf(response, 'proxy-status') ?? '');
  if (found === null) return undefined;
  return { name: 'NtlmError', code: found[1] as TracedError['code'], message: (found[2] ?? '').replace(/\\(.)/g, '$1'), phase: 'transport', side: 'peer' };
}

/** A refusal of credentials is the server's, and judged by what is seen of it. */
function written(exchange: Exchange): TracedError | undefined {
  const said = saidByUs(exchange);
  return said?.code === 'credentials-refused' ? undefined : said;
}

/** By size and flags (MS-NLMP 3.3), as an acceptor tells them apart; a masked response counts by its size. No user is the anonymous user, whatever a client computes. */
function kindOf({ userName, ntChallengeResponse: nt, lmChallengeResponse: lm, negotiateFlags }: AuthenticateMessage): ResponseKind {
  if (userName === '') return 'anonymous';
  if (nt.length > 24) return 'ntlmv2';
  if (nt.length === 0) return 'lm';
  if (hasFlag(negotiateFlags, NegotiateFlags.NEGOTIATE_EXTENDED_SESSIONSECURITY)) return 'ntlm2-session';
  return lm.length === 24 ? 'lm-and-ntlmv1' : 'ntlmv1';
}

/** Two readings of the time, in milliseconds since 1970. */
export interface ClockReading {
  readonly client: number;
  readonly server: number;
  readonly evidence: string;
}

/** The clocks, where both can be read: what the client wrote or recorded, and what the server said at that time. */
export function clocksOf({ handshake, challenge, target, ntlmV2, end }: Facts): ClockReading | undefined {
  const { opening, answer } = handshake;
  const said = challenge === undefined ? undefined : target.timestamp;
  const dated = [opening, answer, end.exchange].map((exchange) => Date.parse(fieldOf(exchange?.response, 'date') ?? '')).find((time) => !Number.isNaN(time));
  const server = said === undefined ? dated : dateFromFiletime(said).getTime();
  if (server === undefined || Number.isNaN(server)) return undefined;
  const serverText = `the server's ${said === undefined ? 'Date is' : 'challenge is dated'} ${iso(server)}`;
  const own = ntlmV2?.timestamp;
  if (own !== undefined && own !== target.timestamp) {
    const client = dateFromFiletime(own).getTime();
    if (!Number.isNaN(client)) return { client, server, evidence: `the response is dated ${iso(client)}, ${serverText}` };
  }
  const recorded = opening?.response?.time ?? opening?.request?.time ?? end.exchange.response?.time ?? end.exchange.request?.time;
  return recorded === undefined ? undefined : { client: recorded, server, evidence: `${serverText}, it was recorded here at ${iso(recorded)}` };
}

function iso(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? `${time} ms` : date.toISOString().replace('.000Z', 'Z');
}
