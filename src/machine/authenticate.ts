import { secretsOf, type Credentials } from '../crypto/credentials.ts';
import { encryptRandomSessionKey, kxKey, sessionBaseKeyV1, sessionBaseKeyV2 } from '../crypto/keys.ts';
import { mic } from '../crypto/mic.ts';
import { lmV1Response, lmV2Response, ntProofStr, ntlm2SessionResponse, ntlmV1Response } from '../crypto/responses.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { MIC_LENGTH, MIC_OFFSET, encodeAuthenticate } from '../messages/authenticate.ts';
import { timestampOf } from '../messages/av-pairs.ts';
import type { ChallengeMessage } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { PROOF_LENGTH, encodeUnprovenResponse } from '../messages/ntlmv2-response.ts';
import type { ResolvedOptions } from './options.ts';
import { agreedFlags, chooseResponse, type ResponseKind } from './policy.ts';
import { answerPairs } from './target-info.ts';

/** What a response is made of; no policy refuses this challenge. */
export interface AuthenticateInput {
  readonly options: ResolvedOptions;
  readonly credentials: Credentials;
  /** Type 1 as sent; empty in a connectionless handshake. */
  readonly negotiateToken: Uint8Array;
  /** Type 2 as received. */
  readonly challengeToken: Uint8Array;
  readonly challenge: ChallengeMessage;
}

export interface AuthenticateOutput {
  /** Type 3 as it has to go out. */
  readonly token: Uint8Array;
  readonly negotiateFlags: number;
  readonly response: ResponseKind;
  /** Whether the message carries a MIC. */
  readonly mic: boolean;
  readonly sessionKey: SessionKey;
}

/**
 * Type 3: responses, session key and MIC (MS-NLMP 3.1.5.1.2).
 *
 * @throws NtlmError for a name that does not fit, wiped credentials, a failing clock or source of randomness.
 */
export function authenticate(input: AuthenticateInput): AuthenticateOutput {
  const { options, credentials, challenge } = input;
  const negotiateFlags = agreedFlags(options, credentials, challenge, input.negotiateToken.length === 0);
  const response = chooseResponse(options.policy, credentials, negotiateFlags);
  const clientChallenge = options.randomBytes(8);
  const answer = respond(response, input, negotiateFlags, clientChallenge);

  let exportedSessionKey = answer.keyExchangeKey;
  let encryptedRandomSessionKey: Uint8Array = new Uint8Array(0);
  if (hasFlag(negotiateFlags, F.NEGOTIATE_KEY_EXCH)) {
    exportedSessionKey = options.randomBytes(16);
    encryptedRandomSessionKey = encryptRandomSessionKey(answer.keyExchangeKey, exportedSessionKey);
  }

  const token = encodeAuthenticate({
    negotiateFlags,
    lmChallengeResponse: answer.lm,
    ntChallengeResponse: answer.nt,
    domainName: credentials.domain,
    userName: credentials.username,
    workstation: options.workstation,
    encryptedRandomSessionKey,
    version: options.version,
    mic: answer.withMic ? new Uint8Array(MIC_LENGTH) : undefined,
  });
  if (answer.withMic) token.set(mic(exportedSessionKey, input.negotiateToken, input.challengeToken, token), MIC_OFFSET);

  const sessionKey = new SessionKey(exportedSessionKey);
  exportedSessionKey.fill(0);
  answer.keyExchangeKey.fill(0);
  return { token, negotiateFlags, response, mic: answer.withMic, sessionKey };
}

type V1Kind = Exclude<ResponseKind, 'anonymous' | 'ntlmv2'>;

interface Answer {
  readonly lm: Uint8Array;
  readonly nt: Uint8Array;
  readonly keyExchangeKey: Uint8Array;
  readonly withMic: boolean;
}

function respond(kind: ResponseKind, input: AuthenticateInput, flags: number, clientChallenge: Uint8Array): Answer {
  switch (kind) {
    case 'anonymous':
      return { lm: new Uint8Array(1), nt: new Uint8Array(0), keyExchangeKey: new Uint8Array(16), withMic: false };
    case 'ntlmv2':
      return respondV2(input, clientChallenge);
    default:
      return respondV1(kind, input, flags, clientChallenge);
  }
}

/** MS-NLMP 3.3.2, with the timestamp and MIC rules of 3.1.5.1.2. */
function respondV2({ options, credentials, challenge }: AuthenticateInput, clientChallenge: Uint8Array): Answer {
  const { serverChallenge } = challenge;
  const { spn, channelBindings } = options;
  const responseKey = secretsOf(credentials).responseKeyNT();
  const timestamp = challenge.targetInfo && timestampOf(challenge.targetInfo);
  const withMic = timestamp !== undefined;
  const nt = encodeUnprovenResponse({
    timestamp: timestamp ?? options.now(),
    challengeFromClient: clientChallenge,
    avPairs: answerPairs(challenge.targetInfo ?? [], { spn, channelBindings, withMic }),
  });
  const proof = ntProofStr(responseKey, serverChallenge, nt.subarray(PROOF_LENGTH));
  nt.set(proof);
  return {
    lm: withMic ? new Uint8Array(24) : lmV2Response(responseKey, serverChallenge, clientChallenge),
    nt,
    keyExchangeKey: sessionBaseKeyV2(responseKey, proof), // KXKEY of NTLMv2 is the session base key (3.4.5.1)
    withMic,
  };
}

/** MS-NLMP 3.3.1. */
function respondV1(kind: V1Kind, input: AuthenticateInput, flags: number, clientChallenge: Uint8Array): Answer {
  const { serverChallenge } = input.challenge;
  const { ntHash, lmHash } = secretsOf(input.credentials);
  const { lm, nt } = v1Responses(kind, ntHash, lmHash, serverChallenge, clientChallenge);
  // Where only LM is verified, only LM can key the session.
  const keyFlags = kind === 'lm' ? flags | F.REQUEST_NON_NT_SESSION_KEY : flags;
  const keyExchangeKey = kxKey(keyFlags, sessionBaseKeyV1(ntHash), { lmChallengeResponse: lm, serverChallenge, lmHash });
  return { lm, nt, keyExchangeKey, withMic: false };
}

function v1Responses(
  kind: V1Kind,
  ntHash: Uint8Array,
  lmHash: Uint8Array | undefined,
  serverChallenge: Uint8Array,
  clientChallenge: Uint8Array,
): { lm: Uint8Array; nt: Uint8Array } {
  if (kind === 'ntlm2-session') return ntlm2SessionResponse(ntHash, serverChallenge, clientChallenge);
  const nt = ntlmV1Response(ntHash, serverChallenge);
  if (kind === 'ntlmv1') return { lm: nt, nt }; // NoLMResponseNTLMv1
  const lm = lmV1Response(lmHash ?? new Uint8Array(0), serverChallenge);
  return kind === 'lm' ? { lm, nt: new Uint8Array(0) } : { lm, nt };
}
