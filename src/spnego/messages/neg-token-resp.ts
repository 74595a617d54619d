import { context, DerElement, derBytes, ENUMERATED, primitive, sequence } from '../../der.ts';
import { invalidArgument } from '../../errors.ts';
import { mechTypeNode } from './mech-types.ts';
import { checked, octetStringField, TOKEN } from './token-origin.ts';

/** RFC 4178 4.2.2, by their values on the wire, 0 to 3. */
export const NEG_STATES = ['accept-completed', 'accept-incomplete', 'reject', 'request-mic'] as const;
export type NegState = (typeof NEG_STATES)[number];

/** Every token but the first, of either end (RFC 4178 4.2.2). */
export interface NegTokenResp {
  readonly type: 'resp';
  /** In every token of an acceptor; `request-mic` only in its first. An initiator may leave it out. */
  readonly negState?: NegState;
  /** The mechanism chosen, a dotted object identifier; only in an acceptor's first token. */
  readonly supportedMech?: string;
  /** The next token of that mechanism. */
  readonly responseToken?: Uint8Array;
  /** Left out where its bytes are those of `responseToken` again: acceptors exist that fill both with one value. */
  readonly mechListMIC?: Uint8Array;
}

export type NegTokenRespFields = Omit<NegTokenResp, 'type'>;

/**
 * A NegTokenResp (RFC 4178 4.2.2); later tokens have no InitialContextToken around them.
 * @throws NtlmError `invalid-argument`
 */
export function encodeNegTokenResp(fields: NegTokenRespFields): Uint8Array<ArrayBuffer> {
  const { negState, supportedMech, responseToken, mechListMIC } = fields;
  const body = sequence(
    ...(negState === undefined ? [] : [context(0, primitive(ENUMERATED, Uint8Array.of(negStateValue(negState))))]),
    ...(supportedMech === undefined ? [] : [context(1, mechTypeNode(supportedMech, 'supportedMech'))]),
    ...octetStringField(2, responseToken, 'responseToken'),
    ...octetStringField(3, mechListMIC, 'mechListMIC'),
  );
  return derBytes(context(1, body));
}

/** @throws NtlmError `malformed-token` */
export function decodeNegTokenResp(token: Uint8Array): NegTokenResp {
  return readNegTokenResp(DerElement.decode(checked(token, 'token'), TOKEN));
}

export function readNegTokenResp(choice: DerElement): NegTokenResp {
  if (!choice.isContext(1)) throw choice.malformed('is not a NegTokenResp');
  const fields = choice.inner().fields();
  const negState = fields.get(0)?.inner();
  const supportedMech = fields.get(1)?.inner().objectIdentifier();
  const responseToken = fields.get(2)?.inner().octetString();
  const mechListMIC = fields.get(3)?.inner().octetString();
  return {
    type: 'resp',
    ...(negState && { negState: readNegState(negState) }),
    ...(supportedMech !== undefined && { supportedMech }),
    ...(responseToken && { responseToken }),
    ...(mechListMIC && !same(mechListMIC, responseToken) && { mechListMIC }),
  };
}

function readNegState(element: DerElement): NegState {
  const negState = NEG_STATES[element.enumerated()];
  if (negState === undefined) throw element.malformed('has an unknown negState');
  return negState;
}

function negStateValue(negState: NegState): number {
  const value = NEG_STATES.indexOf(negState);
  if (value < 0) throw invalidArgument('negState', `must be one of ${NEG_STATES.join(', ')}`, 'spnego');
  return value;
}

function same(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, index) => byte === b[index]);
}
