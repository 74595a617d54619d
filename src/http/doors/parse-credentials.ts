/** Credentials as configuration has them: one string of a file or of the environment. */
import { Credentials } from '../../crypto/credentials.ts';
import { invalidArgument } from '../../errors.ts';
import { mistakeInName } from './account-names.ts';

/**
 * Credentials of `DOMAIN\user:password`, `user@realm:password` or `user:password`. No name has a colon: what follows the
 * first one is the password, with every colon, `@`, backslash and percent sign in it as it stands. A line end behind all is
 * that of its file, and so is a byte order mark before it.
 *
 * ```ts
 * import { NtlmAgent, parseCredentials } from 'ntlmachine/http';
 *
 * const agent = new NtlmAgent({ credentials: parseCredentials(process.env.INTRANET_LOGIN ?? '') });
 * ```
 *
 * @throws NtlmError `invalid-argument`, which does not repeat the text; for a name that no account has, too: in quotes, of a
 * URL, with a slash, two backslashes or a control character.
 */
export function parseCredentials(text: string): Credentials {
  const one = typeof text === 'string' ? text.replace(/^\ufeff/, '').replace(/\r?\n$/, '') : '';
  const colon = one.indexOf(':');
  if (colon < 1) throw invalidArgument('text', 'must look like DOMAIN\\user:password, user@realm:password or user:password');
  const [username, password] = [one.slice(0, colon), one.slice(colon + 1)];
  const mistake = mistakeIn(username, password);
  if (mistake !== undefined) throw invalidArgument('text', mistake);
  return Credentials.fromPassword({ username, password });
}

function mistakeIn(name: string, password: string): string | undefined {
  if (/^https?$/i.test(name) && password.startsWith('//')) return 'must not be a URL, but what stands before its @';
  if (name.startsWith('"') || (name.startsWith("'") && password.endsWith("'"))) return 'stands in quotes, which are none of it: give it without';
  return mistakeInName(name);
}
