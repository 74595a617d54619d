import { DerElement, derBytes, objectIdentifier, sequence, type DerNode } from '../../der.ts';
import { invalidArgument } from '../../errors.ts';

/** Mechanisms that are seen in SPNEGO, as dotted object identifiers (MS-SPNG 1.9, RFC 4121, MS-NEGOEX). */
export const MechType = {
  NTLMSSP: '1.3.6.1.4.1.311.2.2.10',
  KERBEROS: '1.2.840.113554.1.2.2',
  /** Kerberos as Windows 2000 misspelt it; still sent first by every Windows. */
  MS_KERBEROS: '1.2.840.48018.1.2.2',
  KERBEROS_USER_TO_USER: '1.2.840.113554.1.2.2.3',
  IAKERB: '1.3.6.1.5.2.5',
  NEGOEX: '1.3.6.1.4.1.311.2.2.30',
  SPNEGO: '1.3.6.1.5.5.2',
} as const;

const NAMES: Readonly<Record<string, string>> = {
  [MechType.NTLMSSP]: 'NTLMSSP',
  [MechType.KERBEROS]: 'Kerberos 5',
  [MechType.MS_KERBEROS]: 'Kerberos 5 (Microsoft)',
  [MechType.KERBEROS_USER_TO_USER]: 'Kerberos 5 user-to-user',
  [MechType.IAKERB]: 'IAKERB',
  [MechType.NEGOEX]: 'NEGOEX',
  [MechType.SPNEGO]: 'SPNEGO',
};

/** The mechanism's name for people, or the identifier itself where it is not a known one. */
export function mechTypeName(oid: string): string {
  return Object.hasOwn(NAMES, oid) ? (NAMES[oid] ?? oid) : oid;
}

/**
 * DER of a MechTypeList: the bytes that mechListMIC signs (RFC 4178 4.2.1, 5).
 * @throws NtlmError `invalid-argument` for an empty list, one of more than 255, or a member that is no object identifier.
 */
export function encodeMechTypeList(mechTypes: readonly string[]): Uint8Array<ArrayBuffer> {
  return derBytes(mechTypeListNode(mechTypes));
}

// far above what anyone offers, far below what the encoder's argument lists take
const MAX_MECH_TYPES = 255;

export function mechTypeListNode(mechTypes: readonly string[]): DerNode {
  if (!Array.isArray(mechTypes) || mechTypes.length === 0 || mechTypes.length > MAX_MECH_TYPES) {
    throw invalidArgument('mechTypes', `must be a list of 1 to ${MAX_MECH_TYPES} object identifiers`, 'spnego');
  }
  return sequence(...mechTypes.map((oid: string) => mechTypeNode(oid, 'mechTypes')));
}

export function mechTypeNode(oid: string, argument: string): DerNode {
  const node = typeof oid === 'string' ? objectIdentifier(oid) : undefined;
  if (node !== undefined) return node;
  throw invalidArgument(argument, 'must be an object identifier such as "1.3.6.1.5.5.2"', 'spnego');
}

/** What a peer's list may cost to read: Windows offers five mechanisms, in 60 bytes. */
const MAX_READ = 32;
const MAX_READ_BYTES = 1024;

export function readMechTypeList(list: DerElement): readonly string[] {
  if (list.bytes.length > MAX_READ_BYTES) throw list.malformed(`offers mechanisms of more than ${MAX_READ_BYTES} bytes`);
  const mechTypes: string[] = [];
  for (const element of list.sequence()) {
    if (mechTypes.length === MAX_READ) throw list.malformed(`offers more than ${MAX_READ} mechanisms`);
    mechTypes.push(element.objectIdentifier());
  }
  if (mechTypes.length === 0) throw list.malformed('offers no mechanism');
  return mechTypes;
}
