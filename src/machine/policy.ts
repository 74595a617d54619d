/** What a policy is: two names, or a value that brings the code of weak responses along. */
import { LegacyPolicy, type WeakResponse } from '../crypto/legacy-policy.ts';
import { invalidArgument } from '../errors.ts';

/** The policies that never send or take a weak response, strongest first. */
export const policies = ['ntlmv2', 'ntlmv2-compatible'] as const;

/**
 * The weakest response that may leave this end, or that it takes.
 *
 * - `ntlmv2`: NTLMv2 to a server that grants extended session security and sends target information.
 * - `ntlmv2-compatible`: NTLMv2 to any server, also where the challenge offers less around it.
 * - a value of `ntlmachine/legacy`: what it says.
 */
export type Policy = (typeof policies)[number] | LegacyPolicy;

/** The name of a policy: all that contexts, snapshots and traces hold of one. */
export type PolicyName = (typeof policies)[number] | WeakResponse;

/** What an AUTHENTICATE carries. */
export type ResponseKind = 'ntlmv2' | WeakResponse | 'anonymous';

/** A checked policy: its name, and the value where it is one. What may be sent follows from the value alone. */
export interface ResolvedPolicy {
  readonly policy: PolicyName;
  /** Shows its name. */
  readonly legacy: LegacyPolicy | undefined;
}

/** What `ntlmachine/legacy` calls its policies. */
const LEGACY_NAMES = ['ntlm2Session', 'ntlmv1', 'lmAndNtlmv1', 'lm'] as const;

/** @throws NtlmError `invalid-argument`, saying what to import where a legacy policy is asked for by its name. */
export function resolvePolicy(value: Policy = 'ntlmv2', argument = 'policy'): ResolvedPolicy {
  if (LegacyPolicy.is(value)) return { policy: value.name, legacy: value };
  if (policies.includes(value)) return { policy: value, legacy: undefined };
  const imported = legacyNameOf(value);
  throw invalidArgument(
    argument,
    imported === undefined
      ? 'must be "ntlmv2", "ntlmv2-compatible" or a value imported from ntlmachine/legacy'
      : `takes a weak policy as a value: import { ${imported} } from 'ntlmachine/legacy'`,
  );
}

/** A resolved policy as it is given. */
export function policyOf({ policy, legacy }: ResolvedPolicy): Policy {
  return legacy ?? (policy === 'ntlmv2-compatible' ? policy : 'ntlmv2');
}

/** What to import for a weak policy that is given by its name, however that is written. */
export function legacyNameOf(value: unknown): (typeof LEGACY_NAMES)[number] | undefined {
  if (typeof value !== 'string') return undefined;
  const letters = value.toLowerCase().replace(/[^a-z0-9]/g, '');
  return LEGACY_NAMES.find((name) => name.toLowerCase() === letters);
}
