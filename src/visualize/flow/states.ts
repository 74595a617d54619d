/** The states that a connection's machines passed, among its rungs: as recorded, else as the messages imply. */
import type { Connection, Conversation, Side } from '../conversation/conversation.ts';
import { wayId } from '../diagram/ways.ts';
import type { TraceEntry } from '../trace/trace.ts';
import { endOf } from '../explain/ending.ts';
import { handshakesOf } from '../explain/handshakes.ts';
import type { Rung } from './rungs.ts';

export interface StateRow {
  readonly kind: 'state';
  readonly id: string;
  readonly machine: string;
  readonly side: Side;
  /** For people: `responded`, `rejected`. */
  readonly state: string;
  /** The machine's own, to its innermost: `failed.rejected`. */
  readonly path: string;
  readonly event: string;
  /** Ids of the arrows that were taken on the way here. */
  readonly ways: readonly string[];
  readonly mood: 'plain' | 'good' | 'bad';
  /** What went wrong, in words. */
  readonly note: string;
  /** Milliseconds since 1970. */
  readonly time: number | undefined;
  /** Not recorded: what the messages imply. */
  readonly implied: boolean;
}

type Draft = { -readonly [Key in keyof StateRow]: Key extends 'ways' ? string[] : StateRow[Key] };

export function placeStates(connection: Connection, rungs: readonly Rung[], conversation: Conversation): readonly (Rung | StateRow)[] {
  const rows: (Rung | StateRow)[] = [];
  const pills = connection.steps.length > 0 ? recorded(connection) : [];
  if (connection.steps.length === 0) {
    const implied = impliedBy(connection, conversation);
    return rungs.flatMap((rung) => [rung, ...(implied.get(`${rung.exchange} ${rung.kind}`) ?? [])]);
  }
  let next = 0;
  for (const [at, pill] of pills.entries()) {
    if (at === pills.length - 1 && connection.end !== undefined && isUnsent(pill, rungs, next)) break;
    const until = Math.max(next, anchorOf(pill, rungs, next));
    rows.push(...rungs.slice(next, until), pill);
    next = until;
  }
  return [...rows, ...rungs.slice(next)];
}

/** Milliseconds by which a machine may be ahead of the wire: a queue, a body. */
const AHEAD = 60_000;
/** Clocks tick between the two tellings of one thing. */
const TICK = 2;

/** The number of rungs before a state: behind the message that it speaks of, else by the clock. */
function anchorOf(state: StateRow, rungs: readonly Rung[], from: number): number {
  const { side, time, event } = state;
  const spoken = messageOf(state, rungs, from);
  if (spoken >= 0) return spoken + 1;
  if (event === 'accepted' || event === 'rejected') {
    const proving = new Set(rungs.filter(({ kind, chip }) => kind === 'request' && chip?.side === side).map(({ exchange }) => exchange));
    const isVerdict = (rung: Rung): boolean => proving.has(rung.exchange) || rung.from === side;
    const asked = rungs.findIndex((rung, index) => index >= from - 1 && rung.kind === 'response' && !rung.missing && isVerdict(rung) && isNear(rung, time, 'response'));
    if (asked >= 0) return asked + 1;
  }
  if (time === undefined || event === 'start') return from;
  let at = from;
  while (at < rungs.length && !rungs[at]!.missing && (rungs[at]!.time ?? -Infinity) <= time) at++;
  return at;
}

/** Index of the rung with the message that a state speaks of; -1 where there is none. */
function messageOf({ state, side, time }: StateRow, rungs: readonly Rung[], from: number): number {
  const wanted = SPEAKS_OF[state];
  if (wanted === undefined) return -1;
  const { kind, message } = wanted;
  return rungs.findIndex((rung, index) => index >= from && rung.kind === kind && rung.chip?.token.message === message && rung.chip.side === side && isNear(rung, time, kind));
}

/** A message was made, and nothing came of it: the connection was gone. */
function isUnsent(state: StateRow, rungs: readonly Rung[], from: number): boolean {
  return SPEAKS_OF[state.state]?.kind === 'request' && messageOf(state, rungs, from) === -1;
}

const SPEAKS_OF: Readonly<Record<string, { readonly kind: Rung['kind']; readonly message: string }>> = {
  negotiated: { kind: 'request', message: 'NEGOTIATE' },
  challenged: { kind: 'response', message: 'CHALLENGE' },
  responded: { kind: 'request', message: 'AUTHENTICATE' },
  challenging: { kind: 'request', message: 'NEGOTIATE' }, // of an acceptor
  verifying: { kind: 'request', message: 'AUTHENTICATE' },
};

function isNear(rung: Rung, time: number | undefined, kind: Rung['kind']): boolean {
  if (rung.time === undefined || time === undefined) return true;
  return kind === 'request' ? rung.time >= time - TICK && rung.time - time <= AHEAD : time >= rung.time - TICK && time - rung.time <= AHEAD;
}

/** Milliseconds from which on a question is shown: credentials that are at hand are no event. */
const A_WHILE = 250;

/** One pill for each state a person would name; what lies between belongs to the way there. */
function recorded({ steps, id }: Connection): readonly StateRow[] {
  const pills: Draft[] = [];
  let ways: string[] = [];
  const tops = new Map<string, string>();
  const last = new Map<string, Draft>();
  for (const [index, step] of steps.entries()) {
    const side = step.side ?? 'server';
    const key = `${step.machine} ${side}`;
    ways.push(...step.transitions.map(({ source, target }) => wayId(source, target)));
    const { name, top } = namesOf(step);
    const pill = last.get(key);
    if (pill !== undefined && tops.get(key) === top && pill.machine === step.machine && step.event !== 'negotiate') {
      if (MINOR.has(step.machine)) continue;
      pill.path = step.to;
      pill.ways.push(...ways);
      ways = [];
      continue;
    }
    tops.set(key, top);
    if (!isTold(step, steps, index, pills.at(-1))) continue;
    const begins = step.machine === 'ntlm' && name === 'negotiated';
    const made: Draft = {
      kind: 'state',
      id: `${id ?? ''}s${index}`,
      machine: step.machine,
      side,
      state: name,
      path: step.to,
      event: step.event,
      ways: begins && pill !== undefined ? [wayId('ntlm', 'ntlm.idle'), ...ways] : ways,
      mood: moodOf(step),
      note: noteOf(step, pills.at(-1)),
      time: step.time,
      implied: false,
    };
    ways = [];
    pills.push(made);
    last.set(key, made);
  }
  return pills;
}

/** What went wrong, once. */
function noteOf({ context: { error }, from, to }: TraceEntry, before: Draft | undefined): string {
  return error === undefined || from === to || error.message === before?.note ? '' : error.message;
}

/** They go around a handshake, whose own states tell more. */
const MINOR: ReadonlySet<string> = new Set(['connection', 'spnego']);

function isTold(step: TraceEntry, steps: readonly TraceEntry[], index: number, before: StateRow | undefined): boolean {
  if (!MINOR.has(step.machine)) return true;
  const { top } = namesOf(step);
  if (step.machine === 'connection' && top === 'asking') {
    let next = index + 1;
    while (next < steps.length && steps[next]!.machine !== 'connection') next++;
    const until = steps[next]?.time;
    return until === undefined || until - step.time >= A_WHILE;
  }
  if (top === 'refused' || top === 'failed') return before?.mood !== 'bad';
  return step.machine === 'connection' && top === 'authenticated' && before?.state !== 'authenticated';
}

/** Of a failure, which one. */
function namesOf({ to }: TraceEntry): { readonly name: string; readonly top: string } {
  const [top = '', inner] = to.split(', ')[0]!.split('.');
  return { name: top === 'failed' && inner !== undefined ? inner : top, top };
}

function moodOf(step: TraceEntry): StateRow['mood'] {
  const { top } = namesOf(step);
  if (/^(?:authenticated|accepted|ready)$/.test(top)) return 'good';
  return /^(?:failed|refused)$/.test(top) ? 'bad' : 'plain';
}

/** By exchange and direction: what a client that follows the protocol passes. */
function impliedBy(connection: Connection, conversation: Conversation): ReadonlyMap<string, readonly StateRow[]> {
  const rows = new Map<string, StateRow[]>();
  const add = (exchange: number, kind: Rung['kind'], side: Side, state: string, from: string, time: number | undefined, before: readonly string[] = []): void => {
    const path = state === 'rejected' ? 'failed.rejected' : state;
    const key = `${exchange} ${kind}`;
    const row: StateRow = {
      kind: 'state',
      id: `${connection.id ?? ''}i${exchange}${kind === 'request' ? 'q' : 'a'}${side === 'proxy' ? 'p' : ''}${state}`,
      machine: 'ntlm',
      side,
      state,
      path,
      event: '',
      ways: [...before, wayId(`ntlm.${from}`, `ntlm.${path}`)],
      mood: state === 'authenticated' ? 'good' : state === 'rejected' ? 'bad' : 'plain',
      note: '',
      time,
      implied: true,
    };
    rows.set(key, [...(rows.get(key) ?? []), row]);
  };
  const begun = new Set<Side>();
  for (const handshake of handshakesOf(conversation)) {
    if (handshake.connection !== connection) continue;
    const { side, opening, answer } = handshake;
    if (opening !== undefined && opening !== answer) {
      if (holds(opening.request?.credentials, side, 'NEGOTIATE')) {
        add(opening.index, 'request', side, 'negotiated', 'idle', opening.request?.time, begun.has(side) ? [wayId('ntlm', 'ntlm.idle')] : []);
        begun.add(side);
      }
      if (holds(opening.response?.challenges, side, 'CHALLENGE')) add(opening.index, 'response', side, 'challenged', 'negotiated.waiting', opening.response?.time);
    }
    if (answer === undefined || !holds(answer.request?.credentials, side, 'AUTHENTICATE')) continue;
    add(answer.index, 'request', side, 'responded', 'challenged.responding', answer.request?.time);
    const kind = endOf(handshake)?.kind;
    if (kind === 'accepted') add(answer.index, 'response', side, 'authenticated', 'responded', answer.response?.time);
    else if (kind === 'rejected' || kind === 'challenged-again') add(answer.index, 'response', side, 'rejected', 'responded', answer.response?.time);
  }
  return rows;
}

function holds(uses: readonly { readonly side: Side; readonly token?: { readonly message: string | undefined } }[] | undefined, side: Side, message: string): boolean {
  return uses?.some((use) => use.side === side && use.token?.message === message) === true;
}
