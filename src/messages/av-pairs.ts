import { checkLength16, invalidArgument, type NtlmErrorPhase } from '../errors.ts';
import { checkBytes, checkUint32, checkUint64, isBytes } from '../checks.ts';
import type { Filetime } from './filetime.ts';
import { uint32At, uint64At, type ByteReader } from './reader.ts';
import { decodeUnicode, encodeUnicode } from './text.ts';
import { ByteWriter } from './writer.ts';

/** AvId of an AV_PAIR (MS-NLMP 2.2.2.1). */
export const AvId = {
  MsvAvEOL: 0,
  MsvAvNbComputerName: 1,
  MsvAvNbDomainName: 2,
  MsvAvDnsComputerName: 3,
  MsvAvDnsDomainName: 4,
  MsvAvDnsTreeName: 5,
  MsvAvFlags: 6,
  MsvAvTimestamp: 7,
  MsvAvSingleHost: 8,
  MsvAvTargetName: 9,
  MsvAvChannelBindings: 10,
} as const;

/** Bits of MsvAvFlags (MS-NLMP 2.2.2.1). */
export const AvFlags = {
  ACCOUNT_CONSTRAINED: 0x1,
  MIC_PROVIDED: 0x2,
  UNTRUSTED_SPN: 0x4,
} as const;

/**
 * One AV_PAIR as it stands on the wire: an order is an order, an unknown id stays as it is.
 * MsvAvEOL ends a list and is never an element of one.
 */
export interface AvPair {
  /** 16 bits. */
  readonly id: number;
  /** Texts are UTF-16LE whatever the message's charset. */
  readonly value: Uint8Array;
}

/** What a list of AV pairs says; a part that is absent is `undefined`. */
export interface TargetInfo {
  readonly nbComputerName: string | undefined;
  readonly nbDomainName: string | undefined;
  readonly dnsComputerName: string | undefined;
  readonly dnsDomainName: string | undefined;
  readonly dnsTreeName: string | undefined;
  readonly flags: number | undefined;
  readonly timestamp: Filetime | undefined;
  readonly targetName: string | undefined;
  /** 16 bytes. */
  readonly channelBindings: Uint8Array | undefined;
}

const TEXT_IDS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 9]);
const EXACT_LENGTHS: ReadonlyMap<number, number> = new Map([
  [AvId.MsvAvFlags, 4],
  [AvId.MsvAvTimestamp, 8],
  [AvId.MsvAvChannelBindings, 16],
]);
const SINGLE_HOST_LENGTH = 48;
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(AvId).map(([name, id]) => [id, name]));

/** The name of an AvId, or `AvId 0x000b` for an unknown one. */
export function avIdName(id: number): string {
  return NAMES.get(id) ?? `AvId 0x${id.toString(16).padStart(4, '0')}`;
}

/** @throws NtlmError `invalid-argument`. */
export function avText(id: number, text: string): AvPair {
  return { id, value: encodeUnicode(text) };
}

/** @throws NtlmError `invalid-argument`. */
export function avFlags(flags: number): AvPair {
  checkUint32('flags', flags, 'message');
  return { id: AvId.MsvAvFlags, value: Uint8Array.of(flags, flags >>> 8, flags >>> 16, flags >>> 24) };
}

/** @throws NtlmError `invalid-argument`. */
export function avTimestamp(timestamp: Filetime): AvPair {
  checkUint64('timestamp', timestamp, 'message');
  const writer = new ByteWriter(8, 'message');
  writer.uint64(timestamp);
  return { id: AvId.MsvAvTimestamp, value: writer.finish() };
}

/**
 * The bytes of a list, with its EOL.
 *
 * @throws NtlmError `too-long`; `invalid-argument` for an EOL or an id beyond 16 bits.
 */
export function encodeAvPairs(pairs: readonly AvPair[], phase: NtlmErrorPhase = 'message'): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(avPairsLength(pairs, phase), phase);
  writeAvPairs(writer, pairs);
  return writer.finish();
}

/** How many bytes a list takes, with its EOL. @throws NtlmError as `encodeAvPairs`. */
export function avPairsLength(pairs: readonly AvPair[], phase: NtlmErrorPhase): number {
  let length = 4;
  for (const { id, value } of pairs) {
    if (!Number.isInteger(id) || id <= 0 || id > 0xffff) {
      throw invalidArgument('AvId', 'must be a whole number from 1 to 65535', phase);
    }
    if (!isBytes(value) || value.length > 0xffff) {
      checkBytes(avIdName(id), value, phase);
      checkLength16(avIdName(id), value.length, phase);
    }
    length += 4 + value.length;
  }
  return length;
}

/** Writes a list that `avPairsLength` has measured. */
export function writeAvPairs(writer: ByteWriter, pairs: readonly AvPair[]): void {
  for (const { id, value } of pairs) {
    writer.uint16(id);
    writer.uint16(value.length);
    writer.bytes(value);
  }
  writer.zeros(4);
}

/**
 * The pairs of a list up to its EOL. Bytes behind the EOL stay unread.
 *
 * @throws NtlmError `malformed-av-pairs` without an EOL, for a cut pair or a known pair that comes
 * twice; `wrong-length`, `malformed-text` for a value that its id does not allow.
 */
export function decodeAvPairs(reader: ByteReader, listName: string): AvPair[] {
  const pairs: AvPair[] = [];
  let seen = 0; // bit n: the known id n
  for (;;) {
    const at = reader.offset;
    if (reader.remaining < 4) throw reader.error('malformed-av-pairs', `${listName} has no MsvAvEOL`, at);
    const id = reader.peekUint16();
    const name = (): string => `${listName}.${avIdName(id)}`;
    reader.skip(name, 2, '.AvId');
    const length = reader.uint16(name, '.AvLen');
    if (id === AvId.MsvAvEOL) {
      if (length !== 0) throw reader.error('malformed-av-pairs', `${listName}: MsvAvEOL has a length`, at);
      return pairs;
    }
    if (length > reader.remaining) {
      throw reader.error('malformed-av-pairs', `${name()} of ${length} bytes leaves the list`, at);
    }
    if (NAMES.has(id)) {
      if ((seen & (1 << id)) !== 0) throw reader.error('malformed-av-pairs', `${name()} comes twice`, at);
      seen |= 1 << id;
    }
    checkValueLength(reader, name, id, length, at);
    pairs.push({ id, value: reader.bytes(name, length, '.Value') });
  }
}

function checkValueLength(reader: ByteReader, name: () => string, id: number, length: number, at: number): void {
  const exact = EXACT_LENGTHS.get(id);
  if (exact !== undefined && length !== exact) {
    throw reader.error('wrong-length', `${name()} has ${length} bytes instead of ${exact}`, at);
  }
  if (id === AvId.MsvAvSingleHost && length < SINGLE_HOST_LENGTH) {
    throw reader.error('wrong-length', `${name()} has ${length} bytes, at least ${SINGLE_HOST_LENGTH} are due`, at);
  }
  if (TEXT_IDS.has(id) && length % 2 !== 0) {
    throw reader.error('malformed-text', `${name()} is UTF-16LE of an odd number of bytes`, at);
  }
}

/** The value of the first pair with `id`. */
export function avValue(pairs: readonly AvPair[], id: number): Uint8Array | undefined {
  return pairs.find((pair) => pair.id === id)?.value;
}

/** The bits of MsvAvFlags, if there is one. */
export function flagsOf(pairs: readonly AvPair[]): number | undefined {
  const value = avValue(pairs, AvId.MsvAvFlags);
  return value && uint32At(value, 0);
}

/** The time of MsvAvTimestamp, if there is one. */
export function timestampOf(pairs: readonly AvPair[]): Filetime | undefined {
  const value = avValue(pairs, AvId.MsvAvTimestamp);
  return value && uint64At(value, 0);
}

/** What decoded pairs say. */
export function describeTargetInfo(pairs: readonly AvPair[]): TargetInfo {
  const text = (id: number): string | undefined => {
    const bytes = avValue(pairs, id);
    return bytes === undefined ? undefined : decodeUnicode(bytes);
  };
  return {
    nbComputerName: text(AvId.MsvAvNbComputerName),
    nbDomainName: text(AvId.MsvAvNbDomainName),
    dnsComputerName: text(AvId.MsvAvDnsComputerName),
    dnsDomainName: text(AvId.MsvAvDnsDomainName),
    dnsTreeName: text(AvId.MsvAvDnsTreeName),
    flags: flagsOf(pairs),
    timestamp: timestampOf(pairs),
    targetName: text(AvId.MsvAvTargetName),
    channelBindings: avValue(pairs, AvId.MsvAvChannelBindings),
  };
}
