import type { AnyActorRef, InspectionEvent, Observer } from 'xstate';
import { definitionOf } from './definition.ts';
import { NtlmError } from '../../errors.ts';
import { traceToken, type TracedToken } from './mask.ts';

/** `NtlmError` as plain data. */
export type TracedError = ReturnType<NtlmError['toJSON']>;

/** The allow-list of a context: nothing else of it is ever copied. */
export interface TracedContext {
  readonly attempt?: number;
  readonly response?: string;
  readonly negotiateFlags?: number;
  readonly error?: TracedError;
  /** Whether there is a session key; never the key. */
  readonly sessionKey?: boolean;
}

/** The allow-list of a snapshot. */
export interface TracedSnapshot {
  readonly status: string;
  /** `challenged.decoding`; of parallel states all, by commas. */
  readonly state: string;
  /** The same as XState has it: `{ challenged: 'decoding' }`. */
  readonly value: StateValue;
  readonly tags: readonly string[];
  readonly context: TracedContext;
}

export type ResponseVisibility = 'masked' | 'shown';

export function projectSnapshot(snapshot: unknown): TracedSnapshot {
  const { status, value, tags, context } = asRecord(snapshot);
  return {
    status: typeof status === 'string' ? status : '',
    state: stateName(value),
    value: stateValue(value),
    tags: tags instanceof Set ? [...tags].filter((tag) => typeof tag === 'string') : [],
    context: projectContext(asRecord(context)),
  };
}

function projectContext({ attempt, response, negotiateFlags, error, sessionKey }: Record<string, unknown>): TracedContext {
  return {
    ...(typeof attempt === 'number' ? { attempt } : {}),
    ...(typeof response === 'string' ? { response } : {}),
    ...(typeof negotiateFlags === 'number' ? { negotiateFlags } : {}),
    ...(error instanceof NtlmError ? { error: error.toJSON() } : {}),
    ...(sessionKey === undefined ? {} : { sessionKey: true }),
  };
}

/** A name, or names by the names of their parents. */
export type StateValue = string | { readonly [key: string]: StateValue };

function stateValue(value: unknown): StateValue {
  if (typeof value === 'string') return value;
  return Object.fromEntries(Object.entries(asRecord(value)).map(([key, inner]) => [key, stateValue(inner)]));
}

/** `{ challenged: 'decoding' }` is `challenged.decoding`. */
export function stateName(value: unknown): string {
  if (typeof value === 'string') return value;
  return Object.entries(asRecord(value))
    .map(([key, inner]) => (Object.keys(asRecord(inner)).length === 0 && typeof inner !== 'string' ? key : `${key}.${stateName(inner)}`))
    .join(', ');
}

/** The token that an event carries. */
export function projectToken(event: unknown, responses: ResponseVisibility): TracedToken | undefined {
  const { token } = asRecord(event);
  return token instanceof Uint8Array ? traceToken(token, responses) : undefined;
}

/** An actor by its names. What inspectors ask of an actor besides is there, by the same allow-list, and left out of JSON. */
export interface SafeActorRef {
  readonly id: string;
  readonly sessionId: string;
  readonly parent: string | undefined;
  getSnapshot?(): TracedSnapshot;
}

/** An inspection event by the same allow-list: safe to print, to store and to send. */
export interface SafeInspectionEvent {
  readonly type: InspectionEvent['type'];
  readonly rootId: string;
  readonly actorRef: SafeActorRef;
  /** Who sent the event, where an actor did. */
  readonly sourceRef?: Pick<SafeActorRef, 'id' | 'sessionId'>;
  readonly event?: { readonly type: string; readonly token?: TracedToken };
  readonly snapshot?: TracedSnapshot;
  readonly transitions?: readonly { readonly source: string; readonly target: readonly string[] | undefined }[];
}

type SafeObserver = Observer<SafeInspectionEvent> | ((event: SafeInspectionEvent) => void);

export interface SafeInspectOptions {
  /** Whether responses, MICs and encrypted keys are shown; default `masked`. */
  readonly responses?: ResponseVisibility | undefined;
}

/**
 * Wraps an observer of XState's inspection so that it sees the allow-list only: names, states,
 * tags, masked tokens; never a context, an input, an output, an actor reference.
 *
 * ```ts
 * import { createNtlmActor } from 'ntlmachine';
 * import { safeInspect } from 'ntlmachine/visualize';
 *
 * createNtlmActor(options, { inspect: safeInspect((event) => console.log(event)) });
 * ```
 *
 * An inspector made for XState's own events, such as Stately's, takes these as well:
 *
 * ```ts
 * import { createBrowserInspector } from '@statelyai/inspect';
 * import { createNtlmActor } from 'ntlmachine';
 * import { safeInspect } from 'ntlmachine/visualize';
 *
 * const { inspect } = createBrowserInspector();
 * createNtlmActor(options, { inspect: safeInspect(inspect) });
 * ```
 */
export function safeInspect(observer: SafeObserver, options?: SafeInspectOptions): (event: InspectionEvent) => void;
export function safeInspect(observer: Observer<InspectionEvent>, options?: SafeInspectOptions): (event: InspectionEvent) => void;
export function safeInspect(observer: unknown, { responses = 'masked' }: SafeInspectOptions = {}): (event: InspectionEvent) => void {
  const known = observer as SafeObserver;
  const next = typeof known === 'function' ? known : (event: SafeInspectionEvent) => known.next?.(event);
  return (event) => next(projectInspection(event, responses));
}

function projectInspection(inspection: InspectionEvent, responses: ResponseVisibility): SafeInspectionEvent {
  const { type, rootId, actorRef } = inspection;
  const event = 'event' in inspection ? inspection.event : undefined;
  const token = projectToken(event, responses);
  return {
    type,
    rootId,
    actorRef: projectRef(actorRef as AnyActorRef),
    ...('sourceRef' in inspection && inspection.sourceRef !== undefined ? { sourceRef: namesOf(inspection.sourceRef as AnyActorRef) } : {}),
    ...(event === undefined ? {} : { event: { type: event.type, ...(token === undefined ? {} : { token }) } }),
    ...('snapshot' in inspection ? { snapshot: projectSnapshot(inspection.snapshot) } : {}),
    ...('_transitions' in inspection
      ? {
          transitions: inspection._transitions.map(({ source, target }) => ({
            source: source.id,
            target: target?.map(({ id }) => id),
          })),
        }
      : {}),
  };
}

function projectRef(ref: AnyActorRef): SafeActorRef {
  const projected = { ...namesOf(ref), parent: ref._parent?.sessionId };
  return Object.defineProperties(projected, {
    getSnapshot: { value: () => projectSnapshot(ref.getSnapshot()) },
    logic: { value: { config: definitionOf(asRecord(ref['logic' as keyof AnyActorRef])['config']) } },
    _parent: { value: ref._parent === undefined ? undefined : namesOf(ref._parent) },
  });
}

function namesOf({ id, sessionId }: AnyActorRef): Pick<SafeActorRef, 'id' | 'sessionId'> {
  return { id, sessionId };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
