import { invalidArgument, type NtlmErrorPhase } from '../errors.ts';
import type { ByteReader } from './reader.ts';
import type { ByteWriter } from './writer.ts';

/** VERSION, 8 bytes: for debugging only, it decides nothing (MS-NLMP 2.2.2.10). */
export interface Version {
  /** 0 to 255. */
  readonly productMajorVersion: number;
  /** 0 to 255. */
  readonly productMinorVersion: number;
  /** 0 to 65535. */
  readonly productBuild: number;
  /** 0x0F is NTLMSSP_REVISION_W2K3. */
  readonly ntlmRevisionCurrent: number;
}

export const NTLMSSP_REVISION_W2K3 = 0x0f;
export const VERSION_LENGTH = 8;

export function readVersion(reader: ByteReader): Version {
  const productMajorVersion = reader.uint8('Version.ProductMajorVersion');
  const productMinorVersion = reader.uint8('Version.ProductMinorVersion');
  const productBuild = reader.uint16('Version.ProductBuild');
  reader.skip('Version.Reserved', 3);
  const ntlmRevisionCurrent = reader.uint8('Version.NTLMRevisionCurrent');
  return { productMajorVersion, productMinorVersion, productBuild, ntlmRevisionCurrent };
}

export function writeVersion(writer: ByteWriter, version: Version | undefined): void {
  if (version === undefined) return writer.zeros(VERSION_LENGTH);
  writer.uint8(version.productMajorVersion);
  writer.uint8(version.productMinorVersion);
  writer.uint16(version.productBuild);
  writer.zeros(3);
  writer.uint8(version.ntlmRevisionCurrent);
}

const LIMITS = [
  ['productMajorVersion', 0xff],
  ['productMinorVersion', 0xff],
  ['productBuild', 0xffff],
  ['ntlmRevisionCurrent', 0xff],
] as const satisfies readonly (readonly [keyof Version, number])[];

/** @throws NtlmError `invalid-argument` where a part leaves its range. */
export function checkVersion(version: Version, phase: NtlmErrorPhase): void {
  if (typeof version !== 'object' || version === null) throw invalidArgument('version', 'must be a Version', phase);
  for (const [name, limit] of LIMITS) {
    const value = version[name];
    if (!Number.isInteger(value) || value < 0 || value > limit) {
      throw invalidArgument(`version.${name}`, `must be a whole number from 0 to ${limit}`, phase);
    }
  }
}
