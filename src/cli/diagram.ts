import { acceptorMachine } from '../acceptor/machine.ts';
import { connectionMachine } from '../http/authentication/connection-machine.ts';
import { ntlmMachine } from '../machine/machine.ts';
import { spnegoMachine } from '../spnego/machine.ts';
import { toMermaid } from '../visualize/diagram/mermaid.ts';
import { toSvg } from '../visualize/diagram/svg.ts';
import { toTable } from '../visualize/diagram/table.ts';
import { walk, type Diagram } from '../visualize/diagram/walk.ts';
import { UsageError, defineVerb } from './verb.ts';

const machines = {
  handshake: ntlmMachine,
  connection: connectionMachine,
  spnego: spnegoMachine,
  acceptor: acceptorMachine,
};

const formats: Readonly<Record<string, (diagram: Diagram) => string>> = {
  mermaid: toMermaid,
  svg: (diagram) => toSvg(diagram),
  table: toTable,
  json: (diagram) => `${JSON.stringify(diagram, null, 2)}\n`,
};

export const diagram = defineVerb({
  name: 'diagram',
  description: 'Prints the machine itself, walked state by state: what is drawn is what runs.',
  operands: `[${Object.keys(machines).join('|')}]`,
  operandCount: [0, 1],
  options: {
    format: { type: 'string', short: 'f', value: 'NAME', choices: Object.keys(formats), help: 'Default mermaid.' },
  },
  run: async ({ format = 'mermaid' }, terminal, [name = 'handshake']) => {
    const machine = Object.entries(machines).find(([key]) => key === name)?.[1];
    if (machine === undefined) throw new UsageError(`the machine must be one of ${Object.keys(machines).join(', ')}`);
    terminal.out(formats[format]!(walk(machine))); // one of its choices
  },
});
