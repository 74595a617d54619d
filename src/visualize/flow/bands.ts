/** Attempts as bands over the rows that belong to them, numbered for each side. */
import type { Conversation, Side } from '../conversation/conversation.ts';
import { endOf, type EndKind } from '../explain/ending.ts';
import { handshakesOf, type Handshake } from '../explain/handshakes.ts';
import type { Rung } from './rungs.ts';
import type { StateRow } from './states.ts';

export interface Band {
  readonly side: Side;
  /** From 1. */
  readonly number: number;
  readonly outcome: string;
  readonly mood: 'plain' | 'good' | 'bad';
  /** Indexes of the first and the last of its rows. */
  readonly first: number;
  readonly last: number;
}

type AnyRow = Rung | StateRow | { readonly kind: 'wait' | 'note' };

/** Only what carries a token is an attempt. */
export function bandsOf(conversation: Conversation, rows: readonly AnyRow[]): readonly Band[] {
  const places = new Map<string, number>();
  for (const [at, row] of rows.entries()) if (row.kind === 'request' || row.kind === 'response') places.set(`${row.exchange} ${row.kind}`, at);
  const counts: Record<Side, number> = { server: 0, proxy: 0 };
  const bands = handshakesOf(conversation).flatMap((handshake): Band[] => {
    const { side, opening, answer } = handshake;
    const [begins, ends] = [opening ?? answer, answer ?? opening];
    if (begins === undefined || ends === undefined) return [];
    const first = places.get(`${begins.index} request`);
    const answered = places.get(`${ends.index} response`);
    if (first === undefined || answered === undefined) return [];
    const last = withStates(rows, answered);
    return [{ side, number: ++counts[side], ...outcomeOf(handshake, rows.slice(first, last + 1)), first, last }];
  });
  return bands.toSorted((a, b) => a.first - b.first);
}

/** The states that an answer led to stand behind it. */
function withStates(rows: readonly AnyRow[], answered: number): number {
  let last = answered;
  for (let at = answered + 1; at < rows.length; at++) {
    const row = rows[at]!;
    if (row.kind !== 'state' || row.state === 'asking' || row.state === 'negotiated' || row.state === 'idle') break;
    last = at;
  }
  return last;
}

type Outcome = Pick<Band, 'outcome' | 'mood'>;

function outcomeOf(handshake: Handshake, rows: readonly AnyRow[]): Outcome {
  const kind = endOf(handshake)?.kind ?? 'open';
  const failed = rows.some((row) => row.kind === 'state' && row.mood === 'bad');
  if (kind === 'unanswered') return failed ? { outcome: 'given up at this end', mood: 'bad' } : handshake.connection.end === undefined ? OUTCOMES.open : OUTCOMES.unanswered;
  if (kind === 'accepted' && failed) return { outcome: 'not believed at this end', mood: 'bad' };
  return OUTCOMES[kind];
}

const OUTCOMES: Readonly<Record<EndKind, Outcome>> = {
  accepted: { outcome: 'accepted', mood: 'good' },
  rejected: { outcome: 'refused', mood: 'bad' },
  'challenged-again': { outcome: 'challenged again', mood: 'bad' },
  forbidden: { outcome: 'forbidden', mood: 'bad' },
  'bad-request': { outcome: 'not understood', mood: 'bad' },
  'gateway-failed': { outcome: 'the gateway failed', mood: 'bad' },
  lost: { outcome: 'no answer', mood: 'bad' },
  'no-challenge': { outcome: 'no challenge came', mood: 'bad' },
  'challenge-unreadable': { outcome: 'challenge unreadable', mood: 'bad' },
  'challenge-other': { outcome: 'another mechanism', mood: 'plain' },
  unanswered: { outcome: 'not answered', mood: 'bad' },
  'not-needed': { outcome: 'not needed', mood: 'plain' },
  'not-answered': { outcome: 'not answered', mood: 'bad' },
  'other-mechanism-refused': { outcome: 'refused', mood: 'bad' },
  'other-mechanism-accepted': { outcome: 'accepted', mood: 'good' },
  open: { outcome: 'under way', mood: 'plain' },
};
