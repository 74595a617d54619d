import type { Credentials } from '../crypto/credentials.ts';
import type { SessionKey } from '../crypto/session-key.ts';
import type { NtlmError } from '../errors.ts';
import type { ChallengeMessage } from '../messages/challenge.ts';
import type { NtlmOptions, ResolvedOptions } from './options.ts';
import type { ResponseKind } from './policy.ts';

/** What the machine starts from. */
export type NtlmInput = NtlmOptions;

/** What the machine knows. Secrets stand behind handles that show and serialize a redaction. */
export interface NtlmContext {
  readonly options: ResolvedOptions;
  readonly credentials: Credentials;
  /** 1 for the first handshake of this actor; each reset adds one. */
  readonly attempt: number;
  /** Type 1 as sent. */
  readonly negotiateToken: Uint8Array | undefined;
  /** Type 2 as received. */
  readonly challengeToken: Uint8Array | undefined;
  readonly challenge: ChallengeMessage | undefined;
  /** The last message made: type 1, then type 3. */
  readonly token: Uint8Array<ArrayBuffer> | undefined;
  readonly response: ResponseKind | undefined;
  /** The flags of the type 3. */
  readonly negotiateFlags: number | undefined;
  readonly sessionKey: SessionKey | undefined;
  /** Why the handshake failed. */
  readonly error: NtlmError | undefined;
}

export type NtlmEvent =
  /** Make a type 1. */
  | { readonly type: 'negotiate' }
  /** The server's type 2, as received. */
  | { readonly type: 'challenge'; readonly token: Uint8Array }
  /** The server took the type 3. */
  | { readonly type: 'accepted' }
  /** The server refused it. */
  | { readonly type: 'rejected' }
  /** Forget this handshake; the next one may use other credentials. */
  | { readonly type: 'reset'; readonly credentials?: Credentials | undefined };

/** A message is ready to be sent. */
export type NtlmEmitted = {
  readonly type: 'token';
  readonly message: 'NEGOTIATE' | 'AUTHENTICATE';
  readonly token: Uint8Array<ArrayBuffer>;
};

/** What an app may ask of a state without knowing its name. */
export type NtlmTag =
  | 'awaiting-server' // a token is out, the answer is due
  | 'busy' // a service is at work
  | 'needs-credentials' // the server refused these
  | 'settled'; // only reset leads on
