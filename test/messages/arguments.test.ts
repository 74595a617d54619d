import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  NtlmError,
  avFlags,
  avText,
  avTimestamp,
  decodeAuthenticate,
  decodeChallenge,
  decodeMessage,
  decodeNegotiate,
  decodeNtlmV2Response,
  encodeAuthenticate,
  encodeAvPairs,
  encodeChallenge,
  encodeNegotiate,
  encodeNtlmV2ClientChallenge,
} from '../../src/messages/index.ts';
import { hex } from '../support/bytes.ts';
import { ntlmV2 } from '../vectors/ms-nlmp.ts';

function expectRefused(act: () => unknown, code: string, argument: string): void {
  let error: unknown;
  try {
    act();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(NtlmError);
  expect(error).toMatchObject({ code, side: 'local' });
  expect((error as NtlmError).message).toContain(`"${argument}`);
}

const decoders = { decodeNegotiate, decodeChallenge, decodeAuthenticate, decodeMessage, decodeNtlmV2Response };

describe('decoders take bytes', () => {
  const names = Object.keys(decoders) as (keyof typeof decoders)[];

  test.each(
    names.flatMap((name) =>
      [undefined, null, 'TlRMTVNTUAA=', 7, {}, [78, 84], new ArrayBuffer(64), new Uint16Array(32), new DataView(new ArrayBuffer(64))].map((bytes) => ({ name, bytes })),
    ),
  )('$name refuses $bytes', ({ name, bytes }) => {
    expectRefused(() => decoders[name](bytes as never), 'invalid-argument', 'bytes');
  });

  test('of another realm too', () => {
    const foreign = runInNewContext('Uint8Array.from(bytes)', {
      bytes: [...hex(ntlmV2.challengeMessage)],
    }) as Uint8Array;
    expect(decodeChallenge(foreign).targetName).toBe('Server');
  });
});

describe('encoders name what they cannot write', () => {
  const negotiate = { negotiateFlags: 0x202 };
  const challenge = {
    negotiateFlags: 0x201,
    targetName: 'T',
    serverChallenge: new Uint8Array(8),
    targetInfo: undefined,
  };
  const authenticate = {
    negotiateFlags: 0x201,
    lmChallengeResponse: new Uint8Array(24),
    ntChallengeResponse: new Uint8Array(24),
    domainName: 'D',
    userName: 'U',
    workstation: 'W',
    encryptedRandomSessionKey: new Uint8Array(0),
  };
  const clientChallenge = { timestamp: 0n, challengeFromClient: new Uint8Array(8), avPairs: [] };
  const version = { productMajorVersion: 10, productMinorVersion: 0, productBuild: 0, ntlmRevisionCurrent: 15 };

  const encoders: Record<string, (change: object) => unknown> = {
    encodeNegotiate: (change) => encodeNegotiate({ ...negotiate, ...change }),
    encodeChallenge: (change) => encodeChallenge({ ...challenge, ...change }),
    encodeAuthenticate: (change) => encodeAuthenticate({ ...authenticate, ...change }),
    encodeNtlmV2ClientChallenge: (change) => encodeNtlmV2ClientChallenge({ ...clientChallenge, ...change }),
  };

  const flags = [NaN, -1, 1.5, 2 ** 32, '5', null, undefined, 5n];
  const texts = [5, null, {}, new Uint8Array(2)];
  const byteArrays = [5, null, undefined, 'x', [1, 2], new ArrayBuffer(8), new Uint32Array(8)];
  const ticks = [-1n, 2n ** 64n, 5, null, undefined, '0', new Date(0)];
  const cases: [encoder: string, argument: string, values: readonly unknown[]][] = [
    ['encodeNegotiate', 'negotiateFlags', flags],
    ['encodeNegotiate', 'domainName', texts],
    ['encodeNegotiate', 'workstationName', texts],
    ['encodeChallenge', 'negotiateFlags', flags],
    ['encodeChallenge', 'targetName', [...texts, undefined]],
    ['encodeChallenge', 'serverChallenge', [...byteArrays, new Uint8Array(7), new Uint8Array(9)]],
    ['encodeAuthenticate', 'negotiateFlags', flags],
    ['encodeAuthenticate', 'domainName', [...texts, undefined]],
    ['encodeAuthenticate', 'userName', [...texts, undefined]],
    ['encodeAuthenticate', 'workstation', [...texts, undefined]],
    ['encodeAuthenticate', 'lmChallengeResponse', byteArrays],
    ['encodeAuthenticate', 'ntChallengeResponse', byteArrays],
    ['encodeAuthenticate', 'encryptedRandomSessionKey', byteArrays],
    ['encodeAuthenticate', 'mic', [...byteArrays.filter((value) => value !== undefined), new Uint8Array(15)]],
    ['encodeNtlmV2ClientChallenge', 'challengeFromClient', [...byteArrays, new Uint8Array(7)]],
    ['encodeNtlmV2ClientChallenge', 'timestamp', ticks],
  ];

  test.each(cases.flatMap(([encoder, argument, values]) => values.map((value) => ({ encoder, argument, value }))))(
    '$encoder: $argument $value',
    ({ encoder, argument, value }) => {
      expectRefused(() => encoders[encoder]!({ [argument]: value }), 'invalid-argument', argument);
    },
  );

  test.each(['encodeNegotiate', 'encodeChallenge', 'encodeAuthenticate'])('%s: a version out of range', (encoder) => {
    for (const part of ['productMajorVersion', 'productMinorVersion', 'ntlmRevisionCurrent']) {
      const act = () => encoders[encoder]!({ version: { ...version, [part]: 256 } });
      expectRefused(act, 'invalid-argument', `version.${part}`);
    }
    expectRefused(
      () => encoders[encoder]!({ version: { ...version, productBuild: 65536 } }),
      'invalid-argument',
      'version.productBuild',
    );
  });

  test('text and bytes over 65535 bytes are too long, never wrapped', () => {
    expectRefused(() => encodeNegotiate({ ...negotiate, domainName: 'x'.repeat(65536) }), 'too-long', 'domainName');
    expectRefused(() => encodeChallenge({ ...challenge, targetName: 'x'.repeat(32768) }), 'too-long', 'targetName');
    expectRefused(() => encodeAuthenticate({ ...authenticate, userName: 'x'.repeat(32768) }), 'too-long', 'userName');
    const ntChallengeResponse = new Uint8Array(65536);
    expectRefused(
      () => encodeAuthenticate({ ...authenticate, ntChallengeResponse }),
      'too-long',
      'ntChallengeResponse',
    );
    const pairs = [avText(1, 'x'.repeat(20000)), avText(2, 'x'.repeat(20000))];
    expectRefused(() => encodeChallenge({ ...challenge, targetInfo: pairs }), 'too-long', 'targetInfo');
    expectRefused(() => encodeAvPairs([avText(1, 'x'.repeat(32768))]), 'too-long', 'MsvAvNbComputerName');
  });

  test('a character that no OEM byte can carry', () => {
    expectRefused(() => encodeNegotiate({ ...negotiate, domainName: '日本' }), 'unencodable-text', 'domainName');
    expectRefused(
      () => encodeAuthenticate({ ...authenticate, negotiateFlags: 0x202, userName: '日本' }),
      'unencodable-text',
      'userName',
    );
  });

  test.each([0, -1, 65536, 1.5, NaN, '1', undefined])('an AV pair of id %s', (id) => {
    expectRefused(() => encodeAvPairs([{ id: id as never, value: new Uint8Array(0) }]), 'invalid-argument', 'AvId');
  });

  test.each(byteArrays)('an AV pair of value %s', (value) => {
    expectRefused(() => encodeAvPairs([{ id: 2, value: value as never }]), 'invalid-argument', 'MsvAvNbDomainName');
  });

  test.each(ticks)('a timestamp of %s', (timestamp) => {
    expectRefused(() => avTimestamp(timestamp as never), 'invalid-argument', 'timestamp');
  });

  test.each([NaN, -1, 2 ** 32, '5', null])('AV flags of %s', (value) => {
    expectRefused(() => avFlags(value as never), 'invalid-argument', 'flags');
  });

  test.each(texts)('an AV text of %s', (text) => {
    expectRefused(() => avText(1, text as never), 'invalid-argument', 'text');
  });
});
