/** Who authenticated a connection, for whoever holds its socket or one of its requests. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ClaimedIdentity, Verified } from '../../acceptor/verdict.ts';
import type { ResponseKind } from '../../machine/policy.ts';
import type { KerberosVerified } from '../../spnego/acceptor/kerberos.ts';

/** Who authenticated a connection, and how. */
export type NtlmServerIdentity = NtlmIdentity | KerberosIdentity;

/** By NTLM. */
export interface NtlmIdentity extends ClaimedIdentity {
  readonly mechanism: 'NTLM';
  readonly response: ResponseKind;
  /** Whether the three messages were protected by a MIC. */
  readonly mic: boolean;
  /** Whether the response is bound to the TLS connection it came over. */
  readonly channelBindings: boolean;
}

/** By a Kerberos ticket. `domain` is the realm, `workstation` empty. */
export interface KerberosIdentity extends ClaimedIdentity {
  readonly mechanism: 'Kerberos';
  /** As the ticket has it: `alice@CASTLE.EXAMPLE`. */
  readonly principal: string;
  /** Whether the ticket was held against the TLS connection it came over. */
  readonly channelBindings: boolean;
}

/** What a verdict says of its client, without what is secret. */
export function whoIs(verified: Verified | KerberosVerified): NtlmServerIdentity {
  const { identity, channelBindings } = verified;
  if (verified.mechanism === 'Kerberos') return Object.freeze({ ...identity, mechanism: 'Kerberos', principal: verified.principal, channelBindings });
  const { response, mic } = verified;
  return Object.freeze({ ...identity, mechanism: 'NTLM', response, mic, channelBindings });
}

const identities = new WeakMap<object, NtlmServerIdentity>();

/**
 * Of a request: who sent it; `undefined` where no gate let it pass. Of a socket: who has authenticated it now;
 * `undefined` from the first message of another handshake on.
 */
export function identityOf(of: IncomingMessage | Duplex): NtlmServerIdentity | undefined {
  return identities.get(of);
}

/** `request` passes as `identity`. */
export function identify(request: IncomingMessage, identity: NtlmServerIdentity): void {
  identities.set(request, identity);
  identities.set(request.socket, identity);
}

/** A handshake starts anew on `socket`, whoever was there before. */
export function forget(socket: Duplex): void {
  identities.delete(socket);
}
