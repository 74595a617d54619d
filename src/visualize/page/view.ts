import { decodeToken, type DecodedToken } from '../decode/decode.ts';
import { toSvg } from '../diagram/svg.ts';
import { walk, type Diagram } from '../diagram/walk.ts';
import { wayId } from '../diagram/ways.ts';
import { acceptorMachine } from '../../acceptor/machine.ts';
import { connectionMachine } from '../../http/authentication/connection-machine.ts';
import { ntlmMachine } from '../../machine/machine.ts';
import { explain, type ExplainOptions } from '../explain/explain.ts';
import type { Explanation } from '../explain/explanation.ts';
import { tokenBytes } from '../trace/mask.ts';
import { senderOf } from '../trace/sequence.ts';
import { summaryOf } from '../trace/summary.ts';
import { KEPT_ENTRIES, TRACE_FORMAT, TRACE_VERSION, type Trace, type TraceEntry } from '../trace/trace.ts';

/** A step as the page shows it: the trace's, with what the page would have to compute. */
export interface PageEntry {
  readonly time: number;
  readonly machine: string;
  readonly event: string;
  readonly from: string;
  readonly to: string;
  /** Ids of the states the machine is in after the step. */
  readonly active: readonly string[];
  /** Ids of the arrows taken. */
  readonly ways: readonly string[];
  readonly tags: readonly string[];
  readonly error?: string;
  /** The server's word: `accepted` or `rejected`. */
  readonly verdict?: string;
  readonly message?: {
    readonly sender: 'client' | 'server';
    readonly summary: string;
    readonly token: DecodedToken;
  };
  /** Where the step settles the handshake. */
  readonly explanation?: Explanation;
}

/** What the page begins with. */
export interface PageRun {
  readonly title: string;
  readonly machine: string;
  /** The statechart, without colours; empty for a machine that is not known here. */
  readonly svg: string;
  readonly entries: readonly PageEntry[];
}

const KNOWN: readonly Diagram[] = [walk(ntlmMachine), walk(connectionMachine), walk(acceptorMachine)];

export function drawingOf(machine: string, diagram = KNOWN.find(({ id }) => id === machine)): string {
  return diagram === undefined ? '' : toSvg(diagram, { scheme: 'none' });
}

/** A saved trace as the page shows it. */
export function runOf(trace: Trace, title: string): PageRun {
  const entries = trace.entries.map((entry, index) =>
    pageEntry(entry, trace.entries.slice(Math.max(0, index + 1 - KEPT_ENTRIES), index + 1)),
  );
  return { title, machine: trace.machine, svg: drawingOf(trace.machine), entries };
}

/** The last of `sofar`, ready to be shown. */
export function pageEntry(entry: TraceEntry, sofar: readonly TraceEntry[], known: ExplainOptions = {}): PageEntry {
  const { time, machine, event, from, to, transitions, tags, context, token } = entry;
  const settled = tags.includes('settled') && transitions.length > 0;
  return {
    time,
    machine,
    event,
    from,
    to,
    active: activeStates(machine, to),
    ways: transitions.map(({ source, target }) => wayId(source, target)),
    tags,
    ...(context.error === undefined || from === to ? {} : { error: `${context.error.code}: ${context.error.message}` }),
    ...(event === 'accepted' || event === 'rejected' ? { verdict: event } : {}),
    ...(token === undefined
      ? {}
      : { message: { sender: senderOf(entry), summary: summaryOf(token), token: decodeToken(tokenBytes(token), token.masked) } }),
    ...(settled ? { explanation: explain(traceOf(machine, sofar), known) } : {}),
  };
}

function traceOf(machine: string, entries: readonly TraceEntry[]): Trace {
  return { format: TRACE_FORMAT, version: TRACE_VERSION, machine, dropped: 0, entries };
}

/** No statechart is deeper; a saved trace may say so. */
const DEEPEST = 32;

/** `challenged.decoding` is in `ntlm.challenged` and in `ntlm.challenged.decoding`. */
function activeStates(machine: string, state: string): string[] {
  return state.split(', ').flatMap((path) => {
    const keys = path.split('.', DEEPEST);
    return keys.map((_, i) => [machine, ...keys.slice(0, i + 1)].join('.'));
  });
}
