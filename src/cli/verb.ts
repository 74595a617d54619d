/** What a verb of the command line is: one table of options, from which both the parser and the help are made. */
import { parseArgs } from 'node:util';
import type { Terminal } from './terminal.ts';

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly help: string;
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help; strings only. */
  readonly value?: string;
  /** The only values allowed; strings only. */
  readonly choices?: readonly string[];
  /** Whether the help shows `--no-…` beside it; booleans only. */
  readonly negatable?: boolean;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

type ValueOf<Spec extends OptionSpec> = Spec['type'] extends 'boolean'
  ? boolean
  : Spec extends { readonly multiple: true }
    ? readonly string[]
    : string;

/** What was given on the command line; absent options are `undefined`. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]?: ValueOf<Table[Name]> | undefined;
};

export interface VerbDefinition<Table extends OptionTable> {
  readonly name: string;
  /** Paragraphs of its own help. */
  readonly description: string;
  readonly options: Table;
  /** Operands as the usage line shows them, `URL` or `[FILE]`; none by default. */
  readonly operands?: string;
  /** How many operands may be given, at least and at most; default none. */
  readonly operandCount?: readonly [number, number];
  /** Does the work. The number is the exit code, 0 if there is none. */
  readonly run: (
    values: OptionValues<Table>,
    terminal: Terminal,
    operands: readonly string[],
  ) => Promise<number | void>;
}

/** A verb with its own types put away, as the table of verbs holds it. */
export interface Verb {
  readonly name: string;
  readonly help: string;
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

/** The command line itself is wrong: one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const HELP: OptionSpec = { type: 'boolean', short: 'h', help: 'Show this help.' };

export function defineVerb<const Table extends OptionTable>(definition: VerbDefinition<Table>): Verb {
  const options: OptionTable = { ...definition.options, help: HELP };
  const help = helpOf(definition, options);
  return {
    name: definition.name,
    help,
    run: async (args, terminal) => {
      const { values, positionals } = parse(args, options);
      if (values['help'] === true) {
        terminal.out(help);
        return 0;
      }
      checkOperands(definition.operandCount ?? [0, 0], positionals.length);
      return (await definition.run(values as OptionValues<Table>, terminal, positionals)) ?? 0;
    },
  };
}

/** @throws UsageError for a password on the command line, which the error does not repeat. */
export function refusePassword(args: readonly string[]): void {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  if (!options.some((arg) => /^--(password|passwd|pass)(=|$)/.test(arg))) return;
  throw new UsageError(
    'other users can read a password on the command line; use --password-file, NTLM_PASSWORD or the prompt',
  );
}

function parse(args: readonly string[], options: OptionTable) {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, allowNegative: true });
    for (const [name, { choices }] of Object.entries(options)) checkChoice(name, parsed.values[name], choices);
    return parsed;
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof TypeError)) throw error;
    const [sentence = error.message] = error.message.split(/\.\s/);
    throw new UsageError(`${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`);
  }
}

function checkChoice(name: string, value: unknown, choices: readonly string[] | undefined): void {
  if (choices === undefined || value === undefined || choices.includes(String(value))) return;
  throw new UsageError(`--${name} must be one of ${choices.join(', ')}`);
}

/** An operand may be a password in the wrong place: it is counted, never repeated. */
function checkOperands([least, most]: readonly [number, number], count: number): void {
  if (count >= least && count <= most) return;
  const due = least === most ? String(least) : `${least} to ${most}`;
  throw new UsageError(`takes ${most === 0 ? 'no' : due} operand${due === '1' ? '' : 's'}, ${count} given`);
}

type Described = Pick<VerbDefinition<OptionTable>, 'name' | 'operands' | 'description'>;

/** A paragraph of the description that starts with two spaces stands as it is: commands are copied whole. */
function helpOf({ name, operands, description }: Described, options: OptionTable): string {
  const rows = Object.entries(options).map(([option, spec]) => {
    const long = `--${spec.negatable === true ? '[no-]' : ''}${option}`;
    const value = spec.type === 'string' ? ` ${spec.value ?? 'VALUE'}` : '';
    const choices = spec.choices === undefined ? '' : ` One of ${spec.choices.join(', ')}.`;
    return [`${spec.short === undefined ? '    ' : `-${spec.short}, `}${long}${value}`, spec.help + choices] as const;
  });
  const usage = `Usage: ntlmachine ${name} [options]${operands === undefined ? '' : ` ${operands}`}`;
  const paragraphs = description.split('\n\n').map((paragraph) => (paragraph.startsWith('  ') ? paragraph : wrap(paragraph, 80).join('\n')));
  return `${[usage, ...paragraphs, `Options:\n${columns(rows)}`].join('\n\n')}\n`;
}

/** Two columns, the right one wrapped. */
export function columns(rows: readonly (readonly [string, string])[], width = 80): string {
  const left = Math.max(...rows.map(([term]) => term.length)) + 4;
  return rows
    .flatMap(([term, text]) =>
      wrap(text, width - left).map((line, i) => `  ${(i === 0 ? term : '').padEnd(left - 2)}${line}`),
    )
    .join('\n');
}

/** Lines of at most `width` characters; a longer word stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
