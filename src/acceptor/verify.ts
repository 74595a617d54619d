import { clean, equalBytes } from '@noble/ciphers/utils.js';
import type { Credentials } from '../crypto/credentials.ts';
import { decryptRandomSessionKey } from '../crypto/keys.ts';
import { mic } from '../crypto/mic.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { NtlmError, invalidArgument } from '../errors.ts';
import { resolvePolicy, type Policy, type ResponseKind } from '../machine/policy.ts';
import { MIC_LENGTH, MIC_OFFSET, decodeAuthenticate, type AuthenticateMessage } from '../messages/authenticate.ts';
import { AvFlags, describeTargetInfo } from '../messages/av-pairs.ts';
import { decodeChallenge } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { comparerOf, responseKind, type Match } from './responses.ts';

/** Who an AUTHENTICATE says it comes from. */
export interface ClaimedIdentity {
  readonly username: string;
  readonly domain: string;
  readonly workstation: string;
}

/** What an acceptor demands. */
export interface AcceptorDemands {
  /** The weakest response that is taken: a name, or a value of `ntlmachine/legacy`; default `ntlmv2`. */
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

/**
 * Whether a type 3 message answers a challenge with the right credentials (MS-NLMP 3.2.5.1.2).
 * Responses, MIC and channel bindings are compared in constant time. Never throws for what the client sent.
 *
 * @throws NtlmError for a `challenge` that is not this end's own, an unknown policy and wiped credentials;
 * `credentials-unsuitable` for an LM response where the policy takes it and the credentials have no LM hash.
 */
export function verifyAuthenticate(input: VerifyInput): VerifyResult {
  checkDemands(input);
  const { legacy } = resolvePolicy(input.policy);
  const challenge = decodeChallenge(input.challenge);
  let message: AuthenticateMessage;
  let match: Match | undefined;
  try {
    message = decodeAuthenticate(input.authenticate);
    const response = responseKind(message);
    const compare = comparerOf(response, legacy, input.anonymous === true);
    if (compare === undefined) {
      return response === 'anonymous'
        ? refused('anonymous-refused', 'the anonymous user is not taken here')
        : refused('response-refused', `a response of kind "${response}" is weaker than the policy`);
    }
    match = compare({ message, challenge, credentials: input.credentials });
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
  resolvePolicy(policy);
  if (channelBindings !== undefined && channelBindings.hash?.length !== 16) {
    throw invalidArgument('channelBindings', 'must carry a "hash" of 16 bytes');
  }
  if (requireChannelBindings && channelBindings === undefined) {
    throw invalidArgument('requireChannelBindings', 'needs "channelBindings": without them nothing would be required');
  }
}

function refused(reason: VerifyRefusal, message: string): VerifyResult {
  const code = reason === 'malformed' ? 'malformed-token' : 'verification-failed';
  return { ok: false, reason, error: new NtlmError(message, { code, phase: 'authenticate', side: 'peer' }) };
}
