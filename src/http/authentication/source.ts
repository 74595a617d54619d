import { Credentials } from '../../crypto/credentials.ts';
import { invalidArgument } from '../../errors.ts';
import { checkCredentials } from '../../machine/options.ts';
import { isNegotiator, type Negotiator } from './negotiator.ts';
import type { CredentialsProvider, CredentialsSource } from './question.ts';

/** Where credentials come from: a handle, good for one attempt, or a function. @throws NtlmError `invalid-argument`. */
export function sourceOf(credentials: Credentials | CredentialsProvider, argument: string): CredentialsSource {
  if (typeof credentials === 'function') {
    const ask: CredentialsProvider = async (question) => {
      const answer = await credentials(question);
      if (answer !== undefined) checkCredentials(answer);
      return answer;
    };
    return { ask, others: true };
  }
  if (!(credentials instanceof Credentials)) {
    throw invalidArgument(argument, 'must be Credentials or a function that returns them');
  }
  return { ask: ({ attempt }) => (attempt === 1 ? credentials : undefined), others: false };
}

/** Who goes in: by credentials, and by what goes before them. */
export interface Who {
  readonly credentials: CredentialsSource;
  readonly negotiator?: Negotiator | undefined;
}

/** Without credentials NTLM cannot follow, and is not tried. */
const nobody: CredentialsSource = { ask: () => undefined, others: false };

/** Other credentials than those of `who`: what was in their place goes with them, what was to go before them stays. */
export function whoWith(credentials: CredentialsSource, who: Who): Who {
  return { credentials, negotiator: who.credentials === nobody ? undefined : who.negotiator };
}

/** The options `credentials` and `negotiate`, of which one may be all there is. @throws NtlmError `invalid-argument`. */
export function whoOf(
  { credentials, negotiate }: { readonly credentials?: Credentials | CredentialsProvider | Negotiator | undefined; readonly negotiate?: Negotiator | undefined },
  place = '',
): Who {
  const negotiator = negotiate === undefined ? undefined : checkedNegotiator(negotiate, `${place}negotiate`);
  if (!isNegotiator(credentials)) return { credentials: sourceOf(credentials as Credentials | CredentialsProvider, `${place}credentials`), negotiator };
  if (negotiator !== undefined) throw invalidArgument(`${place}negotiate`, 'goes before other credentials: those given are such a value themselves');
  return { credentials: nobody, negotiator: { ...credentials, ntlm: false } };
}

export function checkedNegotiator(value: unknown, argument: string): Negotiator {
  if (isNegotiator(value)) return value;
  throw invalidArgument(argument, 'must be what kerberos() of ntlmachine/kerberos gives');
}
