/** The whole statecharts, for whoever asks for one. */
import { acceptorMachine } from '../../acceptor/machine.ts';
import { connectionMachine } from '../../http/authentication/connection-machine.ts';
import { ntlmMachine } from '../../machine/machine.ts';
import { spnegoMachine } from '../../spnego/machine.ts';
import { toSvg } from '../diagram/svg.ts';
import { walk, type Diagram } from '../diagram/walk.ts';

const machines = [ntlmMachine, connectionMachine, spnegoMachine, acceptorMachine];

/** As SVG that leaves colours to the page; `undefined` for a machine that is not known here. */
export function wholeChart(machine: string, other?: Diagram): string | undefined {
  const known = machines.find(({ id }) => id === machine);
  const diagram = other?.id === machine ? other : known === undefined ? undefined : walk(known);
  return diagram === undefined ? undefined : toSvg(diagram, { scheme: 'none' });
}
