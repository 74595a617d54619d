/** Both variants of `#hmac-md5`, each for itself: on Node the tests of the rest see only one of them. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as node from '../../src/crypto/_hmac-md5-node.ts';
import * as noble from '../../src/crypto/_hmac-md5-noble.ts';
import { zeroedBy } from '../support/overwritten.ts';

const md5 = vi.hoisted(() => ({ refused: false }));
vi.mock('node:crypto', async (load) => {
  const real = await load<typeof import('node:crypto')>();
  const hash = (...args: Parameters<typeof real.hash>): unknown => {
    if (md5.refused) throw new Error('digital envelope routines::unsupported');
    return real.hash(...args);
  };
  return { ...real, hash, default: { ...real, hash } };
});
afterEach(() => void (md5.refused = false));

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe.each([
  ['node:crypto', node.keyedHmacMd5],
  ['noble', noble.keyedHmacMd5],
] as const)('%s', (_name, keyedHmacMd5) => {
  // RFC 2202 2
  test.each([
    [new Uint8Array(16).fill(0x0b), ascii('Hi There'), '9294727a3638bb1c13f48ef8158bfc9d'],
    [ascii('Jefe'), ascii('what do ya want for nothing?'), '750c783e6ab0b503eaa86e310a5db738'],
    [new Uint8Array(16).fill(0xaa), new Uint8Array(50).fill(0xdd), '56be34521d144c88dbb8c733f0e8b3f6'],
    [new Uint8Array(80).fill(0xaa), ascii('Test Using Larger Than Block-Size Key - Hash Key First'), '6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd'],
  ])('RFC 2202: key %j', (key, data, mac) => {
    expect(hex(keyedHmacMd5(key).digest([data]))).toBe(mac);
  });

  test('agrees with OpenSSL around the size of a block, and with messages that outgrow any buffer', () => {
    const keyLength = fc.oneof(fc.constantFrom(0, 16, 63, 64, 65), fc.nat({ max: 200 }));
    const length = fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 1900, max: 6000 }));
    fc.assert(
      fc.property(keyLength, fc.array(length, { maxLength: 4 }), fc.nat({ max: 255 }), (size, lengths, seed) => {
        const key = Uint8Array.from({ length: size }, (_, at) => at * 7 + seed);
        const parts = lengths.map((count, part) => Uint8Array.from({ length: count }, (_, at) => at * 11 + part));
        const expected = createHmac('md5', key).update(Buffer.concat(parts)).digest('hex');
        const keyed = keyedHmacMd5(key);
        expect(hex(keyed.digest(parts))).toBe(expected);
        expect(hex(keyed.digest(parts))).toBe(expected); // the key is kept
        const result = keyed.digest(parts);
        expect([result.constructor, result.length]).toEqual([Uint8Array, 16]);
      }),
    );
  });

  test('the size of a block is where the key itself gives way to its digest', () => {
    for (const size of [63, 64, 65]) {
      const key = new Uint8Array(size).fill(size);
      expect(hex(keyedHmacMd5(key).digest([]))).toBe(createHmac('md5', key).digest('hex'));
    }
  });

  test('a message just as long as the room that was made for one, and the next one', () => {
    const key = ascii('key');
    for (const length of [2048 - 64, 2048 - 63, 4096, 8192 - 64, 8192 - 63, 1]) {
      const data = new Uint8Array(length).fill(length);
      expect(hex(keyedHmacMd5(key).digest([data]))).toBe(createHmac('md5', key).update(data).digest('hex'));
    }
  });

  test('without its key it makes no MAC any more', () => {
    const keyed = keyedHmacMd5(ascii('key'));
    const mac = hex(keyed.digest([ascii('data')]));
    keyed.destroy();
    let after: string;
    try {
      after = hex(keyed.digest([ascii('data')]));
    } catch (error) {
      after = String(error);
    }
    expect(after).not.toBe(mac);
  });
});

describe('node:crypto', () => {
  test('the key is overwritten behind each MAC, and with its state', () => {
    const padded = (pad: number): string => hex(Uint8Array.from({ length: 64 }, (_, at) => (ascii('key')[at] ?? 0) ^ pad));
    const keyed = node.keyedHmacMd5(ascii('key'));
    expect(zeroedBy(() => keyed.digest([ascii('data')])).some((bytes) => bytes.startsWith(padded(0x36)))).toBe(true);
    const all = zeroedBy(() => keyed.destroy());
    expect(all.map((bytes) => bytes.slice(0, 128))).toEqual([padded(0x36), padded(0x5c)]);
  });

  test('a Node that refuses MD5 is an error of its own, and nothing slips in behind it', () => {
    const keyed = node.keyedHmacMd5(new Uint8Array(16));
    md5.refused = true;
    const calls = [() => keyed.digest([ascii('data')]), () => node.keyedHmacMd5(new Uint8Array(65))];
    for (const call of calls) {
      expect(call).toThrow(
        expect.objectContaining({ name: 'NtlmError', code: 'unsupported', phase: 'authenticate', side: 'local', cause: expect.any(Error) }),
      );
      expect(call).toThrow(/FIPS/);
    }
  });
});
