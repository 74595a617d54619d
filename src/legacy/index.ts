/**
 * All that is weak: LM, NTLMv1 and NTLM2 session responses, the DES and the keys under them, and the policies that
 * allow them. A policy is a value that brings its code along; nothing is registered, and who does not import this can
 * neither send nor accept such a response.
 *
 * ```ts
 * import { NtlmClient } from 'ntlmachine';
 * import { ntlmv1 } from 'ntlmachine/legacy';
 *
 * new NtlmClient({ credentials, policy: ntlmv1 });
 * ```
 */
export type { LegacyCipher } from '../crypto/_cipher.ts';
export { des, desl, expandDesKey } from '../crypto/des.ts';
export type { LegacyPolicy, WeakResponse } from '../crypto/legacy-policy.ts';
export { kxKey, sessionBaseKeyV1, type KxKeyNtlmV1 } from './keys.ts';
export { credentialsWithLmHash, lmowfV1 } from './owf.ts';
export { legacyPolicies, lm, lmAndNtlmv1, ntlm2Session, ntlmv1 } from './policies.ts';
export { lmV1Response, ntlm2SessionResponse, ntlmV1Response } from './responses.ts';
