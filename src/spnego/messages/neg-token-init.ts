import {
  application,
  context,
  DerElement,
  derBytes,
  GENERAL_STRING,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  primitive,
  sequence,
  type DerNode,
} from '../../der.ts';
import { invalidArgument, NtlmError } from '../../errors.ts';
import { MechType, mechTypeListNode, mechTypeName, mechTypeNode, readMechTypeList } from './mech-types.ts';
import { checked, octetStringField, TOKEN } from './token-origin.ts';

/** The first token of an initiator (RFC 4178 4.2.1). `reqFlags` is neither sent nor read, as the RFC has it. */
export interface NegTokenInit {
  readonly type: 'init';
  /** Mechanisms in order of preference, as dotted object identifiers. */
  readonly mechTypes: readonly string[];
  /** DER of the MechTypeList as it came: what mechListMIC signs. */
  readonly mechTypeList: Uint8Array;
  /** First token of the first mechanism. */
  readonly mechToken?: Uint8Array;
  readonly mechListMIC?: Uint8Array;
}

/** The hint that a server sends before the initiator speaks (MS-SPNG 2.2.1). */
export interface NegTokenInit2 {
  readonly type: 'init2';
  readonly mechTypes: readonly string[];
  readonly mechTypeList: Uint8Array;
  readonly mechToken?: Uint8Array;
  readonly negHints?: NegHints;
  readonly mechListMIC?: Uint8Array;
}

/** MS-SPNG 2.2.1: without meaning; servers send `not_defined_in_RFC4178@please_ignore`. */
export interface NegHints {
  /** One character a byte, U+0000 to U+00FF. */
  readonly hintName?: string;
  readonly hintAddress?: Uint8Array;
}

/** What `encodeNegTokenInit` puts into a token. */
export type NegTokenInitFields = Pick<NegTokenInit, 'mechTypes' | 'mechToken' | 'mechListMIC'>;

/** What `encodeNegTokenInit2` puts into a token. */
export type NegTokenInit2Fields = Pick<NegTokenInit2, 'mechTypes' | 'mechToken' | 'negHints' | 'mechListMIC'>;

/**
 * InitialContextToken with a NegTokenInit (RFC 4178 4.2.1, RFC 2743 3.1).
 * @throws NtlmError `invalid-argument`
 */
export function encodeNegTokenInit({ mechTypes, mechToken, mechListMIC }: NegTokenInitFields): Uint8Array<ArrayBuffer> {
  return encodeInitial(
    mechTypes,
    octetStringField(2, mechToken, 'mechToken'),
    octetStringField(3, mechListMIC, 'mechListMIC'),
  );
}

/**
 * InitialContextToken with a NegTokenInit2, for servers that speak first (MS-SPNG 2.2.1).
 * @throws NtlmError `invalid-argument`
 */
export function encodeNegTokenInit2({ mechTypes, mechToken, negHints, mechListMIC }: NegTokenInit2Fields): Uint8Array<ArrayBuffer> {
  return encodeInitial(
    mechTypes,
    octetStringField(2, mechToken, 'mechToken'),
    // one of the two extensions must be there: they alone tell it from a NegTokenInit
    negHints || !mechListMIC ? [context(3, negHintsNode(negHints ?? {}))] : [],
    octetStringField(4, mechListMIC, 'mechListMIC'),
  );
}

/**
 * The first token of a negotiation, of either kind.
 * @throws NtlmError `malformed-token`; `mechanism-refused` for the first token of another mechanism, such as Kerberos
 */
export function decodeNegTokenInit(token: Uint8Array): NegTokenInit | NegTokenInit2 {
  return readInitialContextToken(DerElement.decode(checked(token, 'token'), TOKEN));
}

export function readInitialContextToken(frame: DerElement): NegTokenInit | NegTokenInit2 {
  if (!frame.isApplication(0)) throw frame.malformed('is not an InitialContextToken');
  // what follows the mechanism is its own affair (RFC 2743 3.1): DER in SPNEGO, not in Kerberos
  const [thisMech] = frame.elements();
  if (thisMech === undefined || !thisMech.isUniversal(OBJECT_IDENTIFIER)) throw frame.malformed('names no mechanism');
  const oid = thisMech.objectIdentifier();
  if (oid !== MechType.SPNEGO) throw otherMechanism(oid, thisMech.offset);
  const [, choice, more] = frame.elements();
  if (choice === undefined || !choice.isContext(0)) throw frame.malformed('holds no NegTokenInit');
  if (more !== undefined) throw more.malformed('has bytes after its NegTokenInit');
  return readNegTokenInit(choice.inner());
}

function readNegTokenInit(body: DerElement): NegTokenInit | NegTokenInit2 {
  const fields = body.fields();
  const list = fields.get(0)?.inner();
  if (list === undefined) throw body.malformed('has no mechTypes');
  const mechToken = fields.get(2)?.inner().octetString();
  const common = {
    mechTypes: readMechTypeList(list),
    mechTypeList: Uint8Array.from(list.bytes),
    ...(mechToken && { mechToken }),
  };
  const third = fields.get(3)?.inner();
  const fourth = fields.get(4)?.inner();
  // [3] is mechListMIC in RFC 4178 and negHints in MS-SPNG; their types tell which
  if (fourth === undefined && (third === undefined || third.isUniversal(OCTET_STRING))) {
    return { type: 'init', ...common, ...(third && { mechListMIC: third.octetString() }) };
  }
  return {
    type: 'init2',
    ...common,
    ...(third && { negHints: readNegHints(third) }),
    ...(fourth && { mechListMIC: fourth.octetString() }),
  };
}

function readNegHints(element: DerElement): NegHints {
  const fields = element.fields();
  const hintName = fields.get(0)?.inner().generalString();
  const hintAddress = fields.get(1)?.inner().octetString();
  return { ...(hintName !== undefined && { hintName }), ...(hintAddress && { hintAddress }) };
}

function negHintsNode({ hintName, hintAddress }: NegHints): DerNode {
  return sequence(
    ...(hintName === undefined ? [] : [context(0, primitive(GENERAL_STRING, characters(hintName)))]),
    ...octetStringField(1, hintAddress, 'hintAddress'),
  );
}

function characters(text: string): Uint8Array<ArrayBuffer> {
  const units = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  if (units.every((unit) => unit <= 0xff)) return Uint8Array.from(units);
  throw invalidArgument('hintName', 'must have characters up to U+00FF only', 'spnego');
}

function encodeInitial(mechTypes: readonly string[], ...fields: readonly (readonly DerNode[])[]): Uint8Array<ArrayBuffer> {
  const body = sequence(context(0, mechTypeListNode(mechTypes)), ...fields.flat());
  return derBytes(application(0, mechTypeNode(MechType.SPNEGO, 'thisMech'), context(0, body)));
}

function otherMechanism(oid: string, offset: number): NtlmError {
  const name = mechTypeName(oid);
  return new NtlmError(`the token is of the mechanism ${name}, not of SPNEGO`, {
    code: 'mechanism-refused',
    phase: 'spnego',
    side: 'peer',
    offset,
  });
}
