/** The option `--policy`: every policy by its name, the weak ones too. */
import { legacyPolicies, lm, lmAndNtlmv1 } from '../legacy/policies.ts';
import { policies, type Policy } from '../machine/policy.ts';
import type { OptionTable } from './verb.ts';

const ALL: readonly Policy[] = [...policies, ...legacyPolicies];

/** `--policy` of a verb; `help` says what its response is the weakest of. */
export const policyOption = <Help extends string>(help: Help) =>
  ({ type: 'string', value: 'NAME', choices: ALL.map(String), help }) as const satisfies OptionTable[string];

/** The policy of one of the choices. */
export function policyFrom(name: string | undefined): Policy | undefined {
  return ALL.find((policy) => String(policy) === name);
}

/** Whether credentials for `policy` hold an LM hash. */
export function takesLmHash(policy: Policy | undefined): boolean {
  return policy === lm || policy === lmAndNtlmv1;
}
