/** By which name a server is told that it is meant. */
import { NtlmError, invalidArgument } from '../../errors.ts';
import { heard } from '../../machine/promised.ts';

/**
 * A service principal name for every origin; `false` for none; or a rule by origin (`https://intranet.corp`), which says
 * `undefined` where the default will do: `HTTP/` and the host asked for.
 */
export type Spn = string | false | ((origin: string) => string | false | undefined);

/** @throws NtlmError `service-failed` where the rule does; `invalid-argument` where it says something else. */
export function spnOf(spn: Spn | undefined, origin: string): string | false | undefined {
  if (typeof spn !== 'function') return spn;
  let name: unknown;
  try {
    name = heard(spn(origin));
  } catch (cause) {
    throw new NtlmError(`"spn" failed for ${origin}`, { code: 'service-failed', phase: 'transport', side: 'local', cause });
  }
  if (name === undefined || name === false || (typeof name === 'string' && name !== '')) return name;
  throw invalidArgument('spn', 'must return a text, false or undefined, and at once', 'transport');
}
