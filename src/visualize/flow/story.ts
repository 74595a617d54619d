/**
 * A conversation as a story that can be drawn: who spoke to whom, what the machine made of it, in which attempt, and
 * how long it took. Plain data, made anew from the conversation whenever that changes; nothing here draws.
 */
import type { Conversation, Connection, ConversationToken, Side } from '../conversation/conversation.ts';
import { hostOf } from '../explain/handshakes.ts';
import { bandsOf, type Band } from './bands.ts';
import { nameOfUser } from './chips.ts';
import { foldsOf, type Fold } from './folds.ts';
import { rungsOf, type Rung } from './rungs.ts';
import { placeStates, type StateRow } from './states.ts';
import { threadsOf } from './threads.ts';
import { waitBetween, type WaitRow } from './waits.ts';

/** Who stands at the ends of a rung. */
export type Lane = 'client' | 'proxy' | 'server';

export type Mood = 'plain' | 'good' | 'bad' | 'asks';

/** What is said between two rungs: a connection begins, or has ended. */
export interface NoteRow {
  readonly kind: 'note';
  readonly id: string;
  readonly label: string;
}

export type Row = Rung | StateRow | WaitRow | NoteRow;
/** A row on which a reader can stand. */
export type Step = Rung | StateRow;

/** A step, and how things stand there. */
export interface Moment {
  readonly row: Step;
  /** Index of its row. */
  readonly at: number;
  /** The state that the machine is in, and the one before it. */
  readonly now: StateRow | undefined;
  readonly before: StateRow | undefined;
  /** The latest that had gone over the wire. */
  readonly token: ConversationToken | undefined;
}

/** What belongs together: a connection, and those on which its request was tried again. */
export interface Thread {
  readonly id: string;
  readonly connections: readonly Connection[];
  /** Of the origin, as far as requests tell it. */
  readonly host: string;
  readonly user: string;
  readonly lanes: readonly Lane[];
  /** In the order of time. */
  readonly rows: readonly Row[];
  readonly steps: readonly Moment[];
  readonly bands: readonly Band[];
  /** Runs of rows that can be left out. */
  readonly folds: readonly Fold[];
  readonly mood: Mood;
  /** For people, a word: `accepted`, `asking`. */
  readonly standing: string;
}

export interface Story {
  readonly threads: readonly Thread[];
}

const drawn = new WeakMap<Connection, Thread>();

/** Threads whose connections have not changed are the same objects as before. */
export function storyOf(conversation: Conversation): Story {
  return {
    threads: threadsOf(conversation.connections).map((connections, index) => {
      const last = connections.at(-1)!;
      const known = drawn.get(last);
      if (known !== undefined && known.id === idOf(connections, index) && sameList(known.connections, connections)) return known;
      const thread = threadOf(conversation, connections, index);
      drawn.set(last, thread);
      return thread;
    }),
  };
}

export function isStep(row: Row): row is Step {
  return row.kind === 'request' || row.kind === 'response' || row.kind === 'state';
}

/** The conversation of a thread alone, for what explains it. */
export function conversationOf({ connections }: Pick<Thread, 'connections'>, conversation: Conversation): Conversation {
  return { ...conversation, connections };
}

function threadOf(conversation: Conversation, connections: readonly Connection[], index: number): Thread {
  const own = { ...conversation, connections };
  const isSent = conversation.source !== 'har'; // a HAR has whole URLs whatever was sent
  const usesProxy = connections.some(({ exchanges }) => exchanges.some(({ side, request }) => side === 'proxy' || (isSent && isForProxy(request?.method, request?.target))));
  const rows: Row[] = [];
  let latest: number | undefined;
  for (const [number, connection] of connections.entries()) {
    if (number > 0) rows.push({ kind: 'note', id: `c${number}`, label: connection.id === undefined ? 'on another connection' : `on another connection, #${connection.id}` });
    for (const row of placeStates(connection, rungsOf(connection, `${number}.`), own)) {
      const time = row.time === undefined ? undefined : Math.max(row.time, latest ?? row.time);
      const before = rows.findLastIndex(({ kind }) => kind !== 'note'); // a connection that was waited on ends when another begins
      const wait = waitBetween(rows[before], latest, time);
      if (wait !== undefined) rows.splice(before + 1, 0, { ...wait, id: `w${row.id}` });
      rows.push(time === undefined || time === row.time ? row : { ...row, time });
      latest = time ?? latest;
    }
    if (connection.end !== undefined) rows.push({ kind: 'note', id: `e${number}`, label: ENDS[connection.end] });
  }
  const bands = bandsOf(own, rows);
  const { mood, standing } = standingOf(rows, bands);
  return {
    id: idOf(connections, index),
    connections,
    host: connections.flatMap(({ exchanges }) => exchanges.map(hostOf)).find((host) => host !== '') ?? '',
    user: connections.flatMap(({ exchanges }) => exchanges.map(({ request }) => nameOfUser(request))).findLast((name) => name !== '') ?? '',
    lanes: usesProxy ? ['client', 'proxy', 'server'] : ['client', 'server'],
    rows,
    steps: momentsOf(rows),
    bands,
    folds: foldsOf(rows),
    mood,
    standing,
  };
}

/** A whole URL is asked for from a proxy only (RFC 9112 3.2.2), and so is a tunnel. */
function isForProxy(method: string | undefined, target: string | undefined): boolean {
  return method === 'CONNECT' || /^https?:\/\//i.test(target ?? '');
}

function idOf(connections: readonly Connection[], index: number): string {
  return connections[0]?.id ?? String(index + 1);
}

const ENDS: Readonly<Record<NonNullable<Connection['end']>, string>> = {
  closed: 'the connection is closed',
  reset: 'the connection is reset by the other end',
  'timed-out': 'the wait is over: the connection is closed',
  refused: 'the connection is refused',
  unresolved: 'the name has no address',
  'tls-failed': 'TLS is not agreed on',
  'h2-required': 'the server wants HTTP/2, over which NTLM cannot go',
  'h2-only': 'the server speaks HTTP/2 alone, over which NTLM cannot go',
  aborted: 'the caller gave up',
};

function standingOf(rows: readonly Row[], bands: readonly Band[]): Pick<Thread, 'mood' | 'standing'> {
  const state = rows.findLast((row) => row.kind === 'state');
  if (state?.kind === 'state' && state.state === 'asking' && rows.at(-1) === state) return { mood: 'asks', standing: 'asking' };
  const band = bands.at(-1);
  if (band !== undefined) return { mood: band.mood, standing: band.outcome };
  if (state?.kind === 'state' && state.mood !== 'plain') return { mood: state.mood, standing: state.state };
  const answer = rows.findLast((row) => row.kind === 'response');
  return answer?.kind === 'response' ? { mood: answer.mood, standing: answer.label } : { mood: 'plain', standing: '' };
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

function momentsOf(rows: readonly Row[]): readonly Moment[] {
  let now: StateRow | undefined;
  let before: StateRow | undefined;
  let token: ConversationToken | undefined;
  return rows.flatMap((row, at): Moment[] => {
    if (!isStep(row)) return [];
    if (row.kind === 'state') [before, now] = [now, row];
    else token = row.chip?.token ?? token;
    return [{ row, at, now, before, token }];
  });
}

export type { Band, Fold, Rung, Side, StateRow, WaitRow };
