/** Whether credentials make the response that came. A stranger takes as long as a wrong password. */
import { clean, equalBytes } from '@noble/ciphers/utils.js';
import { Credentials, secretsOf } from '../crypto/credentials.ts';
import { HmacMd5Key } from '../crypto/hmac-md5.ts';
import { sessionBaseKeyV2 } from '../crypto/keys.ts';
import { LegacyPolicy } from '../crypto/legacy-policy.ts';
import { ntowfV2 } from '../crypto/owf.ts';
import { ntProofStr } from '../crypto/responses.ts';
import { upperCase } from '../crypto/text.ts';
import type { ResponseKind } from '../machine/policy.ts';
import type { AuthenticateMessage } from '../messages/authenticate.ts';
import { NegotiateFlags as F } from '../messages/flags.ts';
import { UNKNOWN_USER, WRONG_CREDENTIALS, type Claim, type Proof } from './proof.ts';

/** Whether responses of `kind` are taken: a weak one needs its policy's code. */
export function isTaken(kind: ResponseKind, legacy: LegacyPolicy | undefined, anonymous: boolean): boolean {
  if (kind === 'anonymous') return anonymous;
  return kind === 'ntlmv2' || LegacyPolicy.schemeOf(legacy, kind) !== undefined;
}

/**
 * @param credentials of the user that the message names; `undefined` where nobody knows them
 * @throws NtlmError `credentials-missing` where they were wiped; `credentials-unsuitable` without the hash it takes
 */
export function proveBy(credentials: Credentials | undefined, claim: Claim): Proof {
  const known = credentials !== undefined && isNamed(credentials, claim.message);
  const keyExchangeKey = compare(known ? credentials : nobody(), claim);
  if (keyExchangeKey !== undefined && known) return { keyExchangeKey };
  return credentials === undefined ? UNKNOWN_USER : WRONG_CREDENTIALS;
}

function compare(credentials: Credentials, claim: Claim): Uint8Array<ArrayBuffer> | undefined {
  return claim.ntlmV2 === undefined ? compareWeakly(credentials, claim) : compareV2(credentials, claim);
}

/** MS-NLMP 3.3.2; the domain is the one the message names. The handle's own keyed state would tell who is known. */
function compareV2(credentials: Credentials, { message, challenge, ntlmV2 }: Claim): Uint8Array<ArrayBuffer> | undefined {
  const owf = ntowfV2(secretsOf(credentials).ntHash, message.userName, message.domainName);
  const responseKey = new HmacMd5Key(owf);
  clean(owf);
  try {
    const proof = ntProofStr(responseKey, challenge.serverChallenge, ntlmV2!.temp);
    return equalBytes(proof, ntlmV2!.ntProofStr) ? sessionBaseKeyV2(responseKey, proof) : undefined;
  } finally {
    responseKey.destroy();
  }
}

/** MS-NLMP 3.3.1. */
function compareWeakly(credentials: Credentials, { kind, message, challenge, legacy }: Claim): Uint8Array<ArrayBuffer> | undefined {
  const scheme = kind === 'ntlmv2' || kind === 'anonymous' ? undefined : LegacyPolicy.schemeOf(legacy, kind);
  const { lmChallengeResponse: lm, ntChallengeResponse: nt } = message;
  if (scheme === undefined || lm.length !== 24) return undefined;
  // Which key it is, is agreed on: a client alone cannot choose one that takes an LM hash.
  const negotiateFlags = message.negotiateFlags & (challenge.negotiateFlags | ~(F.NEGOTIATE_LM_KEY | F.REQUEST_NON_NT_SESSION_KEY));
  const exchange = { credentials, negotiateFlags, serverChallenge: challenge.serverChallenge };
  return scheme.verify(exchange, { lm, nt }) ? scheme.keyExchangeKey(exchange, lm) : undefined;
}

function isNamed(credentials: Credentials, { userName }: AuthenticateMessage): boolean {
  return upperCase(credentials.username) === upperCase(userName);
}

let stranger: Credentials | undefined;

/** Has every hash that a comparison may take; what it proves counts for nothing. */
function nobody(): Credentials {
  return (stranger ??= Credentials.fromNtHash({ username: '-', ntHash: new Uint8Array(16), lmHash: new Uint8Array(16) }));
}
