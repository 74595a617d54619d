import type { AnyActorRef, AnyStateMachine, InspectionEvent, Subscription } from 'xstate';
import { invalidArgument } from '../../errors.ts';
import { nameOf, walk } from '../diagram/walk.ts';
import type { TracedToken } from './mask.ts';
import { projectSnapshot, projectToken, type ResponseVisibility, type TracedContext } from './projection.ts';

export const TRACE_FORMAT = 'ntlmachine-trace';
export const TRACE_VERSION = 1;

/** One step of a machine. */
export interface TraceEntry {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The machine's id. */
  readonly machine: string;
  /** Whose authentication it is about, where a connection has that of a proxy and of a server. */
  readonly side?: 'server' | 'proxy';
  /** The event for people: `challenge`, `decodeChallenge done`, `always [guard]`, `start` for the state at the beginning. */
  readonly event: string;
  readonly from: string;
  readonly to: string;
  /** The ways taken, by state ids; none where the state did not know the event. */
  readonly transitions: readonly { readonly source: string; readonly target?: string }[];
  readonly tags: readonly string[];
  readonly context: TracedContext;
  readonly direction?: 'sent' | 'received';
  readonly token?: TracedToken;
}

/** A run as plain data. */
export interface Trace {
  readonly format: typeof TRACE_FORMAT;
  readonly version: typeof TRACE_VERSION;
  /** Id of the machine that was traced; children it invoked may have entries too. */
  readonly machine: string;
  /** Entries lost to the limit. */
  readonly dropped: number;
  readonly entries: readonly TraceEntry[];
}

/** Entries that a tracer keeps by default. */
export const KEPT_ENTRIES = 1000;

export interface TraceOptions {
  /** Whether responses, MICs and encrypted keys are shown, which can be cracked offline; default `masked`. */
  readonly responses?: ResponseVisibility | undefined;
  /** Entries kept, the latest; default 1000. */
  readonly limit?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

type Step = { -readonly [Key in keyof TraceEntry]: TraceEntry[Key] };

/** Records the steps of an actor and of the machines it invokes, by an allow-list: no credential, no key. */
export class Tracer {
  readonly #machine: string;
  readonly #responses: ResponseVisibility;
  readonly #limit: number;
  readonly #now: () => number;
  readonly #entries: TraceEntry[] = [];
  readonly #listeners = new Set<(entry: TraceEntry) => void>();
  readonly #watched = new Map<AnyActorRef, Watched>();
  readonly #inspection: Subscription;
  #dropped = 0;

  /** @throws NtlmError `invalid-argument` for anything but an actor of a state machine. */
  constructor(actor: AnyActorRef, { responses = 'masked', limit = KEPT_ENTRIES, now = Date.now }: TraceOptions = {}) {
    const snapshot: unknown = actor?.getSnapshot?.();
    const machine = machineOf(snapshot);
    if (machine === undefined) throw invalidArgument('actor', 'must be an actor of a state machine');
    this.#machine = machine.id;
    this.#responses = responses;
    this.#limit = limit;
    this.#now = now;
    this.#begin(actor, snapshot);
    this.#inspection = actor.system.inspect((event) => this.#inspect(event));
  }

  get entries(): readonly TraceEntry[] {
    return this.#entries;
  }

  /** Calls `listener` for each new entry until unsubscribed. */
  subscribe(listener: (entry: TraceEntry) => void): Subscription {
    this.#listeners.add(listener);
    return { unsubscribe: () => void this.#listeners.delete(listener) };
  }

  /** Ends the recording; what was recorded stays. */
  stop(): void {
    this.#inspection.unsubscribe();
    for (const { emitted } of this.#watched.values()) emitted.unsubscribe();
    this.#watched.clear();
    this.#listeners.clear();
  }

  toJSON(): Trace {
    return {
      format: TRACE_FORMAT,
      version: TRACE_VERSION,
      machine: this.#machine,
      dropped: this.#dropped,
      entries: [...this.#entries],
    };
  }

  #begin(actor: AnyActorRef, snapshot: unknown): Watched | undefined {
    const machine = machineOf(snapshot);
    if (machine === undefined) return undefined;
    const { state, tags, context } = projectSnapshot(snapshot);
    const watched: Watched = {
      machine: machine.id,
      labels: new Map(walk(machine).transitions.map(({ event, label }) => [event, label])),
      emitted: actor.on('*', (event: unknown) => this.#emitted(watched, event)),
      steps: [],
      state,
      event: undefined,
    };
    this.#watched.set(actor, watched);
    this.#add({ time: this.#now(), machine: machine.id, event: 'start', from: '', to: state, transitions: [], tags, context });
    return watched;
  }

  #inspect(inspection: InspectionEvent): void {
    if (inspection.type !== '@xstate.microstep' && inspection.type !== '@xstate.snapshot') return;
    const actor = inspection.actorRef as AnyActorRef;
    const known = this.#watched.get(actor);
    const watched = known ?? this.#begin(actor, inspection.snapshot);
    if (watched === undefined) return;
    if (inspection.type === '@xstate.microstep' && known !== undefined) this.#step(watched, inspection);
    if (inspection.type === '@xstate.snapshot') for (const step of watched.steps.splice(0)) this.#add(step);
  }

  #step(watched: Watched, { event, snapshot, _transitions }: Extract<InspectionEvent, { type: '@xstate.microstep' }>): void {
    const { state, tags, context } = projectSnapshot(snapshot);
    const type = _transitions[0]?.eventType ?? event.type;
    const token = event === watched.event ? undefined : projectToken(event, this.#responses);
    watched.steps.push({
      time: this.#now(),
      machine: watched.machine,
      event: eventName(watched.labels.get(type) ?? type, _transitions[0]?.guard),
      from: watched.state,
      to: state,
      transitions: _transitions.flatMap(({ source, target }) =>
        target === undefined ? [{ source: source.id }] : target.map(({ id }) => ({ source: source.id, target: id })),
      ),
      tags,
      context,
      ...(token === undefined ? {} : { direction: 'received', token }),
    });
    watched.state = state;
    watched.event = event;
  }

  /** A token leaves with the step that emitted it. */
  #emitted(watched: Watched, event: unknown): void {
    const step = watched.steps.at(-1);
    const token = projectToken(event, this.#responses);
    if (step === undefined || token === undefined) return;
    step.direction = 'sent';
    step.token = token;
  }

  #add(entry: TraceEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > this.#limit) {
      this.#entries.shift();
      this.#dropped++;
    }
    for (const listener of this.#listeners) {
      try {
        listener(entry);
      } catch (error) {
        // an error thrown here would end the actor that is watched
        setTimeout(() => {
          throw error;
        });
      }
    }
  }
}

interface Watched {
  readonly machine: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly emitted: Subscription;
  /** Of the macrostep under way. */
  readonly steps: Step[];
  state: string;
  event: unknown;
}

/**
 * Records a run from now on.
 *
 * @throws NtlmError `invalid-argument` for anything but an actor of a state machine.
 */
export function trace(actor: AnyActorRef, options?: TraceOptions): Tracer {
  return new Tracer(actor, options);
}

/** Of an eventless step the guard is what tells it from the others. */
function eventName(label: string, guard: unknown): string {
  const name = label === 'always' && guard !== undefined ? nameOf(guard) : undefined;
  return name === undefined ? label : `${label} [${name}]`;
}

/** The machine that a snapshot is of, if it is one's. */
export function machineOf(snapshot: unknown): AnyStateMachine | undefined {
  if (typeof snapshot !== 'object' || snapshot === null || !('machine' in snapshot)) return undefined;
  return snapshot.machine as AnyStateMachine;
}
