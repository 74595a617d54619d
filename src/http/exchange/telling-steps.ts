/** The steps of a connection's machines, by an allow-list: names of states and events, tags, and the reason for a refusal. */
import type { AnyActorRef, InspectionEvent, StateValue } from 'xstate';
import { NtlmError } from '../../errors.ts';

export interface ToldStep {
  readonly side: 'server' | 'proxy';
  /** The machine's id. */
  readonly machine: string;
  readonly event: string;
  readonly from: string;
  readonly to: string;
  /** The ways taken, by state ids. */
  readonly ways: readonly { readonly source: string; readonly target?: string }[];
  readonly tags: readonly string[];
  readonly attempt?: number;
  readonly error?: ReturnType<NtlmError['toJSON']>;
}

/** Nothing but machines takes microsteps. */
interface MachineSnapshot {
  readonly value: StateValue;
  readonly tags: ReadonlySet<string>;
  readonly context: { readonly attempt?: unknown; readonly error?: unknown; readonly reason?: unknown };
  readonly machine: { readonly id: string };
}

export function observeSteps(actor: AnyActorRef, side: ToldStep['side'], tell: (step: ToldStep) => void): void {
  const states = new WeakMap<AnyActorRef, string>();
  states.set(actor, nameOf((actor.getSnapshot() as MachineSnapshot).value));
  actor.system.inspect((inspection: InspectionEvent) => {
    if (inspection.type !== '@xstate.microstep') return;
    const { machine, value, tags, context } = inspection.snapshot as unknown as MachineSnapshot;
    const ref = inspection.actorRef as AnyActorRef;
    const from = states.get(ref) ?? '';
    const to = nameOf(value);
    states.set(ref, to);
    const ways = inspection._transitions.flatMap(({ source, target }) => (target === undefined ? [{ source: source.id }] : target.map(({ id }) => ({ source: source.id, target: id }))));
    if (ways.length === 0) return; // no state took the event
    const { attempt } = context;
    const error = context.error ?? context.reason;
    tell({
      side,
      machine: machine.id,
      event: inspection.event.type,
      from,
      to,
      ways,
      tags: [...tags],
      ...(typeof attempt === 'number' ? { attempt } : {}),
      ...(error instanceof NtlmError ? { error: error.toJSON() } : {}),
    });
  });
}

/** `{ handshaking: 'opening' }` is `handshaking.opening`. No machine here is in two states at once. */
function nameOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [name, inner] = Object.entries(value)[0]!;
  return `${name}.${nameOf(inner!)}`;
}
