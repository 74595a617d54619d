import type { SnapshotFrom } from 'xstate';
import type { acceptorMachine } from '../../acceptor/machine.ts';
import type { AcceptorOptions } from '../../acceptor/context.ts';
import type { ClaimedIdentity, Verified, VerifyRefusal } from '../../acceptor/verdict.ts';
import type { NtlmError } from '../../errors.ts';
import type { NtlmSession } from '../../session/session.ts';
import type { SpnegoToken } from '../messages/spnego-token.ts';

/** Why a client was refused: what NTLM says, or the negotiation around it. */
export type SpnegoRefusal = VerifyRefusal | 'mechanism-refused' | 'mech-list-mic-missing' | 'mech-list-mic-mismatch';

export interface SpnegoAcceptorContext {
  readonly options: AcceptorOptions;
  /** The last token of the client, as received and decoded. */
  readonly clientToken: Uint8Array | undefined;
  readonly received: SpnegoToken | undefined;
  /** Whether the client speaks NTLMSSP without SPNEGO around it; so do we then. */
  readonly raw: boolean;
  /** DER of the client's MechTypeList as received: what mechListMIC signs. */
  readonly mechTypeList: Uint8Array | undefined;
  /** Whether our first reply is out. */
  readonly replied: boolean;
  /** Whether that was `request-mic`: NTLM was not what the client likes best. */
  readonly micRequested: boolean;
  /** The last token made. */
  readonly token: Uint8Array | undefined;
  /** Signing and sealing, where SIGN was agreed on. */
  readonly session: NtlmSession | undefined;
  /** Whether `accepted` waits for the client's mechListMIC. */
  readonly unconfirmed: boolean;
  readonly result: Verified | undefined;
  readonly refusal: SpnegoRefusal | undefined;
  /** Who was refused, where that can be read. */
  readonly claimed: ClaimedIdentity | undefined;
  readonly error: NtlmError | undefined;
}

export type SpnegoAcceptorEvent =
  /** Speak first: make a NegTokenInit2. */
  | { readonly type: 'hint' }
  /** The client's token, as received. */
  | { readonly type: 'token'; readonly token: Uint8Array }
  | { readonly type: 'reset' };

/** The child moved on; sent by XState, not by users. */
export type AcceptorMoved = {
  readonly type: 'xstate.snapshot.acceptor';
  readonly snapshot: SnapshotFrom<typeof acceptorMachine>;
};

/** A token is ready to be sent; `CHALLENGE` to a client without SPNEGO. */
export type SpnegoAcceptorEmitted = {
  readonly type: 'token';
  readonly message: 'NegTokenInit2' | 'NegTokenResp' | 'CHALLENGE';
  readonly token: Uint8Array<ArrayBuffer>;
};
