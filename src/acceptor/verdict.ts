/** What becomes of an AUTHENTICATE. */
import type { SessionKey } from '../crypto/session-key.ts';
import { NtlmError } from '../errors.ts';
import type { ResponseKind } from '../machine/policy.ts';
import type { AuthenticateMessage } from '../messages/authenticate.ts';

/** Who an AUTHENTICATE says it comes from. */
export interface ClaimedIdentity {
  readonly username: string;
  readonly domain: string;
  readonly workstation: string;
}

export type VerifyRefusal =
  | 'malformed'
  | 'unknown-user'
  | 'anonymous-refused'
  | 'response-refused' // weaker than the policy
  | 'wrong-credentials'
  | 'account-refused' // a verifier says that the account may not log on: locked, disabled, expired
  | 'mic-missing'
  | 'mic-mismatch'
  | 'target-info-mismatch' // not the AV pairs that were sent
  | 'channel-bindings-missing'
  | 'channel-bindings-mismatch';

export interface Verified {
  readonly ok: true;
  readonly mechanism: 'NTLM';
  readonly identity: ClaimedIdentity;
  readonly sessionKey: SessionKey;
  readonly negotiateFlags: number;
  readonly response: ResponseKind;
  /** Whether a MIC was there; it was then right. */
  readonly mic: boolean;
  /** Whether the client stated this end's channel. */
  readonly channelBindings: boolean;
}

export interface Refused {
  readonly ok: false;
  readonly reason: VerifyRefusal;
  readonly error: NtlmError;
  /** Who the client said it was; `undefined` where that cannot be read. */
  readonly identity: ClaimedIdentity | undefined;
}

export type VerifyResult = Verified | Refused;

/** Who `message` says it comes from. */
export function claimedIdentity({ userName, domainName, workstation }: AuthenticateMessage): ClaimedIdentity {
  return { username: userName, domain: domainName, workstation };
}

export function refused(reason: VerifyRefusal, message: string, identity: ClaimedIdentity): Refused {
  const code = reason === 'malformed' ? 'malformed-token' : 'verification-failed';
  return { ok: false, reason, error: new NtlmError(message, { code, phase: 'authenticate', side: 'peer' }), identity };
}
