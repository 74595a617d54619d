/** Who authenticated a connection, for whoever holds its socket or one of its requests. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ClaimedIdentity } from '../../acceptor/verdict.ts';
import type { ResponseKind } from '../../machine/policy.ts';

/** Who authenticated a connection, and how. */
export interface NtlmServerIdentity extends ClaimedIdentity {
  readonly response: ResponseKind;
  /** Whether the three messages were protected by a MIC. */
  readonly mic: boolean;
  /** Whether the response is bound to the TLS connection it came over. */
  readonly channelBindings: boolean;
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
