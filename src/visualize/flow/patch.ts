/** What has changed between two conversations of one recording, and the second made from the first: for a wire. */
import type { Connection, Conversation, Exchange } from '../conversation/conversation.ts';
import type { TraceEntry } from '../trace/trace.ts';

export interface Patch {
  readonly head: Omit<Conversation, 'connections'>;
  /** Where each connection stood before, or what it is. */
  readonly connections: readonly (number | ConnectionPatch)[];
}

export interface ConnectionPatch {
  /** Where it stood before; `undefined` for a new one. */
  readonly was: number | undefined;
  readonly head: Omit<Connection, 'exchanges' | 'steps'>;
  /** Exchanges and steps that went from the front. */
  readonly dropped: readonly [exchanges: number, steps: number];
  /** Changed ones stand where they stood, new ones behind all others. */
  readonly exchanges: readonly Exchange[];
  readonly steps: readonly TraceEntry[];
}

/** Objects that are the same count as unchanged; all others as new. */
export function patchOf(before: Conversation | undefined, after: Conversation): Patch {
  const { connections, ...head } = after;
  const places = new Map<Connection, number>();
  const names = new Map<string, number>();
  for (const [at, connection] of (before?.connections ?? []).entries()) {
    places.set(connection, at);
    if (connection.id !== undefined) names.set(connection.id, at);
  }
  return {
    head,
    connections: connections.map((connection) => {
      const same = places.get(connection);
      if (same !== undefined) return same;
      const was = connection.id === undefined ? undefined : names.get(connection.id);
      return changesOf(connection, was, was === undefined ? undefined : before!.connections[was]);
    }),
  };
}

function changesOf(connection: Connection, was: number | undefined, before: Connection | undefined): ConnectionPatch {
  const { exchanges, steps, ...head } = connection;
  const known = new Set(before?.exchanges);
  const first = exchanges[0]?.index ?? Infinity;
  const firstStep = steps.length === 0 ? -1 : (before?.steps ?? []).indexOf(steps[0]!);
  const droppedSteps = firstStep === -1 ? (before?.steps.length ?? 0) : firstStep;
  return {
    was,
    head,
    dropped: [before?.exchanges.filter(({ index }) => index < first).length ?? 0, droppedSteps],
    exchanges: exchanges.filter((exchange) => !known.has(exchange)),
    steps: steps.slice((before?.steps.length ?? 0) - droppedSteps),
  };
}

export function patched(before: Conversation | undefined, { head, connections }: Patch): Conversation {
  const old = before?.connections ?? [];
  return {
    ...head,
    connections: connections.map((change) => {
      if (typeof change === 'number') return old[change]!;
      const known = change.was === undefined ? undefined : old[change.was];
      const [exchanges, steps] = change.dropped;
      const changed = new Map(change.exchanges.map((exchange) => [exchange.index, exchange]));
      const kept = (known?.exchanges ?? []).slice(exchanges).map((exchange) => changed.get(exchange.index) ?? exchange);
      const last = kept.at(-1)?.index ?? -1;
      return {
        ...change.head,
        exchanges: [...kept, ...change.exchanges.filter(({ index }) => index > last)],
        steps: [...(known?.steps ?? []).slice(steps), ...change.steps],
      };
    }),
  };
}
