/** The handshakes of a conversation: which exchanges belong together, at which side, on which connection. */
import type { Connection, Conversation, ConversationToken, Exchange, SchemeUse, Side } from '../conversation/conversation.ts';

/** One try to authenticate at one side, as far as it got. */
export interface Handshake {
  readonly side: Side;
  readonly connection: Connection;
  /** The 401 or 407 that opened it, which may have come on another connection. */
  offer?: Exchange;
  /** Carries type 1, and type 2 in its answer. */
  opening?: Exchange;
  /** Carries type 3. */
  answer?: Exchange;
  /** Asked for again on a connection that counted as authenticated. */
  askedAgain?: true;
}

/** All of them, in the order in which they began; a bare 401 that nobody answered is one. */
export function handshakesOf({ connections }: Conversation): readonly Handshake[] {
  const all: Handshake[] = [];
  const placed = connections.flatMap((connection) => connection.exchanges.map((exchange) => ({ connection, exchange })));
  const current = new Map<Connection, Partial<Record<Side, Handshake>>>();
  const lastOffer: Partial<Record<Side, Handshake>> = {};
  for (const { connection, exchange } of placed.toSorted((a, b) => a.exchange.index - b.exchange.index)) {
    const own = current.get(connection) ?? {};
    current.set(connection, own);
    let used: Side | undefined;
    for (const side of ['proxy', 'server'] as const) {
      const use = exchange.request?.credentials.find((each) => each.side === side && each.token !== undefined);
      if (use === undefined) continue;
      used = side;
      const known = own[side];
      const isAnswer = carriesAnswer(use, known);
      if (isAnswer && known !== undefined && known.answer === undefined && known.opening !== undefined) {
        known.answer = exchange;
        continue;
      }
      const handshake: Handshake = { side, connection };
      if (isAnswer) {
        handshake.answer = exchange;
        if (known?.answer !== undefined && challengeOf(known.answer, side) !== undefined) handshake.opening = known.answer;
      } else {
        handshake.opening = exchange;
        const offer = lastOffer[side];
        if (offer !== undefined && offer.opening === undefined && offer.offer !== undefined && offer.offer.index < exchange.index) {
          handshake.offer = offer.offer;
          all.splice(all.indexOf(offer), 1);
          delete lastOffer[side];
        }
      }
      own[side] = handshake;
      all.push(handshake);
    }
    const asks = asksAt(exchange);
    if (asks === undefined || asks === used) continue;
    const before = own[asks];
    const offer: Handshake = { side: asks, connection, offer: exchange };
    if (before?.answer?.response !== undefined && !before.answer.response.unauthorized) offer.askedAgain = true;
    if (lastOffer[asks] !== undefined && sameTarget(lastOffer[asks]!.offer, exchange)) all.splice(all.indexOf(lastOffer[asks]!), 1);
    lastOffer[asks] = offer;
    all.push(offer);
  }
  return all;
}

/** The token of the challenge at one side. */
export function challengeOf(exchange: Exchange | undefined, side: Side): ConversationToken | undefined {
  return exchange?.response?.challenges.find((use) => use.side === side && use.token !== undefined)?.token;
}

export function tokenOf(exchange: Exchange | undefined, side: Side): ConversationToken | undefined {
  return exchange?.request?.credentials.find((use) => use.side === side && use.token !== undefined)?.token;
}

/** Where a token does not say what it is, its place does. */
function carriesAnswer({ token }: SchemeUse, known: Handshake | undefined): boolean {
  if (token?.message !== undefined) return token.message === 'AUTHENTICATE';
  return known?.opening !== undefined && known.answer === undefined && ['ntlm', 'spnego', 'unknown'].includes(challengeOf(known.opening, known.side)?.mechanism ?? 'unknown');
}

function asksAt({ response, side }: Exchange): Side | undefined {
  if (response?.unauthorized !== true) return undefined;
  return response.status === 407 ? 'proxy' : response.status === 401 ? 'server' : side;
}

function sameTarget(a: Exchange | undefined, b: Exchange | undefined): boolean {
  return hostOf(a) === hostOf(b) && a?.request?.target === b?.request?.target && a?.request?.method === b?.request?.method;
}

/** Of the origin, as far as the request tells it. */
export function hostOf(exchange: Exchange | undefined): string {
  const { target = '', fields = [] } = exchange?.request ?? {};
  const absolute = /^[a-z]+:\/\/([^/?]+)/i.exec(target)?.[1];
  return (absolute ?? fields.find(({ name }) => name === 'host')?.value ?? '').toLowerCase();
}
