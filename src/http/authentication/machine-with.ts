import type { AnyActorLogic } from 'xstate';
import { connectionMachine } from './connection-machine.ts';
import type { Negotiator } from './negotiator.ts';

/** Made once for each: `provide()` costs more than a handshake. */
const machines = new WeakMap<AnyActorLogic, typeof connectionMachine>();

/** The machine of a connection, with what goes before NTLM on it. */
export function machineWith(negotiator: Negotiator | undefined): typeof connectionMachine {
  if (negotiator === undefined) return connectionMachine;
  const logic = negotiator.machine;
  let machine = machines.get(logic);
  if (machine === undefined) machines.set(logic, (machine = connectionMachine.provide({ actors: { negotiator: logic } })));
  return machine;
}
