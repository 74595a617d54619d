/** Options that may also stand in the environment or in a file: the command line counts first, then those, in this order. */
import { readFile } from 'node:fs/promises';
import { UsageError, type OptionTable, type OptionValues } from './verb.ts';
import type { Terminal } from './terminal.ts';

const PREFIX = 'NTLMACHINE_';
const TRUE = /^(?:1|true|yes|on)$/i;
const FALSE = /^(?:0|false|no|off|)$/i;

/** `no-proxy` is `NTLMACHINE_NO_PROXY`. */
export function variableOf(option: string): string {
  return `${PREFIX}${option.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * The options as given, completed by the environment and by a JSON file whose keys are the options' names.
 *
 * @throws UsageError naming the option and where it stands.
 */
export async function layered<Table extends OptionTable>(
  table: Table,
  given: OptionValues<Table>,
  { env }: Pick<Terminal, 'env'>,
  configFile: string | undefined,
): Promise<OptionValues<Table>> {
  const config = configFile === undefined ? {} : await readConfig(configFile, table);
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    const variable = env[variableOf(name)];
    const value =
      given[name] ??
      (variable === undefined ? undefined : fromText(variable, spec, variableOf(name))) ??
      (name in config ? fromJson(config[name], spec, `"${name}" in ${configFile}`) : undefined);
    if (value !== undefined) values[name] = value;
  }
  return values as OptionValues<Table>;
}

async function readConfig(file: string, table: OptionTable): Promise<Record<string, unknown>> {
  let config: unknown;
  try {
    config = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const how = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new UsageError(`the file of --config ${how}`);
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError('the file of --config must hold one JSON object');
  }
  for (const name of Object.keys(config)) {
    if (/^pass(?:word|wd)?$/i.test(name)) {
      throw new UsageError('the file of --config must not hold a password; name its file with "password-file"');
    }
    if (!(name in table)) throw new UsageError(`"${name}" in the file of --config is no option`);
  }
  return config as Record<string, unknown>;
}

function fromText(text: string, { type, multiple }: OptionTable[string], where: string): unknown {
  if (type === 'string') return multiple === true ? text.split(/[\s,]+/).filter((part) => part !== '') : text;
  if (TRUE.test(text)) return true;
  if (FALSE.test(text)) return false;
  throw new UsageError(`${where} must be true or false`);
}

function fromJson(value: unknown, { type, multiple }: OptionTable[string], where: string): unknown {
  if (type === 'boolean' && typeof value === 'boolean') return value;
  if (type === 'string' && multiple === true) {
    const list = Array.isArray(value) ? value : [value];
    if (list.every((each) => typeof each === 'string')) return list;
  } else if (type === 'string' && (typeof value === 'string' || typeof value === 'number')) {
    return String(value);
  }
  throw new UsageError(`${where} must be ${type === 'boolean' ? 'true or false' : 'a string'}`);
}
