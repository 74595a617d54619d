import { Credentials } from '../../crypto/credentials.ts';
import { invalidArgument } from '../../errors.ts';
import { checkCredentials } from '../../machine/options.ts';
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
