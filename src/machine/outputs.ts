/** Whether a service gave what its type says. A replacement's word is looked at before anything is built on it. */
import { SessionKey } from '../crypto/session-key.ts';
import { isBytes } from '../checks.ts';
import type { ChallengeMessage } from '../messages/challenge.ts';
import type { AuthenticateOutput } from './authenticate.ts';

export function isToken(output: unknown): output is Uint8Array {
  return isBytes(output);
}

export function isChallenge(output: unknown): output is ChallengeMessage {
  const { negotiateFlags, targetName, serverChallenge, targetInfo } = (output ?? {}) as Partial<ChallengeMessage>;
  return (
    typeof negotiateFlags === 'number' &&
    typeof targetName === 'string' &&
    isBytes(serverChallenge) &&
    (targetInfo === undefined || Array.isArray(targetInfo))
  );
}

export function isAnswer(output: unknown): output is AuthenticateOutput {
  const { token, sessionKey } = (output ?? {}) as Partial<AuthenticateOutput>;
  return isBytes(token) && sessionKey instanceof SessionKey;
}
