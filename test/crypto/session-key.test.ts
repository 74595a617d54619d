import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { SessionKey } from '../../src/crypto/session-key.ts';
import { NtlmError } from '../../src/errors.ts';

const key = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);

describe('a session key', () => {
  test('hands out copies and holds one of its own', () => {
    const mine = key.slice();
    const sessionKey = new SessionKey(mine);
    mine.fill(0);
    sessionKey.bytes().fill(0);
    expect(sessionKey.bytes()).toEqual(key);
  });

  test('is gone once wiped, and the copies stay', () => {
    const sessionKey = new SessionKey(key);
    const copy = sessionKey.bytes();
    expect(sessionKey.wiped).toBe(false);
    sessionKey.wipe();
    expect(sessionKey.wiped).toBe(true);
    expect(copy).toEqual(key);
    expect(() => sessionKey.bytes()).toThrow(
      expect.objectContaining({ name: 'NtlmError', code: 'session-unavailable', phase: 'session', side: 'local' }),
    );
    expect(() => sessionKey.bytes()).toThrow('wiped');
  });

  test('takes 16 bytes and nothing else', () => {
    for (const bad of [key.subarray(1), new Uint8Array(17), [...key], 'f0'.repeat(16), undefined]) {
      const make = () => new SessionKey(bad as Uint8Array);
      expect(make).toThrow(NtlmError);
      expect(make).toThrow('"bytes" must be a Uint8Array of 16 bytes');
      expect(make).toThrow(expect.objectContaining({ code: 'invalid-argument', phase: 'session' }));
    }
  });

  test('shows a redaction, and tells when it was wiped', () => {
    const sessionKey = new SessionKey(key);
    expect(JSON.stringify({ sessionKey })).toBe('{"sessionKey":"[redacted session key]"}');
    expect(String(sessionKey)).toBe('[redacted session key]');
    expect(inspect(sessionKey, { showHidden: true })).toBe('SessionKey [redacted session key]');
    sessionKey.wipe();
    expect(`${sessionKey}`).toBe('[wiped session key]');
  });

  test('has nothing to clone, spread or list', () => {
    const sessionKey = new SessionKey(key);
    expect(structuredClone(sessionKey)).toEqual({});
    expect({ ...sessionKey }).toEqual({});
    expect(Reflect.ownKeys(sessionKey)).toEqual([]);
  });
});
