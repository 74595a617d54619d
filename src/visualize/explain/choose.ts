/** Which handshake of a conversation is worth explaining. */
import type { Conversation } from '../conversation/conversation.ts';
import { endOf, isFailure, type End } from './ending.ts';
import { handshakesOf, hostOf, type Handshake } from './handshakes.ts';

export interface Chosen {
  readonly handshake: Handshake;
  readonly end: End;
  readonly attempts: number;
  readonly strayChallenge: Handshake | undefined;
}

/** The handshake that is worth explaining: the last failure that no later success has made good, else the last success. */
export function chosen(conversation: Conversation): Chosen | undefined {
  const ended = handshakesOf(conversation).flatMap((handshake) => {
    const end = endOf(handshake);
    return end === undefined ? [] : [{ handshake, end }];
  });
  const sameAs = (a: Ended, b: Ended): boolean =>
    a.handshake.side === b.handshake.side && hostOf(a.end.exchange) === hostOf(b.end.exchange);
  const target = ({ end }: Ended): string => end.exchange.request?.target ?? '';
  const standing = ended.filter(
    (one) => !ended.some((later) => later !== one && !isFailure(later.end) && later.end.kind !== 'open' && sameAs(one, later) && later.end.exchange.index > one.end.exchange.index && target(later) === target(one)),
  );
  const failures = standing.filter(({ end }) => isFailure(end));
  const weight = ({ end }: Ended): number => (end.after === 'type 3' || end.after === 'the ticket' ? 2 : end.after === 'type 1' ? 1 : 0);
  const heaviest = Math.max(...failures.map(weight));
  const one = failures.findLast((each) => weight(each) === heaviest) ?? standing.at(-1) ?? ended.at(-1);
  if (one === undefined) return undefined;
  const { handshake, end } = headOfChain(one, ended);
  const { id } = handshake.connection;
  const strayChallenge = id === undefined ? undefined : ended.findLast(
    (other) => other.end.kind === 'unanswered' && other.handshake.side === handshake.side && other.handshake.connection.id !== undefined && other.handshake.connection !== handshake.connection && other.end.exchange.index < end.exchange.index,
  )?.handshake;
  return { handshake, end, attempts: ended.filter((other) => sameAs(one, other) && other.end.kind === one.end.kind).length, strayChallenge };
}

interface Ended {
  readonly handshake: Handshake;
  readonly end: End;
}

/** A client that answers one new challenge after the other: the first of them tells most. */
function headOfChain(one: Ended, ended: readonly Ended[]): Ended {
  if (one.end.kind !== 'challenged-again') return one;
  const byAnswer = new Map(ended.map((each) => [each.handshake.answer, each]));
  let head = one;
  for (let before = byAnswer.get(head.handshake.opening); before !== undefined && before !== head; before = byAnswer.get(head.handshake.opening)) head = before;
  return head;
}
