import { clean, equalBytes } from '@noble/ciphers/utils.js';
import { secretsOf, type Credentials } from '../crypto/credentials.ts';
import { decryptRandomSessionKey, kxKey, sessionBaseKeyV1, sessionBaseKeyV2 } from '../crypto/keys.ts';
import { mic } from '../crypto/mic.ts';
import { lmV1Response, ntProofStr, ntlm2SessionResponse, ntlmV1Response } from '../crypto/responses.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { upperCase } from '../crypto/text.ts';
import { NtlmError, invalidArgument } from '../errors.ts';
import { policies, type Policy, type ResponseKind } from '../machine/policy.ts';
import { MIC_LENGTH, MIC_OFFSET, decodeAuthenticate, type AuthenticateMessage } from '../messages/authenticate.ts';
import { AvFlags, describeTargetInfo } from '../messages/av-pairs.ts';
import { decodeChallenge } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { decodeNtlmV2Response, type NtlmV2Response } from '../messages/ntlmv2-response.ts';

/** Who an AUTHENTICATE says it comes from. */
export interface ClaimedIdentity {
  readonly username: string;
  readonly domain: string;
  readonly workstation: string;
}

/** What an acceptor demands. */
export interface AcceptorDemands {
  /** The weakest response that is taken; default `ntlmv2`. */
  readonly policy?: Policy | undefined;
  /** Whether a response without a MIC is refused; default `false`. One that announces a MIC always needs it. */
  readonly requireMic?: boolean | undefined;
  /** Whether the anonymous user is taken; default `false`. */
  readonly anonymous?: boolean | undefined;
  /** The channel this end sees. A client that states another one is refused. */
  readonly channelBindings?: { readonly hash: Uint8Array } | undefined;
  /** Whether a client that states no channel is refused too; default `false`. */
  readonly requireChannelBindings?: boolean | undefined;
}

export interface VerifyInput extends AcceptorDemands {
  /** Type 1 as received; empty or left out where there was none. */
  readonly negotiate?: Uint8Array | undefined;
  /** Type 2 as sent. */
  readonly challenge: Uint8Array;
  /** Type 3 as received. */
  readonly authenticate: Uint8Array;
  /** Of the user that the message names; `undefined` where nobody knows them. */
  readonly credentials: Credentials | undefined;
}

export type VerifyRefusal =
  | 'malformed'
  | 'unknown-user'
  | 'anonymous-refused'
  | 'response-refused' // weaker than the policy
  | 'wrong-credentials'
  | 'mic-missing'
  | 'mic-mismatch'
  | 'channel-bindings-missing'
  | 'channel-bindings-mismatch';

export interface Verified {
  readonly ok: true;
  readonly identity: ClaimedIdentity;
  readonly sessionKey: SessionKey;
  readonly negotiateFlags: number;
  readonly response: ResponseKind;
  /** Whether a MIC was there; it was then right. */
  readonly mic: boolean;
  /** Whether the client stated this end's channel. */
  readonly channelBindings: boolean;
}

export type VerifyResult = Verified | { readonly ok: false; readonly reason: VerifyRefusal; readonly error: NtlmError };

interface Match {
  readonly response: ResponseKind;
  readonly keyExchangeKey: Uint8Array;
  readonly ntlmV2?: NtlmV2Response;
}

/**
 * Whether a type 3 message answers a challenge with the right credentials (MS-NLMP 3.2.5.1.2).
 * Responses, MIC and channel bindings are compared in constant time. Never throws for what the client sent.
 *
 * @throws NtlmError for a `challenge` that is not this end's own, an unknown policy and wiped credentials.
 */
export function verifyAuthenticate(input: VerifyInput): VerifyResult {
  checkDemands(input);
  const challenge = decodeChallenge(input.challenge);
  let message: AuthenticateMessage;
  let match: Match | undefined;
  try {
    message = decodeAuthenticate(input.authenticate);
    const kind = responseKind(message);
    if (!allows(input, kind)) {
      return kind === 'anonymous'
        ? refused('anonymous-refused', 'the anonymous user is not taken here')
        : refused('response-refused', `a response of kind "${kind}" is weaker than the policy`);
    }
    match = compare(kind, message, challenge.serverChallenge, input.credentials);
  } catch (error) {
    if (error instanceof NtlmError && error.side === 'peer') return { ok: false, reason: 'malformed', error };
    throw error;
  }
  if (match === undefined) {
    return input.credentials === undefined
      ? refused('unknown-user', 'nobody of that name is known')
      : refused('wrong-credentials', 'the response was not made with these credentials');
  }

  const sessionKey = exportedSessionKey(message, match.keyExchangeKey);
  try {
    if (sessionKey === undefined) return refused('malformed', 'KEY_EXCH without a session key of 16 bytes');
    return meetDemands(input, message, match, challenge.negotiateFlags, sessionKey);
  } finally {
    clean(match.keyExchangeKey);
    if (sessionKey !== undefined) clean(sessionKey);
  }
}

/** 16 bytes of their own; `undefined` where the message lacks what it promises. */
function exportedSessionKey(message: AuthenticateMessage, keyExchangeKey: Uint8Array): Uint8Array | undefined {
  if (!hasFlag(message.negotiateFlags, F.NEGOTIATE_KEY_EXCH)) return Uint8Array.from(keyExchangeKey);
  const { encryptedRandomSessionKey } = message;
  if (encryptedRandomSessionKey.length !== 16) return undefined;
  return decryptRandomSessionKey(keyExchangeKey, encryptedRandomSessionKey);
}

/** The response is right: what else is demanded of it. */
function meetDemands(
  input: VerifyInput,
  message: AuthenticateMessage,
  match: Match,
  granted: number,
  sessionKey: Uint8Array,
): VerifyResult {
  const stated = match.ntlmV2 && describeTargetInfo(match.ntlmV2.avPairs);
  const withMic = hasFlag(stated?.flags ?? 0, AvFlags.MIC_PROVIDED);
  if (withMic) {
    if (message.mic === undefined) return refused('mic-missing', 'a MIC is announced and absent');
    const zeroed = new Uint8Array(input.authenticate);
    zeroed.fill(0, MIC_OFFSET, MIC_OFFSET + MIC_LENGTH);
    const expected = mic(sessionKey, input.negotiate ?? new Uint8Array(0), input.challenge, zeroed);
    if (!equalBytes(expected, message.mic)) return refused('mic-mismatch', 'the messages were altered on their way');
  } else if (input.requireMic) {
    return refused('mic-missing', 'a MIC is demanded here');
  }

  const statedChannel = stated?.channelBindings;
  if (input.channelBindings !== undefined) {
    if (statedChannel === undefined) {
      if (input.requireChannelBindings) return refused('channel-bindings-missing', 'the client states no channel');
    } else if (!equalBytes(statedChannel, input.channelBindings.hash)) {
      return refused('channel-bindings-mismatch', 'the client speaks over another channel');
    }
  }

  return {
    ok: true,
    identity: claimedIdentity(message),
    sessionKey: new SessionKey(sessionKey),
    // Without a MIC the flags may have changed on their way; DATAGRAM would end the order of the session's messages.
    negotiateFlags: (message.negotiateFlags & (granted | ~F.NEGOTIATE_DATAGRAM)) >>> 0,
    response: responseKind(message),
    mic: withMic,
    channelBindings: input.channelBindings !== undefined && statedChannel !== undefined,
  };
}

/** Who `message` says it comes from. */
export function claimedIdentity({ userName, domainName, workstation }: AuthenticateMessage): ClaimedIdentity {
  return { username: userName, domain: domainName, workstation };
}

/** @throws NtlmError `invalid-argument`. */
export function checkDemands({ policy, channelBindings, requireChannelBindings }: AcceptorDemands): void {
  if (policy !== undefined && !policies.includes(policy)) {
    throw invalidArgument('policy', `must be one of ${policies.join(', ')}`);
  }
  if (channelBindings !== undefined && channelBindings.hash?.length !== 16) {
    throw invalidArgument('channelBindings', 'must carry a "hash" of 16 bytes');
  }
  if (requireChannelBindings && channelBindings === undefined) {
    throw invalidArgument('requireChannelBindings', 'needs "channelBindings": without them nothing would be required');
  }
}

/** MS-NLMP tells the responses apart by size and flags alone (3.2.5.1.2, 3.3). */
function responseKind({ userName, ntChallengeResponse: nt, lmChallengeResponse: lm, negotiateFlags }: AuthenticateMessage): ResponseKind {
  if (userName === '' && nt.length === 0 && lm.length <= 1) return 'anonymous';
  if (nt.length > 24) return 'ntlmv2';
  if (nt.length === 0) return 'lm';
  if (hasFlag(negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY)) return 'ntlm2-session';
  return lm.length === 24 && !equalBytes(lm, nt) ? 'lm-and-ntlmv1' : 'ntlmv1';
}

function allows({ policy = 'ntlmv2', anonymous = false }: AcceptorDemands, kind: ResponseKind): boolean {
  if (kind === 'anonymous') return anonymous;
  return policies.indexOf(kind) <= policies.indexOf(policy);
}

function compare(
  kind: ResponseKind,
  message: AuthenticateMessage,
  serverChallenge: Uint8Array,
  credentials: Credentials | undefined,
): Match | undefined {
  if (kind === 'anonymous') return { response: kind, keyExchangeKey: new Uint8Array(16) };
  const ntlmV2 = kind === 'ntlmv2' ? decodeNtlmV2Response(message.ntChallengeResponse) : undefined;
  if (credentials === undefined || upperCase(credentials.username) !== upperCase(message.userName)) return undefined;
  return ntlmV2 === undefined
    ? compareV1(kind, message, serverChallenge, credentials)
    : compareV2(ntlmV2, message, serverChallenge, credentials);
}

/** MS-NLMP 3.3.2; the domain is the one the message names. */
function compareV2(
  ntlmV2: NtlmV2Response,
  { domainName }: AuthenticateMessage,
  serverChallenge: Uint8Array,
  credentials: Credentials,
): Match | undefined {
  const responseKey = secretsOf(credentials).responseKeyNT(domainName);
  const proof = ntProofStr(responseKey, serverChallenge, ntlmV2.temp);
  if (!equalBytes(proof, ntlmV2.ntProofStr)) return undefined;
  return { response: 'ntlmv2', keyExchangeKey: sessionBaseKeyV2(responseKey, proof), ntlmV2 };
}

/** MS-NLMP 3.3.1. */
function compareV1(
  kind: ResponseKind,
  { ntChallengeResponse: nt, lmChallengeResponse: lm, negotiateFlags }: AuthenticateMessage,
  serverChallenge: Uint8Array,
  credentials: Credentials,
): Match | undefined {
  if (lm.length !== 24) return undefined;
  const { ntHash, lmHash } = secretsOf(credentials);
  const lmMatches = lmHash !== undefined && equalBytes(lm, lmV1Response(lmHash, serverChallenge));
  const ntMatches =
    kind === 'ntlm2-session'
      ? equalBytes(nt, ntlm2SessionResponse(ntHash, serverChallenge, lm.subarray(0, 8)).nt)
      : nt.length === 24 && equalBytes(nt, ntlmV1Response(ntHash, serverChallenge));
  if (!(kind === 'lm' ? lmMatches : ntMatches)) return undefined;
  const keyFlags = kind === 'lm' ? negotiateFlags | F.REQUEST_NON_NT_SESSION_KEY : negotiateFlags;
  const v1 = { lmChallengeResponse: lm, serverChallenge, lmHash };
  const baseKey = sessionBaseKeyV1(ntHash);
  try {
    return { response: kind, keyExchangeKey: kxKey(keyFlags, baseKey, v1) };
  } finally {
    clean(baseKey);
  }
}

function refused(reason: VerifyRefusal, message: string): VerifyResult {
  const code = reason === 'malformed' ? 'malformed-token' : 'verification-failed';
  return { ok: false, reason, error: new NtlmError(message, { code, phase: 'authenticate', side: 'peer' }) };
}
