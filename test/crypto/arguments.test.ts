import { describe, expect, test, vi } from 'vitest';
import { md5 } from '@noble/hashes/legacy.js';
import { _MD4 } from '../../src/crypto/md4.ts';
import * as crypto from '../../src/crypto/index.ts';
import { NtlmError } from '../../src/errors.ts';
import * as legacy from '../../src/legacy/index.ts';

const { HmacMd5Key, RC4 } = crypto;
const of = (length: number): Uint8Array => new Uint8Array(length);
const responseKey = new HmacMd5Key(of(16));
const exchange = { lmChallengeResponse: of(24), serverChallenge: of(8), lmHash: of(16) };
const LM_KEY = 0x80;
const NON_NT_SESSION_KEY = 0x400000;
/** A value of any type, as a caller without types would pass it. */
const any = (value: unknown): never => value as never;

/** Where a function belongs to a step of the work; all others count as configuration. */
const PHASES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['lmV1Response', 'ntlmV1Response', 'ntlm2SessionResponse', 'lmV2Response', 'ntProofStr', 'mic'].map((name) => [name, 'authenticate']),
  ),
  signKey: 'session',
  sealKey: 'session',
};

describe('bad input is refused by name', () => {
  test.each<[string, string, () => unknown]>([
    ['md4', 'data', () => crypto.md4(any('abc'))],
    ['md4, incremental', 'data', () => crypto.md4.create().update(any('abc'))],
    ['des', 'key', () => legacy.des(any('8 letter'))],
    ['des', 'key', () => legacy.des(of(7))],
    ['des', 'data', () => legacy.des(of(8)).encrypt(of(7))],
    ['des', 'data', () => legacy.des(of(8)).decrypt(any([]))],
    ['des', 'output', () => legacy.des(of(8)).encrypt(of(8), of(16))],
    ['expandDesKey', 'key7', () => legacy.expandDesKey(of(8))],
    ['desl', 'key16', () => legacy.desl(of(24), of(8))],
    ['desl', 'data8', () => legacy.desl(of(16), of(16))],
    ['rc4', 'key', () => crypto.rc4(of(0))],
    ['rc4', 'key', () => crypto.rc4(of(257))],
    ['rc4', 'data', () => crypto.rc4(of(16)).encrypt(any(null))],
    ['RC4', 'key', () => new RC4(any('key'))],
    ['RC4', 'data', () => new RC4(of(16)).process(any('data'))],
    ['RC4', 'output', () => new RC4(of(16)).process(of(8), of(7))],
    ['RC4', 'output', () => new RC4(of(16)).process(of(8), any('output'))],
    ['hmacMd5', 'key', () => crypto.hmacMd5(any('key'))],
    ['hmacMd5', 'parts', () => crypto.hmacMd5(of(16), any('part'))],
    ['HmacMd5Key', 'key', () => new HmacMd5Key(any(undefined))],
    ['lmowfV1', 'password', () => legacy.lmowfV1(any(undefined))],
    ['ntowfV1', 'password', () => crypto.ntowfV1(any(of(8)))],
    ['ntowfV2', 'ntHash', () => crypto.ntowfV2(of(8), 'User', 'Domain')],
    ['ntowfV2', 'userName', () => crypto.ntowfV2(of(16), any(undefined), 'Domain')],
    ['ntowfV2', 'userDomain', () => crypto.ntowfV2(of(16), 'User', any(undefined))],
    ['lmV1Response', 'lmHash', () => legacy.lmV1Response(of(14), of(8))],
    ['lmV1Response', 'serverChallenge', () => legacy.lmV1Response(of(16), of(9))],
    ['ntlmV1Response', 'ntHash', () => legacy.ntlmV1Response(of(0), of(8))],
    ['ntlmV1Response', 'serverChallenge', () => legacy.ntlmV1Response(of(16), any('8 letter'))],
    ['ntlm2SessionResponse', 'ntHash', () => legacy.ntlm2SessionResponse(of(8), of(8), of(8))],
    ['ntlm2SessionResponse', 'serverChallenge', () => legacy.ntlm2SessionResponse(of(16), of(7), of(8))],
    ['ntlm2SessionResponse', 'clientChallenge', () => legacy.ntlm2SessionResponse(of(16), of(8), of(16))],
    ['lmV2Response', 'responseKey', () => crypto.lmV2Response(any(of(16)), of(8), of(8))],
    ['lmV2Response', 'serverChallenge', () => crypto.lmV2Response(responseKey, of(0), of(8))],
    ['lmV2Response', 'clientChallenge', () => crypto.lmV2Response(responseKey, of(8), of(0))],
    ['ntProofStr', 'responseKey', () => crypto.ntProofStr(any(of(16)), of(8), of(44))],
    ['ntProofStr', 'serverChallenge', () => crypto.ntProofStr(responseKey, of(7), of(44))],
    ['ntProofStr', 'temp', () => crypto.ntProofStr(responseKey, of(8), any('temp'))],
    ['sessionBaseKeyV1', 'ntHash', () => legacy.sessionBaseKeyV1(of(15))],
    ['sessionBaseKeyV2', 'responseKey', () => crypto.sessionBaseKeyV2(any(of(16)), of(16))],
    ['sessionBaseKeyV2', 'proof', () => crypto.sessionBaseKeyV2(responseKey, of(24))],
    ['kxKey', 'flags', () => legacy.kxKey(any('LM_KEY'), of(16))],
    ['kxKey', 'sessionBaseKey', () => legacy.kxKey(0, of(8))],
    ['kxKey', 'lmChallengeResponse', () => legacy.kxKey(0, of(16), { ...exchange, lmChallengeResponse: of(8) })],
    ['kxKey', 'serverChallenge', () => legacy.kxKey(0, of(16), { ...exchange, serverChallenge: of(16) })],
    ['kxKey', 'lmHash', () => legacy.kxKey(LM_KEY, of(16), { ...exchange, lmHash: of(8) })],
    ['encryptRandomSessionKey', 'keyExchangeKey', () => crypto.encryptRandomSessionKey(of(8), of(16))],
    ['encryptRandomSessionKey', 'exportedSessionKey', () => crypto.encryptRandomSessionKey(of(16), of(8))],
    ['decryptRandomSessionKey', 'keyExchangeKey', () => crypto.decryptRandomSessionKey(of(8), of(16))],
    ['decryptRandomSessionKey', 'encryptedRandomSessionKey', () => crypto.decryptRandomSessionKey(of(16), of(0))],
    ['signKey', 'exportedSessionKey', () => crypto.signKey(of(8), 'client')],
    ['signKey', 'side', () => crypto.signKey(of(16), any('constructor'))],
    ['sealKey', 'flags', () => crypto.sealKey(0.5, of(16), 'client')],
    ['sealKey', 'exportedSessionKey', () => crypto.sealKey(0, of(8), 'client')],
    ['sealKey', 'side', () => crypto.sealKey(0, of(16), any(undefined))],
    ['mic', 'exportedSessionKey', () => crypto.mic(of(8), of(0), of(0), of(0))],
    ['mic', 'negotiate', () => crypto.mic(of(16), any(undefined), of(0), of(0))],
    ['mic', 'challenge', () => crypto.mic(of(16), of(0), any('TlR'), of(0))],
    ['mic', 'authenticate', () => crypto.mic(of(16), of(0), of(0), any({}))],
    ['channelBindingsHash', 'applicationData', () => crypto.channelBindingsHash(any('tls-server-end-point:'))],
    ['upperCase', 'text', () => crypto.upperCase(any(7))],
  ])('%s: "%s"', (name, argument, call) => {
    const phase = argument === 'responseKey' ? 'authenticate' : (PHASES[name] ?? 'configure');
    expect(call).toThrow(NtlmError);
    expect(call).toThrow(expect.objectContaining({ code: 'invalid-argument', phase, side: 'local' }));
    expect(call).toThrow(new RegExp(`^"${argument}" must (?:be|not) .{5,}`));
  });

  test('an error says of what size the bytes must be, where they have one', () => {
    expect(() => crypto.md4(any('abc'))).toThrow('"data" must be a Uint8Array');
    expect(() => crypto.hmacMd5(any('key'))).toThrow('"key" must be a Uint8Array');
    expect(() => legacy.expandDesKey(of(8))).toThrow('"key7" must be a Uint8Array of 7 bytes');
  });

  test('a key of RC4 has 256 bytes at most', () => {
    expect(crypto.rc4(of(256)).encrypt(of(3))).toHaveLength(3);
  });

  test.each([
    ['LM_KEY', LM_KEY],
    ['NON_NT_SESSION_KEY', NON_NT_SESSION_KEY],
  ])('%s without an LM hash is unsuitable credentials', (_name, flags) => {
    expect(() => legacy.kxKey(flags, of(16), { ...exchange, lmHash: undefined })).toThrow(
      expect.objectContaining({
        code: 'credentials-unsuitable',
        phase: 'authenticate',
        side: 'local',
        message: expect.stringContaining('LM hash') as string,
      }),
    );
  });

  test('an output ahead of unread input is refused, one behind it is not', () => {
    const buffer = of(24);
    const stream = new RC4(of(16));
    expect(() => stream.process(buffer.subarray(0, 16), buffer.subarray(8))).toThrow('"output"');
    expect(() => stream.process(buffer.subarray(0, 16), buffer.subarray(1, 17))).toThrow('must not overlap');
    expect(stream.process(buffer.subarray(8), buffer.subarray(0, 16))).toHaveLength(16);
    expect(stream.process(buffer.subarray(0, 12), buffer.subarray(12))).toHaveLength(12); // right behind it
    expect(stream.process(of(16), of(24).subarray(8))).toHaveLength(16); // of another buffer
  });
});

describe('what was destroyed stays so', () => {
  test('RC4', () => {
    const stream = new RC4(of(16));
    stream.destroy();
    for (const call of [() => stream.process(of(1)), () => stream.clone()]) {
      expect(call).toThrow(
        expect.objectContaining({ name: 'NtlmError', code: 'session-unavailable', phase: 'session', side: 'local' }),
      );
      expect(call).toThrow('the RC4 state was destroyed');
    }
  });

  test('HMAC-MD5 key', () => {
    const key = new HmacMd5Key(of(16));
    key.destroy();
    expect(() => key.digest()).toThrow(
      expect.objectContaining({ name: 'NtlmError', code: 'unexpected-call', phase: 'authenticate', side: 'local' }),
    );
    expect(() => key.digest()).toThrow('the HMAC-MD5 key was destroyed');
  });

  test('the key that hmacMd5 makes, even where a part is no bytes', () => {
    const destroy = vi.spyOn(HmacMd5Key.prototype, 'destroy');
    crypto.hmacMd5(of(16), of(3));
    expect(() => crypto.hmacMd5(of(16), any('part'))).toThrow(NtlmError);
    expect(destroy).toHaveBeenCalledTimes(2);
    destroy.mockRestore();
  });

  test('the words of a password that MD4 read', () => {
    const cleared: string[] = [];
    const fill = vi.spyOn(Uint32Array.prototype, 'fill').mockImplementation(function (this: Uint32Array, value: number) {
      cleared.push(Buffer.from(this.slice().buffer).toString('utf16le'));
      for (let i = 0; i < this.length; i++) this[i] = value;
      return this as Uint32Array<ArrayBuffer>;
    });
    crypto.ntowfV1('correct horse');
    fill.mockRestore();
    expect(cleared.some((text) => text.startsWith('correct horse'))).toBe(true);
  });
});

describe('noble shapes', () => {
  test('MD4 tells its sizes and hashes in steps, as MD5 does', () => {
    const { blockLen, outputLen } = crypto.md4;
    expect({ blockLen, outputLen }).toEqual({ blockLen: md5.blockLen, outputLen: md5.outputLen });
    const hash = crypto.md4.create();
    expect(hash).toBeInstanceOf(_MD4);
    hash.update(of(100)).destroy();
    expect(() => hash.digest()).toThrow('destroyed');
  });

  test('the ciphers tell their block size and encrypt once', () => {
    expect(legacy.des.blockSize).toBe(8);
    expect(crypto.rc4.blockSize).toBe(1);
    const cipher = crypto.rc4(of(16));
    cipher.encrypt(of(4));
    expect(() => cipher.encrypt(of(4))).toThrow(NtlmError);
    expect(() => cipher.encrypt(of(4))).toThrow('"key" has encrypted once');
  });

  test('inputs stay as they are and results are arrays of their own', () => {
    const sessionBaseKey = Buffer.alloc(16, 7);
    for (const result of [legacy.kxKey(0, sessionBaseKey), crypto.sealKey(0, sessionBaseKey, 'client')]) {
      expect(result.constructor).toBe(Uint8Array);
      result.fill(0);
    }
    expect(sessionBaseKey).toEqual(Buffer.alloc(16, 7));
  });
});

test('the public surface has no way to the secrets of a handle', () => {
  expect(Object.keys(crypto)).not.toContain('secretsOf');
});
