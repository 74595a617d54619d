/** The work that the acceptor's negotiation invokes. */
import { fromPromise } from 'xstate';
import type { Verified } from '../../acceptor/verdict.ts';
import { NtlmError } from '../../errors.ts';
import { fromSynchronous } from '../../machine/synchronous.ts';
import { NegotiateFlags as F, hasFlag } from '../../messages/flags.ts';
import { NtlmSession } from '../../session/session.ts';
import { signMechTypeList, verifyMechTypeList } from '../mech-list-mic.ts';
import { decodeGssToken } from '../messages/gss-token.ts';
import { MechType, mechTypeName } from '../messages/mech-types.ts';
import { encodeNegTokenResp } from '../messages/neg-token-resp.ts';
import { decodeSpnegoToken } from '../messages/spnego-token.ts';
import type { ClientToken } from './context.ts';
import { HeldTicket, isRawKerberos, type KerberosAccepted, type KerberosAcceptor } from './kerberos.ts';

export interface DecodeClientTokenInput {
  /** As received. */
  readonly token: Uint8Array;
  /** Whether somebody takes Kerberos here. */
  readonly kerberos: boolean;
}

/** Any token of the client, strictly. */
export const decodeTokenService = fromSynchronous(({ token, kerberos }: DecodeClientTokenInput): ClientToken =>
  kerberos && isRawKerberos(token) ? { type: 'raw-kerberos', token: Uint8Array.from(token) } : decodeSpnegoToken(token),
);

export interface StepKerberosInput {
  readonly acceptor: KerberosAcceptor;
  readonly channelBindings: { readonly hash: Uint8Array } | undefined;
  /** Where a context has begun. */
  readonly held: HeldTicket | undefined;
  /** As the client sent it, without SPNEGO. */
  readonly token: Uint8Array;
}

export interface StepKerberosOutput extends KerberosAccepted {
  readonly held: HeldTicket;
}

/**
 * What Kerberos makes of a token. What it gets is Kerberos's by its own identifier: a library that knows other mechanisms
 * too is handed none of theirs.
 *
 * @throws NtlmError `mechanism-refused`, `malformed-token`, and what the provider rejects with
 */
export const stepKerberosService = fromPromise(async ({ input, signal }: { input: StepKerberosInput; signal: AbortSignal }): Promise<StepKerberosOutput> => {
  const { acceptor, channelBindings, token } = input;
  const { mechanism } = decodeGssToken(token);
  if (mechanism !== MechType.KERBEROS) throw otherMechanism(mechanism);
  const held = input.held ?? new HeldTicket(await acceptor.begin({ channelBindings }, signal));
  return { held, ...(await held.step(Uint8Array.from(token), signal)) };
});

function otherMechanism(oid: string): NtlmError {
  return new NtlmError(`the client offers Kerberos 5 and sends a token of ${mechTypeName(oid)}`, { code: 'mechanism-refused', phase: 'spnego', side: 'peer' });
}

export interface ConcludeInput {
  readonly raw: boolean;
  readonly micRequested: boolean;
  readonly mechTypeList: Uint8Array | undefined;
  /** The client's. */
  readonly mechListMIC: Uint8Array | undefined;
  readonly result: Verified | undefined;
}

export interface ConcludeOutput {
  readonly session: NtlmSession | undefined;
  readonly token: Uint8Array | undefined;
  /** Whether the client's mechListMIC is still to come. */
  readonly unconfirmed: boolean;
}

/**
 * The answer to a type 3 that is right (RFC 4178 5): with our mechListMIC where the client sent its own, and where
 * it owes it, because it would rather have used another mechanism or its type 3 has a MIC (MS-SPNG 3.1.5.1).
 *
 * @throws NtlmError `mech-list-mic-mismatch`
 */
export const concludeService = fromSynchronous((input: ConcludeInput): ConcludeOutput => {
  const { raw, mechTypeList, mechListMIC, result } = input;
  const session = result && sessionOf(result);
  if (raw || mechTypeList === undefined) return { session, token: undefined, unconfirmed: false };
  if (session !== undefined && mechListMIC !== undefined) verifyMechTypeList(session, mechTypeList, mechListMIC);
  const isOwed = input.micRequested || result?.mic === true;
  const ours =
    session !== undefined && (mechListMIC !== undefined || isOwed) ? signMechTypeList(session, mechTypeList) : undefined;
  const unconfirmed = ours !== undefined && mechListMIC === undefined;
  const negState = unconfirmed ? 'accept-incomplete' : 'accept-completed';
  return { session, token: encodeNegTokenResp({ negState, ...(ours && { mechListMIC: ours }) }), unconfirmed };
});

function sessionOf({ sessionKey, negotiateFlags }: Verified): NtlmSession | undefined {
  if (!hasFlag(negotiateFlags, F.NEGOTIATE_SIGN)) return undefined;
  return NtlmSession.fromHandshake({ sessionKey, negotiateFlags, side: 'server' });
}

export interface ConfirmInput {
  readonly session: NtlmSession | undefined;
  readonly mechTypeList: Uint8Array | undefined;
  readonly mechListMIC: Uint8Array | undefined;
}

/** The end after `accept-incomplete`. @throws NtlmError `mech-list-mic-mismatch` */
export const confirmService = fromSynchronous(
  ({ session, mechTypeList, mechListMIC }: ConfirmInput): { token: Uint8Array } => {
    verifyMechTypeList(session!, mechTypeList!, mechListMIC!);
    return { token: encodeNegTokenResp({ negState: 'accept-completed' }) };
  },
);
