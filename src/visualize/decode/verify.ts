import { equalBytes } from '@noble/ciphers/utils.js';
import { verifyAuthenticate } from '../../acceptor/verify.ts';
import { secretsOf, type Credentials } from '../../crypto/credentials.ts';
import { lmV2Response, ntProofStr } from '../../crypto/responses.ts';
import { upperCase } from '../../crypto/text.ts';
import type { Policy } from '../../machine/policy.ts';
import { decodeAuthenticate, type AuthenticateMessage } from '../../messages/authenticate.ts';
import { describeTargetInfo } from '../../messages/av-pairs.ts';
import { decodeChallenge, type ChallengeMessage } from '../../messages/challenge.ts';
import { decodeNtlmV2Response } from '../../messages/ntlmv2-response.ts';
import { quoted } from './text.ts';

export interface VerifyTokensInput {
  /** Type 1 as sent; without it a MIC cannot be checked. */
  readonly negotiate?: Uint8Array | undefined;
  readonly challenge: Uint8Array;
  readonly authenticate: Uint8Array;
  /** With an LM hash where the message carries an LM response alone. */
  readonly credentials: Credentials;
  /** `lm` of `ntlmachine/legacy` checks every weak response too; default: NTLMv2 alone is checked. */
  readonly policy?: Policy | undefined;
}

/** Whether one part of an AUTHENTICATE is what these credentials make of it. */
export interface Verdict {
  readonly part: 'NT response' | 'LM response' | 'MIC';
  readonly outcome: 'right' | 'wrong' | 'absent' | 'unchecked';
  readonly reason: string;
}

/**
 * Checks responses and MIC against credentials, part by part, each with its reason.
 *
 * @throws NtlmError for a malformed message and for wiped or anonymous credentials.
 */
export function verifyTokens(input: VerifyTokensInput): readonly Verdict[] {
  const challenge = decodeChallenge(input.challenge);
  const message = decodeAuthenticate(input.authenticate);
  if (isLmAlone(message) && input.policy !== undefined && !input.credentials.hasLmHash && !input.credentials.anonymous) {
    return [{ part: 'LM response', outcome: 'unchecked', reason: 'that takes credentials with an LM hash' }, noMic(message)];
  }
  if (isMasked(message)) {
    const reason = 'it was masked where it was saved';
    return [{ part: 'NT response', outcome: 'unchecked', reason }, { part: 'MIC', outcome: 'unchecked', reason: 'its key comes from the response, which was masked' }];
  }
  const result = verifyAuthenticate({ ...input, anonymous: true });
  if (result.ok) {
    result.sessionKey.wipe();
    if (result.response === 'anonymous') {
      return [{ part: 'NT response', outcome: 'absent', reason: 'the message asks for the anonymous user' }, ...lm(input, challenge, message), noMic(message)];
    }
    const nt = { part: 'NT response', outcome: 'right', reason: `${result.response}, made with these credentials` } as const;
    const mic = result.mic ? ({ part: 'MIC', outcome: 'right', reason: 'the three messages are as they were sent' } as const) : noMic(message);
    return [result.response === 'lm' ? { ...nt, part: 'LM response' } : nt, ...lm(input, challenge, message), mic];
  }
  switch (result.reason) {
    case 'mic-missing':
    case 'mic-mismatch':
      return [
        { part: 'NT response', outcome: 'right', reason: 'made with these credentials' },
        ...lm(input, challenge, message),
        mismatch(input, result.reason),
      ];
    case 'wrong-credentials':
      return [
        { part: 'NT response', outcome: 'wrong', reason: whyWrong(input, challenge, message) },
        ...lm(input, challenge, message),
        { part: 'MIC', outcome: message.mic === undefined ? 'absent' : 'unchecked', reason: 'its key comes from a right response' },
      ];
    case 'response-refused':
      return [{ part: 'NT response', outcome: 'unchecked', reason: 'a weak one: give { policy: lm }, of ntlmachine/legacy' }, noMic(message)];
    default:
      throw result.error;
  }
}

/** Whether an account answers with nothing but an LM response. */
export function isLmAlone({ userName, ntChallengeResponse, lmChallengeResponse }: AuthenticateMessage): boolean {
  return userName !== '' && ntChallengeResponse.length === 0 && lmChallengeResponse.length === 24;
}

/** Nobody's response is all zeros: whoever saved it has put them there. */
function isMasked({ ntChallengeResponse: nt, lmChallengeResponse: lm }: AuthenticateMessage): boolean {
  const proof = nt.length > 24 ? nt.subarray(0, 16) : nt;
  const isBlank = (bytes: Uint8Array): boolean => bytes.length > 0 && bytes.every((byte) => byte === 0);
  return isBlank(proof) || (nt.length === 0 && lm.length === 24 && isBlank(lm));
}

function mismatch({ negotiate }: VerifyTokensInput, reason: 'mic-missing' | 'mic-mismatch'): Verdict {
  if (reason === 'mic-missing') {
    return { part: 'MIC', outcome: 'wrong', reason: 'MsvAvFlags announces a MIC and the message has none' };
  }
  if (negotiate === undefined) return { part: 'MIC', outcome: 'unchecked', reason: 'it covers the NEGOTIATE, which is not given' };
  return { part: 'MIC', outcome: 'wrong', reason: 'one of the three messages is not as it was sent' };
}

function noMic({ mic }: AuthenticateMessage): Verdict {
  const reason = mic === undefined ? 'the message has no room for one' : 'MsvAvFlags does not announce one';
  return { part: 'MIC', outcome: 'absent', reason };
}

/** An LMv2 response; those of NTLMv1 stand or fall with the NT response. */
function lm({ credentials }: VerifyTokensInput, { serverChallenge }: ChallengeMessage, message: AuthenticateMessage): Verdict[] {
  const { lmChallengeResponse: response, ntChallengeResponse: nt, domainName } = message;
  if (nt.length <= 24) return [];
  if (response.length !== 24 || response.every((byte) => byte === 0)) {
    return [{ part: 'LM response', outcome: 'absent', reason: 'none is sent beside NTLMv2 where the challenge has a timestamp' }];
  }
  const expected = lmV2Response(secretsOf(credentials).responseKeyNT(domainName), serverChallenge, response.subarray(16));
  return [
    equalBytes(expected, response)
      ? { part: 'LM response', outcome: 'right', reason: 'LMv2, made with these credentials' }
      : { part: 'LM response', outcome: 'wrong', reason: 'not the LMv2 response of these credentials' },
  ];
}

/** A right password under another name or domain is told apart from a wrong password. */
function whyWrong({ credentials }: VerifyTokensInput, challenge: ChallengeMessage, message: AuthenticateMessage): string {
  const { userName, domainName, ntChallengeResponse } = message;
  if (upperCase(userName) !== upperCase(credentials.username)) {
    return `the message names the user ${quoted(userName)}, the credentials ${quoted(credentials.username)}`;
  }
  if (ntChallengeResponse.length > 24) {
    const { temp, ntProofStr: proof } = decodeNtlmV2Response(ntChallengeResponse);
    const { nbDomainName, dnsDomainName, nbComputerName } = describeTargetInfo(challenge.targetInfo ?? []);
    const domains = [credentials.domain, '', challenge.targetName, nbDomainName, dnsDomainName, nbComputerName, upperCase(domainName)];
    for (const domain of new Set(domains)) {
      if (domain === undefined || domain === domainName) continue;
      const key = secretsOf(credentials).responseKeyNT(domain);
      if (equalBytes(ntProofStr(key, challenge.serverChallenge, temp), proof)) {
        return `the password is right, but the response was made for the domain ${quoted(domain)} and the message names ${quoted(domainName)}`;
      }
    }
  }
  return 'another password, or a challenge that is not the one answered';
}
