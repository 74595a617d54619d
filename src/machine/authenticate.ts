import { clean } from '@noble/hashes/utils.js';
import { secretsOf, type Credentials } from '../crypto/credentials.ts';
import { encryptRandomSessionKey, sessionBaseKeyV2 } from '../crypto/keys.ts';
import { LegacyPolicy, type WeakResponse } from '../crypto/legacy-policy.ts';
import { mic } from '../crypto/mic.ts';
import { lmV2Response, ntProofStr } from '../crypto/responses.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { localError } from '../errors.ts';
import { MIC_LENGTH, MIC_OFFSET, encodeAuthenticate } from '../messages/authenticate.ts';
import { timestampOf } from '../messages/av-pairs.ts';
import type { ChallengeMessage } from '../messages/challenge.ts';
import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { PROOF_LENGTH, encodeUnprovenResponse } from '../messages/ntlmv2-response.ts';
import { NO_BYTES } from '../messages/text.ts';
import { agreedFlags } from './flags.ts';
import type { ResolvedOptions } from './options.ts';
import type { ResponseKind } from './policy.ts';
import { chooseResponse } from './refusals.ts';
import { drawClientChallenge } from './sources.ts';
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
  readonly token: Uint8Array<ArrayBuffer>;
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
  const response = chooseResponse(options, credentials, negotiateFlags);
  const clientChallenge = drawClientChallenge(options.randomBytes);
  const answer = respond(response, input, negotiateFlags, clientChallenge);

  let exportedSessionKey = answer.keyExchangeKey;
  let encryptedRandomSessionKey: Uint8Array = NO_BYTES;
  try {
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
      mic: answer.withMic ? NO_MIC : undefined,
    });
    if (answer.withMic) token.set(mic(exportedSessionKey, input.negotiateToken, input.challengeToken, token), MIC_OFFSET);
    return { token, negotiateFlags, response, mic: answer.withMic, sessionKey: new SessionKey(exportedSessionKey) };
  } finally {
    clean(exportedSessionKey, answer.keyExchangeKey);
  }
}

const NO_MIC = new Uint8Array(MIC_LENGTH);

interface Answer {
  readonly lm: Uint8Array;
  readonly nt: Uint8Array;
  readonly keyExchangeKey: Uint8Array;
  readonly withMic: boolean;
}

function respond(kind: ResponseKind, input: AuthenticateInput, flags: number, clientChallenge: Uint8Array): Answer {
  switch (kind) {
    case 'anonymous':
      return { lm: new Uint8Array(1), nt: NO_BYTES, keyExchangeKey: new Uint8Array(16), withMic: false };
    case 'ntlmv2':
      return respondV2(input, clientChallenge);
    default:
      return respondWeakly(kind, input, flags, clientChallenge);
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

/** MS-NLMP 3.3.1, by the code that the policy brings. */
function respondWeakly(
  kind: WeakResponse,
  { options, credentials, challenge }: AuthenticateInput,
  negotiateFlags: number,
  clientChallenge: Uint8Array,
): Answer {
  const scheme = LegacyPolicy.schemeOf(options.legacy, kind);
  if (scheme === undefined) {
    throw localError('the policy allows no such response', 'downgrade-refused', 'authenticate');
  }
  const exchange = { credentials, negotiateFlags, serverChallenge: challenge.serverChallenge };
  const { lm, nt } = scheme.respond(exchange, clientChallenge);
  return { lm, nt, keyExchangeKey: scheme.keyExchangeKey(exchange, lm), withMic: false };
}
