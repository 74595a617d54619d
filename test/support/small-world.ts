import { expect, test } from 'vitest';
import type { AnyActorRef, AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate';

/** A machine with a few states and a few events, all of whose pairs can be tried. */
export interface SmallWorld {
  readonly machine: AnyStateMachine;
  /** A new actor in each state that the machine has; states by their path, `failed.refused`. */
  readonly reach: Readonly<Record<string, () => AnyActorRef | Promise<AnyActorRef>>>;
  /** Every event worth telling apart. */
  readonly events: Readonly<Record<string, () => { readonly type: string }>>;
  /** The state right after the event. A pair that is not listed changes nothing. */
  readonly next: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The state after the events that every state knows, such as `reset`. */
  readonly everywhere?: Readonly<Record<string, string>>;
  /** States that an actor only passes through. */
  readonly passing?: readonly string[];
}

/** Events that no machine knows. */
const NONSENSE = ['', 'unknown', 'constructor', '__proto__', 'toString', 'xstate.init', 'xstate.stop.0', 'xstate.done.actor.0', 'Reset', 'reset '];

/** A test for each pair of state and event, and one that the world is whole. */
export function testEveryPair({ machine, reach, events, next, everywhere = {}, passing = [] }: SmallWorld): void {
  const states = Object.keys(reach);
  const all = {
    ...events,
    ...Object.fromEntries(NONSENSE.map((type) => [`nonsense "${type}"`, () => ({ type, token: new Uint8Array(3), error: {}, output: {} })])),
  };

  test('every state is reached, every row is of one', () => {
    const leaves = leavesOf(machine.root).filter((state) => !passing.includes(state));
    expect([...states].sort()).toEqual(leaves.sort());
    expect(states).toEqual(expect.arrayContaining(Object.keys(next)));
    for (const row of [...Object.values(next), everywhere]) expect(Object.keys(events)).toEqual(expect.arrayContaining(Object.keys(row)));
  });

  const pairs = states.flatMap((state) => Object.keys(all).map((event) => ({ state, event })));
  test.each(pairs)('$state, $event', async ({ state, event }) => {
    const actor = await reach[state]!();
    const before: AnyMachineSnapshot = actor.getSnapshot();
    expect(pathOf(before.value)).toBe(state);
    actor.send(all[event as keyof typeof all]!());
    const after: AnyMachineSnapshot = actor.getSnapshot();
    expect(['active', 'done']).toContain(after.status);
    const expected = next[state]?.[event] ?? everywhere[event];
    expect(pathOf(after.value)).toBe(expected ?? state);
    if (before.status === 'done') expect(after).toBe(before);
    if (expected === undefined) {
      expect(after.context).toBe(before.context);
      expect(after.children).toEqual(before.children);
    }
    actor.stop();
  });
}

function leavesOf(node: AnyStateNode): string[] {
  const children = Object.values(node.states);
  return children.length === 0 ? [node.path.join('.')] : children.flatMap(leavesOf);
}

function pathOf(value: AnyMachineSnapshot['value']): string {
  if (typeof value === 'string') return value;
  const [[name, inner] = ['', '']] = Object.entries(value);
  return `${name}.${pathOf(inner ?? '')}`;
}
