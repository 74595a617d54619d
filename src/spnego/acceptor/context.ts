import type { SnapshotFrom } from 'xstate';
import type { acceptorMachine } from '../../acceptor/machine.ts';
import type { AcceptorOptions } from '../../acceptor/context.ts';
import type { ClaimedIdentity, Verified, VerifyRefusal } from '../../acceptor/verdict.ts';
import type { NtlmError } from '../../errors.ts';
import type { NtlmSession } from '../../session/session.ts';
import type { SpnegoToken } from '../messages/spnego-token.ts';
import type { HeldTicket, KerberosAcceptor, KerberosVerified } from './kerberos.ts';

/** Why a client was refused: what NTLM says, or Kerberos, or the negotiation around it. */
export type SpnegoRefusal = VerifyRefusal | 'ticket-refused' | 'mechanism-refused' | 'mech-list-mic-missing' | 'mech-list-mic-mismatch';

/** How a client was let in, or refused. */
export type AcceptorMechanism = 'NTLM' | 'Kerberos';

export interface SpnegoAcceptorOptions extends AcceptorOptions {
  /** What takes Kerberos's tickets, where a client likes Kerberos best; default: NTLM alone is taken. */
  readonly kerberos?: KerberosAcceptor | undefined;
}

/** A Kerberos token without SPNEGO around it (RFC 4559 allows both). */
export interface RawKerberos {
  readonly type: 'raw-kerberos';
  readonly token: Uint8Array<ArrayBuffer>;
}

export type ClientToken = SpnegoToken | RawKerberos;

export interface SpnegoAcceptorContext {
  readonly options: SpnegoAcceptorOptions;
  /** The last token of the client, as received and decoded. */
  readonly clientToken: Uint8Array | undefined;
  readonly received: ClientToken | undefined;
  /** Which mechanism it came to. */
  readonly mechanism: AcceptorMechanism | undefined;
  /** Kerberos's context, while there is one. */
  readonly held: HeldTicket | undefined;
  /** What the client likes best, where that is Kerberos: the identifier that it goes by. */
  readonly kerberosType: string | undefined;
  /** Whether the client speaks its mechanism without SPNEGO around it; so do we then. */
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
  readonly result: Verified | KerberosVerified | undefined;
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

/** A token is ready to be sent; `CHALLENGE` and `Kerberos` to a client without SPNEGO. */
export type SpnegoAcceptorEmitted = {
  readonly type: 'token';
  readonly message: 'NegTokenInit2' | 'NegTokenResp' | 'CHALLENGE' | 'Kerberos';
  readonly token: Uint8Array<ArrayBuffer>;
};
