/** Mistakes in the name of an account, before a server is asked for one that there cannot be. */
import { controlIn } from '../../checks.ts';

/** What was probably meant by a name that no account has (MS-SAMR 3.1.1.6), as what can be said of it; else `undefined`. */
export function mistakeInName(name: string): string | undefined {
  const control = controlIn(name);
  if (control !== undefined) return `${control}, and a file of PowerShell may be UTF-16`;
  if (name.includes('"')) return 'has a quotation mark in its name: give it without';
  if (name.trim() !== name) return 'has a space around its name: give it without';
  if (name.includes('\\', name.indexOf('\\') + 1)) return 'has more than one backslash in its name: give one, as in DOMAIN\\user';
  if (name.includes('/') && !name.includes('@')) return 'has a slash in its name: the domain ends with a backslash, as in DOMAIN\\user';
  return undefined;
}
