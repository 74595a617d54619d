/** Credentials as configuration has them: one string of a file or of the environment. */
import { Credentials } from '../../crypto/credentials.ts';
import { invalidArgument } from '../../errors.ts';

/**
 * Credentials of `DOMAIN\user:password`, `user@realm:password` or `user:password`. No name has a colon: what follows the
 * first one is the password, with every colon, `@`, backslash and percent sign in it as it stands. A line end behind all is
 * that of its file.
 *
 * ```ts
 * import { NtlmAgent, parseCredentials } from 'ntlmachine/http';
 *
 * const agent = new NtlmAgent({ credentials: parseCredentials(process.env.INTRANET_LOGIN ?? '') });
 * ```
 *
 * @throws NtlmError `invalid-argument`, which does not repeat the text.
 */
export function parseCredentials(text: string): Credentials {
  const colon = typeof text === 'string' ? text.indexOf(':') : -1;
  if (colon < 1) throw invalidArgument('text', 'must look like DOMAIN\\user:password, user@realm:password or user:password');
  return Credentials.fromPassword({ username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\r?\n$/, '') });
}
