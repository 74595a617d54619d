/** Every policy, for tests that go through them all. */
import { policies, type Policy, type PolicyName } from '../../src/index.ts';
import { legacyPolicies } from '../../src/legacy/index.ts';

/** Strongest first. */
export const allPolicies: readonly Policy[] = [...policies, ...legacyPolicies];

export const nameOf = (policy: Policy): PolicyName => (typeof policy === 'string' ? policy : policy.name);
