import fc from 'fast-check';
import { AvId, type AvPair, type Version } from '../../src/messages/index.ts';

export const uint32 = fc.integer({ min: 0, max: 0xffffffff });
export const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
export const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

/** Any string of UTF-16 units, lone surrogates and NUL included. */
export const unicodeText = (maxLength = 20): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength }).map((units) => String.fromCharCode(...units));

/** Any string whose characters stand for one OEM byte each. */
export const oemText = (maxLength = 20): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 0xff }), { maxLength }).map((units) => String.fromCharCode(...units));

export const version: fc.Arbitrary<Version> = fc.record({
  productMajorVersion: fc.integer({ min: 0, max: 0xff }),
  productMinorVersion: fc.integer({ min: 0, max: 0xff }),
  productBuild: fc.integer({ min: 0, max: 0xffff }),
  ntlmRevisionCurrent: fc.integer({ min: 0, max: 0xff }),
});

const knownPairs: Record<number, fc.Arbitrary<Uint8Array>> = {
  ...Object.fromEntries(
    [
      AvId.MsvAvNbComputerName,
      AvId.MsvAvNbDomainName,
      AvId.MsvAvDnsComputerName,
      AvId.MsvAvDnsDomainName,
      AvId.MsvAvDnsTreeName,
      AvId.MsvAvTargetName,
    ].map((id) => [id, unicodeText().map((text) => Uint8Array.from(Buffer.from(text, 'utf16le')))]),
  ),
  [AvId.MsvAvFlags]: bytes(4),
  [AvId.MsvAvTimestamp]: bytes(8),
  [AvId.MsvAvSingleHost]: bytes(48, 80),
  [AvId.MsvAvChannelBindings]: bytes(16),
};

const knownPair: fc.Arbitrary<AvPair> = fc.oneof(
  ...Object.entries(knownPairs).map(([id, value]) => fc.record({ id: fc.constant(Number(id)), value })),
);
const unknownPair: fc.Arbitrary<AvPair> = fc.record({ id: fc.integer({ min: 11, max: 0xffff }), value: bytes(0, 12) });

/** A list that MS-NLMP 2.2.2.1 allows: known ids once, unknown ids as often as they like, any order. */
export const avPairs: fc.Arbitrary<AvPair[]> = fc
  .array(fc.oneof({ weight: 4, arbitrary: knownPair }, { weight: 1, arbitrary: unknownPair }), { maxLength: 10 })
  .map((pairs) => pairs.filter(({ id }, i) => id > 10 || pairs.findIndex((pair) => pair.id === id) === i));
