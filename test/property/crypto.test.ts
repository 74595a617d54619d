import { credentialsWithLmHash } from '../../src/legacy/index.ts';
import { createHash, createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { channelBindingsHash } from '../../src/crypto/channel-bindings.ts';
import { Credentials, secretsOf } from '../../src/crypto/credentials.ts';
import { des, desl, expandDesKey } from '../../src/crypto/des.ts';
import { HmacMd5Key, hmacMd5 } from '../../src/crypto/hmac-md5.ts';
import { md4 } from '../../src/crypto/md4.ts';
import { mic } from '../../src/crypto/mic.ts';
import { ntowfV1 } from '../../src/crypto/owf.ts';
import { RC4, rc4, rc4k } from '../../src/crypto/rc4.ts';
import { SessionKey } from '../../src/crypto/session-key.ts';
import { upperCase } from '../../src/crypto/text.ts';
import { legacyOracle } from '../crypto/legacy-oracle.ts';

const oracle = legacyOracle();
afterAll(() => oracle.close());

const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const message = bytes(0, 300);
const key16 = bytes(16);
const block = bytes(8);
const anyText = fc.string({ unit: 'binary', maxLength: 40 });
const anyUnits = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((u) => String.fromCharCode(...u));
const nodeHmac = (key: Uint8Array, data: Uint8Array): string => createHmac('md5', key).update(data).digest('hex');

describe('MD4', () => {
  test('agrees with OpenSSL at every length', async () => {
    await fc.assert(
      fc.asyncProperty(message, async (data) => {
        expect(bytesToHex(md4(data))).toBe(await oracle.ask('md4', '', bytesToHex(data)));
      }),
    );
  });

  test('does not depend on how the message is cut, nor on what a clone hashes meanwhile', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), message, (parts, other) => {
        const hash = md4.create();
        for (const part of parts) {
          hash.clone().update(other).digest();
          hash.update(part);
        }
        expect(hash.digest()).toEqual(md4(concatBytes(...parts)));
      }),
    );
  });

  test('the NT hash is the MD4 of UTF-16LE, lone surrogates and all', async () => {
    await fc.assert(
      fc.asyncProperty(anyUnits, async (password) => {
        const unicode = Buffer.from(password, 'utf16le').toString('hex');
        expect(bytesToHex(ntowfV1(password))).toBe(await oracle.ask('md4', '', unicode));
      }),
    );
  });
});

describe('HMAC-MD5', () => {
  test('agrees with OpenSSL for any key and any parts, and a keyed state serves again and again', () => {
    fc.assert(
      fc.property(bytes(0, 100), fc.array(fc.array(message, { maxLength: 4 }), { maxLength: 4 }), (key, messages) => {
        const keyed = new HmacMd5Key(key);
        for (const parts of messages) {
          const expected = nodeHmac(key, concatBytes(...parts));
          expect(bytesToHex(keyed.digest(...parts))).toBe(expected);
          expect(bytesToHex(hmacMd5(key, ...parts))).toBe(expected);
        }
      }),
    );
  });

  test('keyed states do not disturb one another', () => {
    fc.assert(
      fc.property(key16, key16, message, (one, other, data) => {
        const first = new HmacMd5Key(one);
        const second = new HmacMd5Key(other);
        second.digest(data);
        second.destroy();
        expect(bytesToHex(first.digest(data))).toBe(nodeHmac(one, data));
      }),
    );
  });

  test('a part that is refused leaves the state as it was', () => {
    fc.assert(
      fc.property(key16, message, (key, data) => {
        const keyed = new HmacMd5Key(key);
        expect(() => keyed.digest(data, 'text' as unknown as Uint8Array)).toThrow('"parts"');
        expect(bytesToHex(keyed.digest(data))).toBe(nodeHmac(key, data));
      }),
    );
  });

  test('the MIC is one HMAC over the three messages in their order', () => {
    fc.assert(
      fc.property(key16, message, message, message, (key, negotiate, challenge, authenticate) => {
        const expected = nodeHmac(key, concatBytes(negotiate, challenge, authenticate));
        expect(bytesToHex(mic(key, negotiate, challenge, authenticate))).toBe(expected);
      }),
    );
  });
});

describe('RC4', () => {
  test('agrees with OpenSSL for keys of 1 to 256 bytes', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(1, 256), message, async (key, data) => {
        const expected = await oracle.ask('rc4', bytesToHex(key), bytesToHex(data));
        expect(bytesToHex(rc4k(key, data))).toBe(expected);
        expect(bytesToHex(rc4(key).encrypt(data))).toBe(expected);
      }),
    );
  });

  test('a stream does not depend on how the data is cut, in place or not', () => {
    fc.assert(
      fc.property(key16, fc.array(message, { maxLength: 5 }), (key, parts) => {
        const stream = new RC4(key);
        const inPlace = new RC4(key);
        const cut = parts.map((part) => stream.process(part));
        const own = parts.map((part) => part.slice()).map((part) => inPlace.process(part, part));
        const whole = rc4k(key, concatBytes(...parts));
        expect(concatBytes(...cut)).toEqual(whole);
        expect(concatBytes(...own)).toEqual(whole);
      }),
    );
  });

  test('a clone goes on from the same place by itself, and outlives its origin', () => {
    fc.assert(
      fc.property(key16, message, message, (key, before, after) => {
        const stream = new RC4(key);
        stream.process(before);
        const clone = stream.clone();
        const expected = stream.process(after);
        stream.destroy();
        expect(clone.process(after)).toEqual(expected);
      }),
    );
  });

  test('decryption inverts encryption', () => {
    fc.assert(
      fc.property(bytes(1, 32), message, (key, data) => {
        expect(rc4(key).decrypt(rc4(key).encrypt(data))).toEqual(data);
      }),
    );
  });
});

describe('DES', () => {
  const blocks = fc.integer({ min: 0, max: 6 }).chain((count) => bytes(8 * count));

  test('agrees with OpenSSL on any number of blocks', async () => {
    await fc.assert(
      fc.asyncProperty(block, blocks, async (key, data) => {
        const expected = await oracle.ask('des-ecb', bytesToHex(key), bytesToHex(data));
        expect(bytesToHex(des(key).encrypt(data))).toBe(expected);
      }),
    );
  });

  test('decryption inverts encryption, in place too', () => {
    fc.assert(
      fc.property(block, blocks, (key, data) => {
        const ciphertext = des(key).encrypt(data);
        expect(des(key).decrypt(ciphertext)).toEqual(data);
        expect(des(key).decrypt(ciphertext, ciphertext)).toEqual(data);
      }),
    );
  });

  test('a key of seven bytes keeps its 56 bits and gets odd parity', () => {
    fc.assert(
      fc.property(bytes(7), (key7) => {
        const binary = [...expandDesKey(key7)].map((byte) => byte.toString(2).padStart(8, '0'));
        const bits = [...key7].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        expect(binary.map((byte) => byte.slice(0, 7)).join('')).toBe(bits);
        expect(binary.map((byte) => byte.replaceAll('0', '').length % 2)).toEqual(Array(8).fill(1));
      }),
    );
  });

  test('DESL is DES under the three thirds of the padded key (MS-NLMP 6)', async () => {
    await fc.assert(
      fc.asyncProperty(key16, block, async (key, data) => {
        const padded = concatBytes(key, new Uint8Array(5));
        const thirds = [0, 7, 14].map((at) => expandDesKey(padded.subarray(at, at + 7)));
        const expected: string[] = [];
        for (const third of thirds) expected.push(await oracle.ask('des-ecb', bytesToHex(third), bytesToHex(data)));
        expect(bytesToHex(desl(key, data))).toBe(expected.join(''));
      }),
    );
  });
});

test('the channel-binding hash covers sixteen zeros, the length and the data', () => {
  fc.assert(
    fc.property(message, (data) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(data.length);
      const expected = createHash('md5').update(Buffer.alloc(16)).update(length).update(data).digest('hex');
      expect(bytesToHex(channelBindingsHash(data))).toBe(expected);
    }),
  );
});

describe('upper case', () => {
  test('keeps the length and settles at once, whatever the units', () => {
    fc.assert(
      fc.property(fc.oneof(anyUnits, anyText), (text) => {
        const upper = upperCase(text);
        expect(upper).toHaveLength(text.length);
        expect(upperCase(upper)).toBe(upper);
      }),
    );
  });

  test('works unit by unit', () => {
    fc.assert(
      fc.property(anyUnits, anyUnits, (one, other) => {
        expect(upperCase(one + other)).toBe(upperCase(one) + upperCase(other));
      }),
    );
  });

  test('of ASCII is the ASCII one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        expect(upperCase(text)).toBe(text.replace(/[a-z]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 32)));
      }),
    );
  });
});

describe('handles', () => {
  /** Everything a value shows without being asked for its secret. */
  const shown = (value: object): string =>
    [
      JSON.stringify({ value }),
      JSON.stringify({ ...value }),
      inspect(value, { showHidden: true, depth: Infinity, getters: true }),
      inspect(value, { showHidden: true, depth: Infinity, getters: true, customInspect: false }),
      inspect(structuredClone(value), { showHidden: true, depth: Infinity }),
      inspect(Object.getOwnPropertyDescriptors(value), { showHidden: true, depth: Infinity }),
      inspect(Object.entries(value), { showHidden: true, depth: Infinity }),
      String(value),
    ]
      .join('\n')
      .replaceAll(/\s/g, '');
  /** The ways inspect and JSON write bytes, without white space. */
  const forms = (secret: Uint8Array): string[] => [
    bytesToHex(secret),
    secret.join(','),
    JSON.stringify(secret).slice(1, -1),
  ];

  test('this check would see a secret', () => {
    const leak = { secret: Uint8Array.from({ length: 16 }, (_, i) => 97 + 9 * i) };
    expect(forms(leak.secret).filter((form) => shown(leak).includes(form))).toHaveLength(2);
  });

  test('a session key shows none of its bytes', () => {
    fc.assert(
      fc.property(bytes(16), (key) => {
        const text = shown(new SessionKey(key));
        for (const form of forms(key)) expect(text).not.toContain(form);
      }),
    );
  });

  test('credentials show neither password nor hash, used or not', () => {
    // Letters the names and labels around the secret do not have.
    const password = fc.string({ unit: fc.constantFrom(...'0123456789#%&/=?'), minLength: 8, maxLength: 14 });
    fc.assert(
      fc.property(password, (secret) => {
        const account = { username: 'User', domain: 'Domain' };
        const credentials = credentialsWithLmHash({ ...account, password: secret });
        const { ntHash, lmHash } = secretsOf(credentials);
        secretsOf(credentials).responseKeyNT();
        const text = shown(credentials) + shown(secretsOf(credentials).responseKeyNT());
        expect(text).not.toContain(secret);
        for (const form of [...forms(ntHash), ...forms(lmHash!)]) expect(text).not.toContain(form);
      }),
    );
  });

  test('the response key agrees with OpenSSL for any name, domain and hash', () => {
    const name = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).filter((text) => !text.includes('\\'));
    fc.assert(
      fc.property(name, name, key16, message, (username, domain, ntHash, data) => {
        const credentials = Credentials.fromNtHash({ username, domain, ntHash: bytesToHex(ntHash) });
        const text = Buffer.from(username.toUpperCase() + domain, 'utf16le');
        const responseKey = hexToBytes(nodeHmac(ntHash, text));
        expect(bytesToHex(secretsOf(credentials).responseKeyNT().digest(data))).toBe(nodeHmac(responseKey, data));
      }),
    );
  });
});
