/** How each kind of weak response is made and checked (MS-NLMP 3.3.1), from a handle of credentials. */
import { clean, equalBytes } from '@noble/ciphers/utils.js';
import { secretsOf } from '../crypto/credentials.ts';
import type { ResponseFields, WeakExchange, WeakScheme } from '../crypto/legacy-policy.ts';
import { NegotiateFlags as F } from '../messages/flags.ts';
import { kxKey, requireLmHash, sessionBaseKeyV1 } from './keys.ts';
import { lmV1Response, ntlm2SessionResponse, ntlmV1Response } from './responses.ts';

function keyExchangeKey({ credentials, negotiateFlags, serverChallenge }: WeakExchange, lm: Uint8Array): Uint8Array<ArrayBuffer> {
  const { ntHash, lmHash } = secretsOf(credentials);
  const baseKey = sessionBaseKeyV1(ntHash);
  try {
    return kxKey(negotiateFlags, baseKey, { lmChallengeResponse: lm, serverChallenge, lmHash });
  } finally {
    clean(baseKey);
  }
}

const lmOf = ({ credentials, serverChallenge }: WeakExchange): Uint8Array<ArrayBuffer> =>
  lmV1Response(requireLmHash(secretsOf(credentials).lmHash), serverChallenge);

const ntOf = ({ credentials, serverChallenge }: WeakExchange): Uint8Array<ArrayBuffer> =>
  ntlmV1Response(secretsOf(credentials).ntHash, serverChallenge);

/** The NT response decides: the LM response beside it may be anything. */
const ntMatches = (exchange: WeakExchange, { nt }: ResponseFields): boolean => equalBytes(nt, ntOf(exchange));

export const ntlm2SessionScheme: WeakScheme = {
  respond: ({ credentials, serverChallenge }, clientChallenge) =>
    ntlm2SessionResponse(secretsOf(credentials).ntHash, serverChallenge, clientChallenge),
  verify: ({ credentials, serverChallenge }, { lm, nt }) =>
    equalBytes(nt, ntlm2SessionResponse(secretsOf(credentials).ntHash, serverChallenge, lm.subarray(0, 8)).nt),
  keyExchangeKey,
};

/** NoLMResponseNTLMv1: the NT response stands in both fields. */
export const ntlmV1Scheme: WeakScheme = {
  respond: (exchange) => {
    const nt = ntOf(exchange);
    return { lm: nt, nt };
  },
  verify: ntMatches,
  keyExchangeKey,
};

export const lmAndNtlmV1Scheme: WeakScheme = {
  respond: (exchange) => ({ lm: lmOf(exchange), nt: ntOf(exchange) }),
  verify: ntMatches,
  keyExchangeKey,
};

export const lmScheme: WeakScheme = {
  respond: (exchange) => ({ lm: lmOf(exchange), nt: new Uint8Array(0) }),
  verify: (exchange, { lm }) => equalBytes(lm, lmOf(exchange)),
  // Where only LM is verified, only LM can key the session.
  keyExchangeKey: (exchange, lm) =>
    keyExchangeKey({ ...exchange, negotiateFlags: exchange.negotiateFlags | F.REQUEST_NON_NT_SESSION_KEY }, lm),
};
