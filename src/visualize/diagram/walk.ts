import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** A state as the machine itself has it. */
export interface DiagramState {
  /** XState's id: the machine's and the keys on the way, joined by dots. */
  readonly id: string;
  readonly key: string;
  /** `undefined` for the root. */
  readonly parent: string | undefined;
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Whether the parent begins here. */
  readonly initial: boolean;
  readonly tags: readonly string[];
  /** Names of the services invoked here. */
  readonly services: readonly string[];
  /** Where ways lead that are not drawn as arrows: out of a group that stands alone. */
  readonly exits?: readonly string[];
}

/** One way from state to state. */
export interface DiagramTransition {
  readonly source: string;
  /** `undefined` where the event is handled without leaving the source. */
  readonly target: string | undefined;
  /** XState's event type, empty for an eventless transition. */
  readonly event: string;
  /** The event for people: its name, `encodeNegotiate done`, `encodeNegotiate failed`, `handshake changed`, `always`, `after 5000`. */
  readonly label: string;
  readonly guard: string | undefined;
  /** Whether it is taken where the guards before it, of the same event, say no. */
  readonly otherwise: boolean;
  /** Named actions; inline ones have no name to show. */
  readonly actions: readonly string[];
}

/** A machine as plain data: parents before their children, in the order of the definition. */
export interface Diagram {
  readonly id: string;
  readonly states: readonly DiagramState[];
  readonly transitions: readonly DiagramTransition[];
}

/** Any XState machine, walked node by node. */
export function walk(machine: AnyStateMachine): Diagram {
  const states: DiagramState[] = [];
  const transitions: DiagramTransition[] = [];
  const services = new Map<string, string>();
  const visit = (node: AnyStateNode): void => {
    for (const { id, src } of node.invoke) services.set(id, nameOf(src) ?? id);
    states.push(stateOf(node));
    for (const child of Object.values(node.states)) visit(child);
  };
  const connect = (node: AnyStateNode): void => {
    for (const alike of [...node.transitions.values(), node.always ?? []]) {
      for (const [i, transition] of alike.entries()) transitions.push(...waysOf(transition, services, i > 0));
    }
    for (const child of Object.values(node.states)) connect(child);
  };
  visit(machine.root);
  connect(machine.root);
  return { id: machine.id, states, transitions };
}

function stateOf(node: AnyStateNode): DiagramState {
  const { id, key, parent, type, tags, invoke } = node;
  return {
    id,
    key,
    parent: parent?.id,
    kind: type,
    initial: parent?.type === 'compound' && parent.initial.target.includes(node),
    tags,
    services: invoke.map((service) => nameOf(service.src) ?? service.id),
  };
}

function waysOf(transition: AnyTransitionDefinition, services: ReadonlyMap<string, string>, hasEarlier: boolean): DiagramTransition[] {
  const { source, target, eventType, guard, actions } = transition;
  const way = {
    source: source.id,
    event: eventType,
    label: labelOf(eventType, services),
    guard: guard === undefined ? undefined : guardName(guard),
    otherwise: hasEarlier && guard === undefined,
    actions: actions.map(nameOf).filter((name) => name !== undefined && !name.startsWith('xstate.')) as string[],
  };
  if (target === undefined) return [{ ...way, target: undefined }];
  return target.map(({ id }) => ({ ...way, target: id }));
}

function labelOf(event: string, services: ReadonlyMap<string, string>): string {
  if (event === '') return 'always';
  const [, watched] = /^xstate\.snapshot\.(.+)$/.exec(event) ?? [];
  if (watched !== undefined) return `${services.get(watched) ?? watched} changed`;
  const [, outcome, service] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event) ?? [];
  if (service !== undefined) return `${services.get(service) ?? service} ${outcome === 'done' ? 'done' : 'failed'}`;
  const [, child] = /^xstate\.snapshot\.(.+)$/.exec(event) ?? [];
  if (child !== undefined) return `${services.get(child) ?? child} moved`;
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(event) ?? [];
  if (delay !== undefined) return `after ${delay}`;
  return event.startsWith('xstate.done.state.') ? 'done' : event;
}

/** The name of an action, a guard or an actor source, if it has one. */
export function nameOf(thing: unknown): string | undefined {
  if (typeof thing === 'string') return thing;
  if (typeof thing === 'object' && thing !== null && 'type' in thing) return nameOf(thing.type);
  return undefined;
}

function guardName(guard: unknown): string {
  const name = nameOf(guard);
  if (name !== undefined) return name;
  if (typeof guard === 'function' && 'guards' in guard && Array.isArray(guard.guards)) {
    const inner = guard.guards.map(guardName);
    return `${'check' in guard ? nameOfCombination(guard.check) : 'guard'}(${inner.join(', ')})`;
  }
  return 'inline';
}

/** `and`, `or` and `not` keep their check functions under those names. */
function nameOfCombination(check: unknown): string {
  const name = typeof check === 'function' ? check.name : '';
  return name.replace(/^check/, '').toLowerCase() || 'guard';
}
