import {
  createActor,
  type Actor,
  type ActorOptions,
  type SnapshotFrom,
  type StateValue,
  type StateValueFrom,
} from 'xstate';
import { checkObject } from '../checks.ts';
import type { LegacyPolicy } from '../crypto/legacy-policy.ts';
import { ntlmMachine } from './machine.ts';
import type { NtlmOptions } from './options.ts';

export type NtlmMachine = typeof ntlmMachine;
export type NtlmActor = Actor<NtlmMachine>;
export type NtlmSnapshot = SnapshotFrom<NtlmMachine>;
export type NtlmStateValue = StateValueFrom<NtlmMachine>;

/** The outermost state of the handshake. */
export type NtlmState = 'idle' | 'negotiated' | 'challenged' | 'responded' | 'authenticated' | 'failed';

export interface NtlmActorOptions {
  /** A variation of `ntlmMachine` made once by `ntlmMachine.provide(…)`; default: the machine itself. */
  readonly machine?: NtlmMachine | undefined;
  /** XState's inspector. It sees handles, never hashes or keys. */
  readonly inspect?: ActorOptions<NtlmMachine>['inspect'] | undefined;
}

/**
 * A started actor of the handshake machine: send it `negotiate`, `challenge`, `accepted`, `rejected`
 * and `reset`, take its `token` events.
 *
 * @throws NtlmError `invalid-argument` or `too-long`, naming the option.
 */
export function createNtlmActor(options: NtlmOptions, actorOptions: NtlmActorOptions = {}): NtlmActor {
  checkObject('actorOptions', actorOptions);
  const { machine = ntlmMachine, inspect } = actorOptions;
  const actor = createActor(machine, { input: options, ...(inspect === undefined ? {} : { inspect }) });
  const snapshot = actor.getSnapshot();
  if (snapshot.status === 'error') throw snapshot.error;
  warnIfWeak(snapshot.context.options.legacy);
  return actor.start();
}

/** The outermost state of a snapshot. */
export function stateOf({ value }: { readonly value: StateValue }): NtlmState {
  return (typeof value === 'string' ? value : Object.keys(value)[0]) as NtlmState;
}

const warned = new Set<string>();

/** Warns once a policy and process. */
export function warnIfWeak(policy: LegacyPolicy | undefined): void {
  if (policy === undefined || warned.has(policy.name)) return;
  warned.add(policy.name);
  const message = `ntlmachine: policy "${policy.name}" sends responses that can be cracked within hours; prefer "ntlmv2"`;
  const { process } = globalThis;
  if (typeof process?.emitWarning === 'function') process.emitWarning(message, 'SecurityWarning');
  else console.warn(message);
}
