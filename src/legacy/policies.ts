/** The weak policies, each with the code of every response that it allows and of no other. */
import { LegacyPolicy, type WeakSchemes } from '../crypto/legacy-policy.ts';
import { lmAndNtlmV1Scheme, lmScheme, ntlm2SessionScheme, ntlmV1Scheme } from './schemes.ts';

const upToNtlm2Session: WeakSchemes = { 'ntlm2-session': ntlm2SessionScheme };
const upToNtlmV1: WeakSchemes = { ...upToNtlm2Session, ntlmv1: ntlmV1Scheme };
const upToLmAndNtlmV1: WeakSchemes = { ...upToNtlmV1, 'lm-and-ntlmv1': lmAndNtlmV1Scheme };
const upToLm: WeakSchemes = { ...upToLmAndNtlmV1, lm: lmScheme };

/** The NTLM2 session response; a challenge without extended session security is refused. */
export const ntlm2Session: LegacyPolicy = /* @__PURE__ */ new LegacyPolicy('ntlm2-session', upToNtlm2Session);

/** NTLMv1, or the NTLM2 session response where the challenge has extended session security all the same. */
export const ntlmv1: LegacyPolicy = /* @__PURE__ */ new LegacyPolicy('ntlmv1', upToNtlmV1);

/** As `ntlmv1`, with a real LM response beside it. */
export const lmAndNtlmv1: LegacyPolicy = /* @__PURE__ */ new LegacyPolicy('lm-and-ntlmv1', upToLmAndNtlmV1);

/** LM alone, or the NTLM2 session response where the challenge has extended session security all the same. */
export const lm: LegacyPolicy = /* @__PURE__ */ new LegacyPolicy('lm', upToLm);

/** All of them, strongest first: for `openSnapshot`, and for who takes a policy by name. */
export const legacyPolicies: readonly LegacyPolicy[] = /* @__PURE__ */ Object.freeze([ntlm2Session, ntlmv1, lmAndNtlmv1, lm]);
