import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AvId,
  NegotiateFlags as F,
  NtlmError,
  avTimestamp,
  dateFromFiletime,
  decodeAuthenticate,
  decodeChallenge,
  decodeMessage,
  decodeNegotiate,
  decodeNtlmV2Response,
  decodeUnicode,
  describeTargetInfo,
  encodeAuthenticate,
  encodeChallenge,
  encodeNegotiate,
  encodeNtlmV2ClientChallenge,
  encodeUnicode,
  filetimeFromDate,
  flagNames,
  hasFlag,
  type AvPair,
  type FieldSpan,
  type Version,
} from '../../src/messages/index.ts';
import { avPairs, bytes, oemText, uint32, uint64, unicodeText, version } from '../support/arbitraries.ts';
import { hex, toHex, utf16 } from '../support/bytes.ts';
import { challengeToken } from '../support/handshake.ts';
import { header, layOut, placement } from '../support/layout.ts';
import { davenport, ntlmV1, ntlmV1ClientChallenge, ntlmV2 } from '../vectors/ms-nlmp.ts';

const NO_VERSION: Version = { productMajorVersion: 0, productMinorVersion: 0, productBuild: 0, ntlmRevisionCurrent: 0 };
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const without = (flags: number, bits: number): number => (flags & ~bits) >>> 0;

/** What a Version field says: with the flag set and none given it is all zeros (MS-NLMP 2.2.2.10). */
const versionAsRead = (flags: number, given: Version | undefined): Version | undefined =>
  given ?? (hasFlag(flags, F.NEGOTIATE_VERSION) ? NO_VERSION : undefined);

const negotiate = fc.record({
  negotiateFlags: uint32,
  domainName: oemText(),
  workstationName: oemText(),
  version: maybe(version),
});

const challenge = uint32.chain((negotiateFlags) =>
  fc.record({
    negotiateFlags: fc.constant(negotiateFlags),
    targetName: hasFlag(negotiateFlags, F.NEGOTIATE_UNICODE) ? unicodeText() : oemText(),
    serverChallenge: bytes(8),
    targetInfo: maybe(avPairs),
    version: maybe(version),
  }),
);

const authenticate = uint32.chain((negotiateFlags) => {
  const text = hasFlag(negotiateFlags, F.NEGOTIATE_UNICODE) ? unicodeText() : oemText();
  return fc.record({
    negotiateFlags: fc.constant(negotiateFlags),
    lmChallengeResponse: fc.oneof(bytes(0), bytes(1), bytes(24)),
    ntChallengeResponse: fc.oneof(bytes(0), bytes(24), bytes(25, 200)),
    domainName: text,
    userName: text,
    workstation: text,
    encryptedRandomSessionKey: fc.oneof(bytes(0), bytes(16)),
    version: maybe(version),
    mic: maybe(bytes(16)),
  });
});

describe('what is encoded is decoded', () => {
  test('NEGOTIATE: the SUPPLIED and VERSION bits are set where the values are', () => {
    fc.assert(
      fc.property(negotiate, (message) => {
        const flags =
          message.negotiateFlags |
          (message.domainName === '' ? 0 : F.NEGOTIATE_OEM_DOMAIN_SUPPLIED) |
          (message.workstationName === '' ? 0 : F.NEGOTIATE_OEM_WORKSTATION_SUPPLIED) |
          (message.version === undefined ? 0 : F.NEGOTIATE_VERSION);
        const encoded = encodeNegotiate(message);
        expect(decodeNegotiate(encoded)).toEqual({
          ...message,
          negotiateFlags: flags >>> 0,
          version: versionAsRead(flags, message.version),
        });
        expect(decodeMessage(encoded).type).toBe('NEGOTIATE');
      }),
    );
  });

  test('CHALLENGE: the TARGET_INFO and VERSION bits are set where the values are', () => {
    fc.assert(
      fc.property(challenge, (message) => {
        const flags =
          message.negotiateFlags |
          (message.targetInfo === undefined ? 0 : F.NEGOTIATE_TARGET_INFO) |
          (message.version === undefined ? 0 : F.NEGOTIATE_VERSION);
        const encoded = encodeChallenge(message);
        expect(decodeChallenge(encoded)).toEqual({
          ...message,
          negotiateFlags: flags >>> 0,
          version: versionAsRead(flags, message.version),
        });
        expect(decodeMessage(encoded).type).toBe('CHALLENGE');
      }),
    );
  });

  test('AUTHENTICATE: Version and MIC are there where given, a MIC brings a Version field along', () => {
    fc.assert(
      fc.property(authenticate, (message) => {
        const flags = message.negotiateFlags | (message.version === undefined ? 0 : F.NEGOTIATE_VERSION);
        const encoded = encodeAuthenticate(message);
        const empty = encoded.length === 64;
        expect(decodeAuthenticate(encoded)).toEqual({
          ...message,
          negotiateFlags: flags >>> 0,
          version:
            message.version ?? (message.mic !== undefined && !empty ? versionAsRead(flags, undefined) : undefined),
        });
        expect(decodeMessage(encoded).type).toBe('AUTHENTICATE');
      }),
    );
  });

  test('NTLMv2 client challenge, behind any proof and with any padding behind the EOL', () => {
    fc.assert(
      fc.property(
        bytes(16),
        uint64,
        bytes(8),
        avPairs,
        bytes(0, 16),
        (ntProofStr, timestamp, challengeFromClient, pairs, padding) => {
          const temp = Buffer.concat([
            encodeNtlmV2ClientChallenge({ timestamp, challengeFromClient, avPairs: pairs }),
            padding,
          ]);
          expect(decodeNtlmV2Response(Uint8Array.from([...ntProofStr, ...temp]))).toEqual({
            ntProofStr,
            timestamp,
            challengeFromClient,
            avPairs: pairs,
            temp: Uint8Array.from(temp),
          });
        },
      ),
    );
  });

  test('AV pairs keep their order and their bytes, known or not', () => {
    fc.assert(
      fc.property(avPairs, (targetInfo) => {
        const message = {
          negotiateFlags: 0,
          targetName: '',
          serverChallenge: new Uint8Array(8),
          targetInfo,
          version: undefined,
        };
        expect(decodeChallenge(encodeChallenge(message)).targetInfo).toEqual(targetInfo);
      }),
    );
  });

  test('what a list of AV pairs says is what its bytes say', () => {
    fc.assert(
      fc.property(avPairs, (pairs) => {
        const value = (id: number): Buffer | undefined => {
          const pair = pairs.find((candidate) => candidate.id === id);
          return pair && Buffer.from(pair.value);
        };
        const said = describeTargetInfo(pairs);
        expect(said.timestamp).toBe(value(AvId.MsvAvTimestamp)?.readBigUInt64LE());
        expect(said.flags).toBe(value(AvId.MsvAvFlags)?.readUInt32LE());
        expect(said.nbDomainName).toBe(value(AvId.MsvAvNbDomainName)?.toString('utf16le'));
        expect(said.targetName).toBe(value(AvId.MsvAvTargetName)?.toString('utf16le'));
        expect(said.channelBindings && toHex(said.channelBindings)).toBe(
          value(AvId.MsvAvChannelBindings)?.toString('hex'),
        );
      }),
    );
  });

  test('text is UTF-16LE, whatever its units', () => {
    fc.assert(
      fc.property(unicodeText(100), (text) => {
        expect(encodeUnicode(text)).toEqual(utf16(text));
        expect(decodeUnicode(utf16(text))).toBe(text);
      }),
    );
    const long = 'ab'.repeat(16383); // as long as a field can be
    expect(decodeUnicode(utf16(long))).toBe(long);
  });

  test('flags are the names of their bits', () => {
    fc.assert(
      fc.property(uint32, (flags) => {
        const known = Object.entries(F).filter(([, bit]) => Math.floor(flags / bit) % 2 === 1);
        const names = flagNames(flags);
        expect(names.filter((name) => name.startsWith('NTLMSSP_')).sort()).toEqual(
          known.map(([name]) => `NTLMSSP_${name}`).sort(),
        );
        const unknown = names.filter((name) => name.startsWith('0x')).map(Number);
        expect([...known.map(([, bit]) => bit), ...unknown].reduce((sum, bit) => sum + bit, 0)).toBe(flags);
      }),
    );
  });
});

describe('FILETIME', () => {
  test('131400439870000000 is 2017-05-23T20:13:07Z, and 0 is 1601-01-01', () => {
    expect(filetimeFromDate(new Date('2017-05-23T20:13:07Z'))).toBe(131400439870000000n);
    expect(dateFromFiletime(131400439870000000n).toISOString()).toBe('2017-05-23T20:13:07.000Z');
    expect(dateFromFiletime(0n).toISOString()).toBe('1601-01-01T00:00:00.000Z');
    expect(filetimeFromDate(new Date('1601-01-01T00:00:00Z'))).toBe(0n);
  });

  test('a date comes back as itself, ticks come back without their fraction of a millisecond', () => {
    const date = fc.date({
      min: new Date('1601-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, fc.bigInt({ min: 0n, max: 9999n }), (day, fraction) => {
        expect(dateFromFiletime(filetimeFromDate(day) + fraction)).toEqual(day);
      }),
    );
  });

  test('is little-endian on the wire', () => {
    fc.assert(
      fc.property(uint64, (ticks) => {
        const expected = Buffer.alloc(8);
        expected.writeBigUInt64LE(ticks);
        expect(toHex(avTimestamp(ticks).value)).toBe(expected.toString('hex'));
      }),
    );
  });

  test.each([new Date(NaN), new Date('1600-12-31T23:59:59.999Z')])('%s has none', (date) => {
    expect(() => filetimeFromDate(date)).toThrow(NtlmError);
  });
});

describe('the payload may stand in any order, with gaps, its empty fields anywhere (MS-NLMP 2.2.1)', () => {
  /** The Version field at `at`; its three reserved bytes are ignored. */
  const putVersion = (message: Buffer, at: number, value: Version): void => {
    message.writeUInt8(value.productMajorVersion, at);
    message.writeUInt8(value.productMinorVersion, at + 1);
    message.writeUInt16LE(value.productBuild, at + 2);
    message.writeUInt8(value.ntlmRevisionCurrent, at + 7);
  };
  /** With room for a Version the bit says whether there is one; without, it may be set all the same. */
  const versionBit = (flags: number, room: boolean, given: Version | undefined): number =>
    room ? without(flags, F.NEGOTIATE_VERSION) + (given === undefined ? 0 : F.NEGOTIATE_VERSION) : flags;
  const avList = (pairs: readonly AvPair[]): Uint8Array =>
    Buffer.concat([
      ...pairs.flatMap(({ id, value }) => [Buffer.from(Uint16Array.of(id, value.length).buffer), value]),
      Buffer.alloc(4),
    ]);
  const oem = (text: string): Uint8Array => Buffer.from(text, 'latin1');
  const encodeFor = (flags: number) => (hasFlag(flags, F.NEGOTIATE_UNICODE) ? utf16 : oem);

  test('NEGOTIATE, with and without Version', () => {
    fc.assert(
      fc.property(negotiate, fc.boolean(), placement(2), ({ domainName, workstationName, ...message }, full, place) => {
        const given = full ? message.version : undefined;
        const supplied = F.NEGOTIATE_OEM_DOMAIN_SUPPLIED | F.NEGOTIATE_OEM_WORKSTATION_SUPPLIED;
        const flags =
          without(versionBit(message.negotiateFlags, full, given), supplied) +
          (domainName === '' ? 0 : F.NEGOTIATE_OEM_DOMAIN_SUPPLIED) +
          (workstationName === '' ? 0 : F.NEGOTIATE_OEM_WORKSTATION_SUPPLIED);
        const head = header(1, full ? 40 : 32, flags, 12, place.filler);
        if (given) putVersion(head, 32, given);
        const laid = layOut(
          head,
          [
            { descriptorAt: 16, value: oem(domainName) },
            { descriptorAt: 24, value: oem(workstationName) },
          ],
          place,
          full ? Infinity : 7,
        );
        expect(decodeNegotiate(laid)).toEqual({ negotiateFlags: flags, domainName, workstationName, version: given });
      }),
    );
  });

  test('CHALLENGE, in its forms of 32, 48 and 56 bytes', () => {
    const form = fc.constantFrom(32, 48, 56);
    fc.assert(
      fc.property(challenge, form, placement(2), ({ targetName, serverChallenge, ...message }, length, place) => {
        const targetInfo = length === 32 ? undefined : message.targetInfo;
        const given = length === 56 ? message.version : undefined;
        const flags =
          without(versionBit(message.negotiateFlags, length === 56, given), F.NEGOTIATE_TARGET_INFO) +
          (targetInfo === undefined ? 0 : F.NEGOTIATE_TARGET_INFO);
        const head = header(2, length, flags, 20, place.filler); // the filler is in Reserved too
        head.set(serverChallenge, 24);
        if (given) putVersion(head, 48, given);
        const name = { descriptorAt: 12, value: encodeFor(flags)(targetName) };
        const info = { descriptorAt: 40, value: targetInfo === undefined ? new Uint8Array(0) : avList(targetInfo) };
        const laid = layOut(
          head,
          length === 32 ? [name] : [name, info],
          place,
          { 32: 15, 48: 7, 56: Infinity }[length],
        );
        expect(decodeChallenge(laid)).toEqual({
          negotiateFlags: flags,
          targetName,
          serverChallenge,
          targetInfo,
          version: given,
        });
      }),
    );
  });

  test('AUTHENTICATE, in its forms of 64, 72 and 88 bytes', () => {
    const form = fc.constantFrom(64, 72, 88);
    fc.assert(
      fc.property(authenticate, bytes(16), form, placement(6), (message, code, length, place) => {
        const given = length === 64 ? undefined : message.version;
        const flags = versionBit(message.negotiateFlags, length > 64, given);
        const head = header(3, length, flags, 60, place.filler);
        if (given) putVersion(head, 64, given);
        if (length === 88) head.set(code, 72);
        const text = encodeFor(flags);
        const laid = layOut(
          head,
          [
            { descriptorAt: 12, value: message.lmChallengeResponse },
            { descriptorAt: 20, value: message.ntChallengeResponse },
            { descriptorAt: 28, value: text(message.domainName) },
            { descriptorAt: 36, value: text(message.userName) },
            { descriptorAt: 44, value: text(message.workstation) },
            { descriptorAt: 52, value: message.encryptedRandomSessionKey },
          ],
          place,
          { 64: 7, 72: 15, 88: Infinity }[length],
        );
        expect(decodeAuthenticate(laid)).toEqual({
          ...message,
          negotiateFlags: flags,
          version: given,
          mic: length === 88 ? code : undefined,
        });
      }),
    );
  });

  test('two fields may share their bytes', () => {
    const message = Buffer.from(davenport.type3.lmAndNtlm, 'hex');
    message.copy(message, 12, 20, 28); // LM points where NT does, as a client without LM may do
    expect(toHex(decodeAuthenticate(Uint8Array.from(message)).lmChallengeResponse)).toBe(davenport.ntlmResponse);
  });

  test.each([
    ['into the fixed header', 0],
    ['at the last byte of the fixed header', 31],
    ['behind the message', 57],
    ['past 32 bits when the length is added', 0xffffffff],
  ])('a field of some bytes that points %s is refused at its descriptor', (_, offset) => {
    const message = Buffer.from(davenport.type2Sample, 'hex').subarray(0, 48);
    message.writeUInt32LE(F.NEGOTIATE_OEM, 20);
    message.writeUInt32LE(offset, 16);
    const error = failure(() => decodeChallenge(Uint8Array.from(message)));
    expect(error).toMatchObject({ code: 'field-out-of-bounds', phase: 'challenge', side: 'peer', offset: 12 });
  });
});

/** Every message of the test vectors. */
const vectors: Record<string, Uint8Array> = Object.fromEntries(
  Object.entries({
    'MS-NLMP 4.2.2 CHALLENGE': ntlmV1.challengeMessage,
    'MS-NLMP 4.2.2 AUTHENTICATE': ntlmV1.authenticateMessage,
    'MS-NLMP 4.2.3 CHALLENGE': ntlmV1ClientChallenge.challengeMessage,
    'MS-NLMP 4.2.3 AUTHENTICATE': ntlmV1ClientChallenge.authenticateMessage,
    'MS-NLMP 4.2.4 CHALLENGE': ntlmV2.challengeMessage,
    'MS-NLMP 4.2.4 AUTHENTICATE': ntlmV2.authenticateMessage,
    'davenport type 1, minimal': davenport.type1Minimal,
    'davenport type 1, sample': davenport.type1Sample,
    'davenport type 2, minimal': davenport.type2Minimal,
    'davenport type 2, sample': davenport.type2Sample,
    'davenport type 3, LM': davenport.type3.lmOnly,
    'davenport type 3, LM and NTLM': davenport.type3.lmAndNtlm,
    'davenport type 3, NTLMv2': davenport.type3.ntlm2,
    'CHALLENGE with a timestamp': toHex(challengeToken()),
  }).map(([name, message]) => [name, hex(message)]),
);

/** The NtlmError of `act`; `undefined` where it gave a value; anything else thrown fails the test. */
function failure(act: () => unknown): NtlmError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    return error;
  }
}

function expectPeerError(error: NtlmError | undefined, length: number): void {
  expect(error).toBeInstanceOf(NtlmError);
  expect(error?.side).toBe('peer');
  expect(error?.offset).toBeGreaterThanOrEqual(0);
  expect(error?.offset).toBeLessThanOrEqual(length);
}

describe('truncation', () => {
  // The last byte of each belongs to a field that a descriptor or the flags promise: no prefix of them is a message.
  test.each(Object.entries(vectors))('%s: every prefix is refused within its bytes', (_, message) => {
    for (let length = 0; length < message.length; length++) {
      expectPeerError(
        failure(() => decodeMessage(message.subarray(0, length))),
        length,
      );
    }
  });

  const nothing = new Uint8Array(0);
  test.each([
    {
      name: 'NEGOTIATE without names: 16 (flags alone) and 32 to 39 (no Version)',
      message: encodeNegotiate({ negotiateFlags: F.NEGOTIATE_OEM, version: NO_VERSION }),
      legal: [16, 32, 33, 34, 35, 36, 37, 38, 39],
    },
    {
      name: 'CHALLENGE without payload: from 32 on',
      message: encodeChallenge({
        negotiateFlags: 0,
        targetName: '',
        serverChallenge: bytesOf(8),
        targetInfo: undefined,
        version: NO_VERSION,
      }),
      legal: Array.from({ length: 56 - 32 }, (_, i) => 32 + i),
    },
    {
      name: 'AUTHENTICATE without payload: from 64 on',
      message: encodeAuthenticate({
        negotiateFlags: 0,
        lmChallengeResponse: nothing,
        ntChallengeResponse: nothing,
        domainName: '',
        userName: '',
        workstation: '',
        encryptedRandomSessionKey: nothing,
        version: NO_VERSION,
        mic: bytesOf(16),
      }),
      legal: Array.from({ length: 88 - 64 }, (_, i) => 64 + i),
    },
  ])('$name', ({ message, legal }) => {
    const whole = decodeMessage(message);
    for (let length = 0; length < message.length; length++) {
      const prefix = message.subarray(0, length);
      if (legal.includes(length)) expect(decodeMessage(prefix).type).toBe(whole.type);
      else
        expectPeerError(
          failure(() => decodeMessage(prefix)),
          length,
        );
    }
  });

  test('an NTLMv2 response: every prefix that lost its EOL is refused', () => {
    const response = hex(ntlmV2.ntlmV2Response);
    const end = response.length - 4; // the four zero bytes behind the EOL are padding
    for (let length = 0; length < end; length++) {
      expectPeerError(
        failure(() => decodeNtlmV2Response(response.subarray(0, length))),
        length,
      );
    }
    expect(decodeNtlmV2Response(response.subarray(0, end)).avPairs).toHaveLength(2);
  });

  function bytesOf(length: number): Uint8Array {
    return new Uint8Array(length);
  }
});

describe('any bytes are a value or an NtlmError', () => {
  test.each(Object.entries(vectors))('%s with any one byte changed to any other', (_, message) => {
    const stackTraceLimit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      const changed = message.slice();
      for (let at = 0; at < message.length; at++) {
        for (let value = 0; value < 256; value++) {
          changed[at] = value;
          const error = failure(() => decodeMessage(changed));
          if (error && !(error.side === 'peer' && error.offset! <= message.length)) throw error;
        }
        changed[at] = message[at]!;
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    expect(decodeMessage(message)).toBeDefined();
  });

  test('a message of any type, any bytes behind its signature', () => {
    const type = fc.constantFrom(1, 2, 3);
    fc.assert(
      fc.property(type, bytes(0, 150), (kind, rest) => {
        const message = Uint8Array.from([...Buffer.from('NTLMSSP\0'), kind, 0, 0, 0, ...rest]);
        const error = failure(() => decodeMessage(message));
        if (error) expectPeerError(error, message.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the field recorder', () => {
  const spansOf = (message: Uint8Array): FieldSpan[] => {
    const spans: FieldSpan[] = [];
    failure(() => decodeMessage(message, (span) => spans.push(span)));
    return spans;
  };
  const overlap = (spans: readonly FieldSpan[]): boolean => {
    const sorted = [...spans].sort((a, b) => a.offset - b.offset);
    return sorted.some(({ offset }, i) => i > 0 && sorted[i - 1]!.offset + sorted[i - 1]!.length > offset);
  };

  test('tells of every byte of a message that the library encodes, once', () => {
    const messages = fc.oneof(
      negotiate.map(encodeNegotiate),
      challenge.map(encodeChallenge),
      authenticate.map(encodeAuthenticate),
    );
    fc.assert(
      fc.property(messages, (message) => {
        const spans = spansOf(message).sort((a, b) => a.offset - b.offset);
        let end = 0;
        for (const { offset, length } of spans) {
          expect(offset).toBe(end);
          expect(length).toBeGreaterThan(0);
          end += length;
        }
        expect(end).toBe(message.length);
      }),
    );
  });

  test('of a damaged message tells of fields inside the message only, and of each header byte once', () => {
    const pick = fc.constantFrom(...Object.values(vectors));
    fc.assert(
      fc.property(pick, fc.nat(), fc.nat(), fc.nat({ max: 255 }), (message, cut, at, value) => {
        const damaged = message.slice(0, message.length - (cut % 8));
        damaged[at % damaged.length] = value;
        const spans = spansOf(damaged);
        for (const { offset, length } of spans) expect(offset + length).toBeLessThanOrEqual(damaged.length);
        const fixed = { 1: 32, 2: 32, 3: 64 }[damaged[8]!] ?? 12;
        expect(overlap(spans.filter(({ offset }) => offset < fixed))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test('names each field once', () => {
    for (const message of Object.values(vectors)) {
      const names = spansOf(message).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
    }
  });
});
