/** Who logs on, and the three ways in which a secret comes in: a file, the environment, a prompt. Never argv. */
import { createReadStream } from 'node:fs';
import { Credentials } from '../crypto/credentials.ts';
import { NtlmError } from '../errors.ts';
import { mistakeInName } from '../http/doors/account-names.ts';
import { credentialsWithLmHash } from '../legacy/owf.ts';
import { decoded } from '../visualize/conversation/pasted.ts';
import { askHidden, openConsole } from './prompt.ts';
import { readAll, type Terminal } from './terminal.ts';
import { UsageError, type OptionTable, type OptionValues } from './verb.ts';

/** The environment variable that may hold the password. */
export const PASSWORD_VARIABLE = 'NTLM_PASSWORD';
/** The one that may hold a proxy's. */
export const PROXY_PASSWORD_VARIABLE = 'NTLM_PROXY_PASSWORD';

export const userOptions = {
  user: { type: 'string', short: 'u', value: 'NAME', help: 'User name; DOMAIN\\name and name@realm are understood.' },
  domain: { type: 'string', short: 'd', value: 'NAME', help: "The user's domain." },
  'password-file': { type: 'string', value: 'FILE', help: 'Read the password from FILE, without its last line end.' },
  'hash-file': { type: 'string', value: 'FILE', help: 'Read the NT hash, 32 hexadecimal digits, from FILE instead.' },
} as const satisfies OptionTable;

/** What every verb that needs a password says about it. */
export const PASSWORD_HELP =
  `The password comes from --password-file, else from the environment variable ${PASSWORD_VARIABLE}, else from ` +
  'a prompt on the terminal. It is never taken from the command line.';

const LARGEST_SECRET = 256 * 1024; // bytes; Credentials says what is too long for a password

/**
 * The credentials that the options name.
 *
 * @throws UsageError without a user; NtlmError for a secret that is missing or unusable.
 */
export async function readCredentials(
  values: OptionValues<typeof userOptions>,
  terminal: Terminal,
  { lmHash = false } = {},
): Promise<Credentials> {
  const { user, domain, 'password-file': passwordFile, 'hash-file': hashFile } = values;
  checkUser(user);
  checkSecret(values);
  const identity = { username: user, domain };
  if (hashFile !== undefined) {
    return Credentials.fromNtHash({ ...identity, ntHash: (await readSecret('--hash-file', hashFile)).trim() });
  }
  const password =
    passwordFile === undefined
      ? (terminal.env[PASSWORD_VARIABLE] ?? (await askPassword(user)))
      : (await readSecret('--password-file', passwordFile)).replace(/\r?\n$/, '');
  const account = { ...identity, password };
  return lmHash ? credentialsWithLmHash(account) : Credentials.fromPassword(account);
}

/** How a user and its password are given. */
const GIVEN_BY = { option: '--user', file: '--password-file', variable: PASSWORD_VARIABLE };

/** @throws UsageError without a user, or with `user:password`. */
export function checkUser(user: string | undefined, { option, file, variable } = GIVEN_BY): asserts user is string {
  if (user === undefined || user === '') throw new UsageError(`${option} is missing`);
  if (user.includes(':')) throw new UsageError(`${option} takes a name alone; use ${file}, ${variable} or the prompt as well`);
  const mistake = mistakeInName(user);
  if (mistake !== undefined) throw new UsageError(`${option} ${mistake}`);
}

/** @throws UsageError for two secrets, or for one on standard input. */
export function checkSecret(values: OptionValues<typeof userOptions>): void {
  const given = (['password-file', 'hash-file'] as const).filter((option) => values[option] !== undefined);
  if (given.length > 1) throw new UsageError('--password-file and --hash-file exclude each other');
  for (const option of given) {
    if (values[option] === '-') throw new UsageError(`--${option} takes a file; standard input is for messages`);
  }
}

async function readSecret(option: string, path: string): Promise<string> {
  const given = decoded(await readAll(createReadStream(path), option, LARGEST_SECRET));
  try {
    return typeof given === 'string' ? given : new TextDecoder('utf-8', { fatal: true }).decode(given);
  } catch {
    throw new NtlmError(`${option} holds bytes that are not UTF-8`, {
      code: 'invalid-argument',
      phase: 'configure',
      side: 'local',
    });
  }
}

async function askPassword(user: string): Promise<string> {
  const console = openConsole();
  const answer = await (console && askHidden(`Password of ${user}: `, console).finally(console.close));
  if (answer !== undefined) return answer;
  throw new NtlmError(`no password: give --password-file or ${PASSWORD_VARIABLE}, or answer the prompt`, {
    code: 'credentials-missing',
    phase: 'configure',
    side: 'local',
  });
}
