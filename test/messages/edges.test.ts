/** The last value that each field takes, the first that it does not, and how that is said. */
import { describe, expect, test } from 'vitest';
import {
  AvId,
  avFlags,
  avText,
  avTimestamp,
  decodeNegotiate,
  decodeNtlmV2Response,
  encodeAuthenticate,
  encodeAvPairs,
  encodeChallenge,
  encodeNegotiate,
  encodeNtlmV2ClientChallenge,
  filetimeFromDate,
  flagNames,
  type AuthenticateMessage,
  type ChallengeMessage,
  type Version,
} from '../../src/messages/index.ts';
import { toHex } from '../support/bytes.ts';
import { thrown } from '../support/thrown.ts';

function refusal(act: () => unknown): string {
  const { code, phase, message } = thrown(act);
  return `${code} ${phase} ${message}`;
}

const version: Version = { productMajorVersion: 255, productMinorVersion: 255, productBuild: 65535, ntlmRevisionCurrent: 255 };
const nothing = new Uint8Array(0);
const challenge: ChallengeMessage = { negotiateFlags: 0, targetName: '', serverChallenge: new Uint8Array(8), targetInfo: undefined };
const authenticate: AuthenticateMessage = {
  negotiateFlags: 0,
  lmChallengeResponse: nothing,
  ntChallengeResponse: nothing,
  domainName: '',
  userName: '',
  workstation: '',
  encryptedRandomSessionKey: nothing,
};

describe('the largest values go out as they are', () => {
  test('of a Version', () => {
    expect(decodeNegotiate(encodeNegotiate({ negotiateFlags: 0xffffffff, version }))).toMatchObject({ negotiateFlags: 0xffffffff, version });
  });

  test('of an AvId, flags and a timestamp', () => {
    expect(toHex(encodeAvPairs([{ id: 0xffff, value: nothing }]))).toBe('ffff000000000000');
    expect(avFlags(0xffffffff)).toEqual({ id: AvId.MsvAvFlags, value: new Uint8Array(4).fill(255) });
    expect(avTimestamp(2n ** 64n - 1n)).toEqual({ id: AvId.MsvAvTimestamp, value: new Uint8Array(8).fill(255) });
    expect(avText(AvId.MsvAvTargetName, 'é')).toEqual({ id: 9, value: Uint8Array.of(0xe9, 0) });
  });

  test('of OEM text: one byte a character, up to U+00FF', () => {
    const message = encodeNegotiate({ negotiateFlags: 0, domainName: 'ÿ', workstationName: 'ab' });
    expect(toHex(message.subarray(40))).toBe('ff6162');
    expect(decodeNegotiate(message)).toMatchObject({ domainName: 'ÿ', workstationName: 'ab' });
    expect(encodeAuthenticate({ ...authenticate, userName: 'ÿb' })).toHaveLength(66);
    expect(encodeChallenge({ ...challenge, targetName: 'ÿb' })).toHaveLength(58);
  });

  test('of a MIC, with the Version in front of it', () => {
    const message = encodeAuthenticate({ ...authenticate, mic: new Uint8Array(16).fill(255) });
    expect(message).toHaveLength(88);
    expect(toHex(message.subarray(64))).toBe('00'.repeat(8) + 'ff'.repeat(16));
  });

  test('of a client challenge', () => {
    const avPairs = [avTimestamp(1n)];
    const temp = encodeNtlmV2ClientChallenge({ timestamp: 2n ** 64n - 1n, challengeFromClient: new Uint8Array(8).fill(255), avPairs });
    expect(decodeNtlmV2Response(Uint8Array.of(...new Uint8Array(16), ...temp))).toMatchObject({ timestamp: 2n ** 64n - 1n, avPairs });
  });
});

test('no flags have no names; reserved bits are eight digits', () => {
  expect(flagNames(0)).toEqual([]);
  expect(flagNames(8)).toEqual(['0x00000008']);
});

describe('a value of the wrong kind is refused in these words', () => {
  const pair = (id: number) => () => encodeAvPairs([{ id, value: nothing }], 'challenge');
  const versionOf = (part: Partial<Version>) => () => encodeNegotiate({ negotiateFlags: 0, version: { ...version, ...part } });
  test.each<[string, () => unknown, string]>([
    ['an AvId of 0', pair(0), 'invalid-argument challenge "AvId" must be a whole number from 1 to 65535'],
    ['an AvId of 65536', pair(65536), 'invalid-argument challenge "AvId" must be a whole number from 1 to 65535'],
    ['an AvId in a list of its own', () => encodeAvPairs([{ id: 0, value: nothing }]), 'invalid-argument message "AvId" must be a whole number from 1 to 65535'],
    ['flags beyond 32 bits', () => avFlags(2 ** 32), 'invalid-argument message "flags" must be a whole number of 32 bits'],
    ['a timestamp beyond 64 bits', () => avTimestamp(2n ** 64n), 'invalid-argument message "timestamp" must be a bigint of 64 bits'],
    ['a text that is none', () => avText(9, 5 as never), 'invalid-argument message "text" must be a string'],
    ['no version', () => encodeNegotiate({ negotiateFlags: 0, version: null as never }), 'invalid-argument negotiate "version" must be a Version'],
    ['a version as text', () => encodeNegotiate({ negotiateFlags: 0, version: '10.0' as never }), 'invalid-argument negotiate "version" must be a Version'],
    ['a major version of 256', versionOf({ productMajorVersion: 256 }), 'invalid-argument negotiate "version.productMajorVersion" must be a whole number from 0 to 255'],
    ['a minor version of -1', versionOf({ productMinorVersion: -1 }), 'invalid-argument negotiate "version.productMinorVersion" must be a whole number from 0 to 255'],
    ['a build of 1.5', versionOf({ productBuild: 1.5 }), 'invalid-argument negotiate "version.productBuild" must be a whole number from 0 to 65535'],
    ['a challenge of 7 bytes', () => encodeChallenge({ ...challenge, serverChallenge: new Uint8Array(7) }), 'invalid-argument challenge "serverChallenge" must be a Uint8Array of 8 bytes'],
    ['a response that is no bytes', () => encodeAuthenticate({ ...authenticate, ntChallengeResponse: '' as never }), 'invalid-argument authenticate "ntChallengeResponse" must be a Uint8Array'],
    ['an invalid date', () => filetimeFromDate(new Date(NaN)), 'invalid-argument configure "date" must be a valid Date'],
    ['a date before 1601', () => filetimeFromDate(new Date(-1e15)), 'invalid-argument configure "date" must not lie before 1601-01-01'],
    ['a letter beyond OEM', () => encodeNegotiate({ negotiateFlags: 0, domainName: 'Ā' }), 'unencodable-text negotiate "domainName" has a character that no OEM byte can carry'],
  ])('%s', (_, act, expected) => {
    expect(refusal(act)).toBe(expected);
  });
});
