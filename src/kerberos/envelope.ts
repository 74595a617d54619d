/** SPNEGO (RFC 4178) around the tokens of Kerberos, which is all that is offered: no list of mechanisms to protect. */
import { NtlmError } from '../errors.ts';
import { isNtlmMessage } from '../messages/header.ts';
import { MechType, mechTypeName } from '../spnego/messages/mech-types.ts';
import { encodeNegTokenInit } from '../spnego/messages/neg-token-init.ts';
import { decodeNegTokenResp, encodeNegTokenResp } from '../spnego/messages/neg-token-resp.ts';

/** What the server said. */
export interface Reply {
  /** Whether it said no to the mechanism or the ticket. */
  readonly rejected: boolean;
  /** For Kerberos. */
  readonly token: Uint8Array | undefined;
}

const APPLICATION_0 = 0x60; // of the initial token of any mechanism (RFC 2743 3.1), and of Kerberos's later ones
const KERBEROS: ReadonlySet<string> = new Set([MechType.KERBEROS, MechType.MS_KERBEROS]);

export function wrapToken(token: Uint8Array, { first }: { readonly first: boolean }): Uint8Array {
  return first
    ? encodeNegTokenInit({ mechTypes: [MechType.KERBEROS], mechToken: token })
    : encodeNegTokenResp({ responseToken: token });
}

/** @throws NtlmError `malformed-token`; `mechanism-refused` where the server chose another. */
export function readReply(token: Uint8Array): Reply {
  if (isNtlmMessage(token)) throw otherMechanism('NTLMSSP');
  if (token[0] === APPLICATION_0) return { rejected: false, token }; // a server that leaves SPNEGO out
  const { negState, supportedMech, responseToken } = decodeNegTokenResp(token);
  if (supportedMech !== undefined && !KERBEROS.has(supportedMech)) throw otherMechanism(mechTypeName(supportedMech));
  return { rejected: negState === 'reject', token: responseToken };
}

function otherMechanism(name: string): NtlmError {
  return new NtlmError(`the server answers Kerberos with ${name}, which was not offered`, {
    code: 'mechanism-refused',
    phase: 'kerberos',
    side: 'peer',
  });
}
