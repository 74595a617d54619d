import type { ClaimedIdentity, Verified } from '../../acceptor/verdict.ts';
import type { NtlmError } from '../../errors.ts';
import type { AcceptorMechanism, SpnegoRefusal } from '../../spnego/acceptor/context.ts';
import type { KerberosVerified } from '../../spnego/acceptor/kerberos.ts';

export type NtlmServerRefusal =
  | SpnegoRefusal
  | 'challenge-missing' // none was sent on this connection, or it was answered, or it is too old
  | 'too-many-refusals'; // the limit of refusals is reached: nobody was asked

/** What became of a token, by which `mechanism`; an NtlmError where it could not be verified. */
export type NtlmServerVerdict =
  | Verified
  | KerberosVerified
  | {
      readonly ok: false;
      /** What the client tried; `undefined` where that cannot be told. */
      readonly mechanism: AcceptorMechanism | undefined;
      readonly reason: NtlmServerRefusal;
      readonly error: NtlmError;
      /** Who the client said it was; `undefined` where that cannot be read. */
      readonly identity: ClaimedIdentity | undefined;
    }
  | NtlmError;
