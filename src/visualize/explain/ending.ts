/** How a handshake ended, by HTTP alone. */
import type { ConversationResponse, ConversationToken, Ending, Exchange, Side } from '../conversation/conversation.ts';
import { challengeOf, tokenOf, type Handshake } from './handshakes.ts';

export type EndKind =
  | 'accepted'
  | 'rejected' // 401 after type 3
  | 'challenged-again' // type 3 answered by another type 2
  | 'forbidden' // 403 after type 3
  | 'bad-request' // 400, 413, 414, 421, 429, 431 after type 1 or type 3
  | 'gateway-failed' // 502, 503, 504
  | 'lost' // no answer to type 1 or type 3
  | 'no-challenge' // 401 without a token after type 1
  | 'challenge-unreadable'
  | 'challenge-other' // SPNEGO that chooses or refuses a mechanism
  | 'unanswered' // type 2, and no type 3
  | 'not-needed' // type 1 answered by the page
  | 'not-answered' // asked, and nothing was sent
  | 'other-mechanism-refused' // a token of Kerberos or NEGOEX was refused
  | 'other-mechanism-accepted'
  | 'open'; // the recording ends before the answer

export interface End {
  readonly kind: EndKind;
  /** The exchange that shows it. */
  readonly exchange: Exchange;
  /** What the client had sent last. */
  readonly after: 'type 3' | 'type 1' | 'the ticket' | 'nothing';
  readonly how?: Ending | undefined;
}

export function isFailure({ kind }: End): boolean {
  return !['accepted', 'not-needed', 'other-mechanism-accepted', 'open'].includes(kind);
}

/** `undefined` where the other side broke in: a proxy's 407 says nothing of the server's handshake. */
export function endOf(handshake: Handshake): End | undefined {
  const { side, offer, opening, answer } = handshake;
  if (answer !== undefined) return endOfAnswer(handshake, answer);
  if (opening !== undefined) return endOfOpening(handshake, opening);
  return offer === undefined ? undefined : { kind: 'not-answered', exchange: offer, after: 'nothing', how: side === offer.side ? handshake.connection.end : undefined };
}

function endOfAnswer({ side, connection }: Handshake, answer: Exchange): End | undefined {
  const { response } = answer;
  const foreign = isForeign(tokenOf(answer, side));
  const end = (kind: EndKind, how?: Ending): End => ({ kind, exchange: answer, after: foreign ? 'the ticket' : 'type 3', how });
  if (response === undefined) return answer.broken === undefined ? end('open') : end('lost', answer.broken);
  if (asks(response, side) === 'other side') return side === 'proxy' ? end('accepted') : undefined;
  if (asks(response, side) === 'this side') {
    if (foreign) return end('other-mechanism-refused');
    return end(challengeOf(answer, side)?.message === 'CHALLENGE' ? 'challenged-again' : 'rejected');
  }
  return end(byStatus(response.status) ?? (foreign ? 'other-mechanism-accepted' : 'accepted'), connection.end);
}

function endOfOpening({ side, connection }: Handshake, opening: Exchange): End | undefined {
  const { response } = opening;
  const foreign = isForeign(tokenOf(opening, side));
  const end = (kind: EndKind, how?: Ending): End => ({ kind, exchange: opening, after: foreign ? 'the ticket' : 'type 1', how });
  if (response === undefined) return opening.broken === undefined ? end('open') : end('lost', opening.broken);
  if (asks(response, side) === 'other side') return undefined;
  if (asks(response, side) === 'no') return end(byStatus(response.status) ?? (foreign ? 'other-mechanism-accepted' : 'not-needed'));
  const challenge = challengeOf(opening, side);
  if (foreign && challenge?.message !== 'CHALLENGE') return end('other-mechanism-refused');
  if (challenge === undefined) return end('no-challenge');
  if (challenge.state === 'unreadable' || challenge.mechanism === 'unknown') return end(challenge.state === 'masked' || challenge.state === 'cut' ? 'unanswered' : 'challenge-unreadable', connection.end);
  if (challenge.mechanism === 'spnego' || isForeign(challenge)) return end('challenge-other', connection.end);
  return end('unanswered', connection.end);
}

/** Whether it is of a mechanism beside NTLM. */
function isForeign(token: ConversationToken | undefined): boolean {
  return token?.mechanism === 'kerberos' || token?.mechanism === 'negoex';
}

function byStatus(status: number): EndKind | undefined {
  if (status === 403) return 'forbidden';
  if ([400, 413, 414, 421, 429, 431].includes(status)) return 'bad-request';
  if (status === 502 || status === 503 || status === 504) return 'gateway-failed';
  return undefined;
}

function asks({ status, unauthorized }: ConversationResponse, side: Side): 'this side' | 'other side' | 'no' {
  if (!unauthorized) return 'no';
  if (status === 0) return 'this side';
  return (status === 407) === (side === 'proxy') ? 'this side' : 'other side';
}
