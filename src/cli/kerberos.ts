/** The options of Kerberos, and what becomes of them. */
import type { Negotiator } from '../http/authentication/negotiator.ts';
import { UsageError, type OptionTable, type OptionValues } from './verb.ts';

export const kerberosOptions = {
  negotiate: {
    type: 'boolean',
    help: 'Kerberos first, where Negotiate is offered, by the tickets of `klist`; needs the package "kerberos". NTLM follows with --user.',
  },
  ntlm: { type: 'boolean', negatable: true, help: 'Whether NTLM follows where Kerberos could not begin or is not offered; the default with --user.' },
  'ntlm-after-refusal': { type: 'boolean', help: 'Let NTLM follow where the ticket was refused, too.' },
  unbound: { type: 'boolean', help: 'Let tickets go over TLS without a binding to it, which the package makes none of.' },
} as const satisfies OptionTable;

/** `user`: whether there is one for NTLM. `mutual`: whether the other end has to prove itself. @throws UsageError */
export async function negotiatorFrom(
  values: OptionValues<typeof kerberosOptions>,
  { user, mutual = true }: { readonly user: boolean; readonly mutual?: boolean },
): Promise<Negotiator | undefined> {
  const { negotiate, ntlm = user, 'ntlm-after-refusal': afterRefusal = false, unbound } = values;
  if (negotiate !== true) {
    const without = (['ntlm', 'ntlm-after-refusal', 'unbound'] as const).find((name) => values[name] !== undefined);
    if (without !== undefined) throw new UsageError(`--${without === 'ntlm' && !ntlm ? 'no-ntlm' : without} wants --negotiate`);
    return undefined;
  }
  if (afterRefusal && !ntlm) throw new UsageError(user ? '--ntlm-after-refusal and --no-ntlm exclude each other' : '--ntlm-after-refusal wants --user');
  if (ntlm && !user) throw new UsageError('--ntlm wants --user');
  const { kerberos } = await import('../kerberos/kerberos.ts');
  return kerberos({ ntlm: afterRefusal ? 'after-refusal' : ntlm, unbound, mutual });
}
