import { createActor, type Actor, type SnapshotFrom } from 'xstate';
import type { NtlmActorOptions } from '../machine/actor.ts';
import { warnIfWeak } from '../machine/actor.ts';
import type { NtlmOptions } from '../machine/options.ts';
import { resolvePolicy } from '../machine/policy.ts';
import { spnegoMachine } from './machine.ts';

export type SpnegoMachine = typeof spnegoMachine;
export type SpnegoActor = Actor<SpnegoMachine>;
export type SpnegoSnapshot = SnapshotFrom<SpnegoMachine>;

/**
 * A started actor of the negotiation: send it `negotiate`, `challenge`, `finish`, `accepted`, `rejected` and `reset`,
 * take its `token` events. The handshake inside is `getSnapshot().children.ntlm`.
 *
 * @throws NtlmError `invalid-argument` or `too-long`, naming the option.
 */
export function createSpnegoActor(options: NtlmOptions, { machine, inspect }: NtlmActorOptions = {}): SpnegoActor {
  const logic = machine === undefined ? spnegoMachine : spnegoMachine.provide({ actors: { ntlm: machine } });
  const actor = createActor(logic, { input: options, ...(inspect === undefined ? {} : { inspect }) });
  const snapshot = actor.getSnapshot();
  if (snapshot.status === 'error') throw snapshot.error;
  warnIfWeak(resolvePolicy(options.policy).legacy);
  return actor.start();
}
