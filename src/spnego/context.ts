import type { ActorRefFrom, SnapshotFrom } from 'xstate';
import type { NtlmError } from '../errors.ts';
import type { NtlmEvent } from '../machine/context.ts';
import type { ntlmMachine } from '../machine/machine.ts';
import type { NtlmOptions, SessionSecurity } from '../machine/options.ts';
import type { NtlmSession } from '../session/session.ts';
import type { SpnegoToken } from './messages/spnego-token.ts';

/** What the negotiation starts from: the options of the handshake inside it. */
export type SpnegoInput = NtlmOptions;

/** What the negotiation knows. The handshake's own knowledge is in the child `ntlm`. */
export interface SpnegoContext {
  readonly options: NtlmOptions;
  /** What was asked of the session; by default SIGN is offered, which mechListMIC needs. */
  readonly sessionSecurity: SessionSecurity;
  /** DER of the MechTypeList as sent: what mechListMIC signs. */
  readonly mechTypeList: Uint8Array;
  /** The last token of the acceptor, as received and decoded. */
  readonly replyToken: Uint8Array | undefined;
  readonly reply: SpnegoToken | undefined;
  /** Whether the acceptor answers NTLMSSP without SPNEGO around it; so do we then. */
  readonly raw: boolean;
  /** Whether the first reply was `request-mic`. */
  readonly micRequested: boolean;
  /** The last token made. */
  readonly token: Uint8Array<ArrayBuffer> | undefined;
  /** Signing and sealing, where SIGN or SEAL was agreed on. */
  readonly session: NtlmSession | undefined;
  /** Our signature over `mechTypeList`, 16 bytes, once it was sent. */
  readonly mechListMIC: Uint8Array | undefined;
  /** Whether the acceptor's signature was there, and right. */
  readonly micVerified: boolean;
  /** Whether an `accept-incomplete` was answered; it may come once. */
  readonly answered: boolean;
  /** Why the negotiation failed. */
  readonly error: NtlmError | undefined;
}

export type SpnegoEvent =
  /** Make a NegTokenInit; `hint` is the NegTokenInit2 of a server that spoke first. */
  | { readonly type: 'negotiate'; readonly hint?: Uint8Array | undefined }
  /** The acceptor's first reply, as received: a type 2 in a NegTokenResp, or raw. */
  | { readonly type: 'challenge'; readonly token: Uint8Array }
  /** What the acceptor sent after the type 3. */
  | { readonly type: 'finish'; readonly token: Uint8Array }
  /** The acceptor took the type 3 and sent no token. */
  | { readonly type: 'accepted' }
  /** The acceptor refused it and sent no token. */
  | { readonly type: 'rejected' }
  /** Forget this negotiation; the next one may use other credentials. */
  | Extract<NtlmEvent, { type: 'reset' }>;

/** The child moved on; sent by XState, not by users. */
export type NtlmMoved = { readonly type: 'xstate.snapshot.ntlm'; readonly snapshot: SnapshotFrom<typeof ntlmMachine> };

export type NtlmChild = ActorRefFrom<typeof ntlmMachine>;

/** A token is ready to be sent; `AUTHENTICATE` to an acceptor that answers raw. */
export type SpnegoEmitted = {
  readonly type: 'token';
  readonly message: 'NegTokenInit' | 'NegTokenResp' | 'AUTHENTICATE';
  readonly token: Uint8Array<ArrayBuffer>;
};
