/** Whether a password made the response in what was pasted. */
import type { Credentials } from 'ntlmachine';
import { lm } from 'ntlmachine/legacy';
import { decodeToken, tokensIn, verifyTokens, type Verdict } from 'ntlmachine/visualize';

type Message = 'NEGOTIATE' | 'CHALLENGE' | 'AUTHENTICATE';
type Handshake = Partial<Record<Message, Uint8Array>>;

/** The last handshake that got as far as an answer; `undefined` where none did. */
export function answeredIn(given: string | Uint8Array): Handshake | undefined {
  let current: Handshake = {};
  let answered: Handshake | undefined;
  for (const { token } of tokensIn(given)) {
    const { message, ntlm } = decodeToken(token);
    if (message === undefined || ntlm === undefined) continue;
    const bytes = token.subarray(ntlm.offset, ntlm.offset + ntlm.length);
    current = message === 'NEGOTIATE' ? { NEGOTIATE: bytes } : { ...current, [message]: bytes };
    if (message === 'AUTHENTICATE' && current.CHALLENGE !== undefined) answered = current;
  }
  return answered;
}

/** @throws NtlmError for a message that is malformed. */
export function verdictsOn({ NEGOTIATE: negotiate, CHALLENGE: challenge, AUTHENTICATE: authenticate }: Handshake, credentials: Credentials): readonly Verdict[] {
  return challenge === undefined || authenticate === undefined ? [] : verifyTokens({ negotiate, challenge, authenticate, credentials, policy: lm });
}
