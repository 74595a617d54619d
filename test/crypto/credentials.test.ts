import { credentialsWithLmHash } from '../../src/legacy/index.ts';
import { inspect } from 'node:util';
import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import {
  Credentials,
  secretsOf,
  type HashCredentials,
  type PasswordCredentials,
} from '../../src/crypto/credentials.ts';
import type { NtlmErrorCode } from '../../src/errors.ts';
import { thrown } from '../support/thrown.ts';
import { common, ntlmV1, ntlmV2 } from '../vectors/ms-nlmp.ts';

const account = { username: common.user, domain: common.userDom };
const password = common.password;
const ntHash = ntlmV1.ntowfV1;

function expectRefusal(call: () => unknown, code: NtlmErrorCode, argument: string): void {
  const error = thrown(call);
  expect(error).toMatchObject({ code, phase: argument === 'credentials' ? 'authenticate' : 'configure', side: 'local' });
  expect(error.message).toMatch(new RegExp(`^"${argument}" (?:must|is|has|does|takes) .{6,}`)); // what to do
}

describe('an account name', () => {
  const names = (username: string, domain?: string): readonly string[] => {
    const credentials = Credentials.fromPassword({ username, domain, password });
    return [credentials.username, credentials.domain];
  };

  test('DOMAIN\\user is split where no domain is given', () => {
    expect(names('CORP\\alice')).toEqual(['alice', 'CORP']);
    expect(names('\\alice')).toEqual(['alice', '']);
    expect(names('CORP\\al\\ice')).toEqual(['al\\ice', 'CORP']);
  });
  test('user@realm stays whole and has no domain', () => {
    expect(names('alice@corp.example')).toEqual(['alice@corp.example', '']);
  });
  test('a name with a domain in it takes no other beside it', () => {
    expect(() => names('CORP\\alice', 'OTHER')).toThrow('"username" names a domain: leave "domain" out');
    expect(() => names('CORP\\alice', 'CORP')).toThrow('"username" names a domain: leave "domain" out');
  });
  test('otherwise a given domain, the empty one too, leaves the name as it is', () => {
    expect(names('CORP\\alice', '')).toEqual(['CORP\\alice', '']);
    expect(names('alice@corp.example', 'CORP')).toEqual(['alice@corp.example', 'CORP']);
  });
  test('without any domain it is empty', () => {
    expect(names('alice')).toEqual(['alice', '']);
  });
  test('both factories read names alike', () => {
    expect(Credentials.fromNtHash({ username: 'CORP\\alice', ntHash })).toMatchObject({
      username: 'alice',
      domain: 'CORP',
      anonymous: false,
    });
  });
  test('it cannot be changed afterwards', () => {
    const credentials = Credentials.fromPassword({ ...account, password });
    expect(() => Object.assign(credentials, { domain: 'OTHER' })).toThrow(TypeError);
    expect(credentials.domain).toBe(common.userDom);
  });
});

describe('the secret behind the handle', () => {
  test('is the NT hash of the password (MS-NLMP 4.2.2.1.2)', () => {
    const { ntHash: hash, lmHash } = secretsOf(Credentials.fromPassword({ ...account, password }));
    expect(bytesToHex(hash)).toBe(ntlmV1.ntowfV1);
    expect(lmHash).toBeUndefined();
  });
  test('has the LM hash where legacy makes it (MS-NLMP 4.2.2.1.1)', () => {
    const { ntHash: hash, lmHash } = secretsOf(credentialsWithLmHash({ ...account, password }));
    expect(bytesToHex(hash)).toBe(ntlmV1.ntowfV1);
    expect(bytesToHex(lmHash!)).toBe(ntlmV1.lmowfV1);
  });
  test('tells whether it has an LM hash, and nothing about it', () => {
    expect(credentialsWithLmHash({ ...account, password }).hasLmHash).toBe(true);
    expect(Credentials.fromNtHash({ ...account, ntHash, lmHash: ntlmV1.lmowfV1 }).hasLmHash).toBe(true);
    expect(Credentials.fromPassword({ ...account, password }).hasLmHash).toBe(false);
    expect(Credentials.anonymous().hasLmHash).toBe(false);
  });
  test('comes from hashes in bytes or in hexadecimal of either case', () => {
    for (const convert of [(x: string) => x, (x: string) => x.toUpperCase(), (x: string) => Buffer.from(x, 'hex')]) {
      const options = { ...account, ntHash: convert(ntlmV1.ntowfV1), lmHash: convert(ntlmV1.lmowfV1) };
      const secrets = secretsOf(Credentials.fromNtHash(options));
      expect(bytesToHex(secrets.ntHash)).toBe(ntlmV1.ntowfV1);
      expect(bytesToHex(secrets.lmHash!)).toBe(ntlmV1.lmowfV1);
    }
  });
  test('is a copy of the caller\'s bytes, which a wipe leaves alone', () => {
    const mine = Buffer.from(ntHash, 'hex');
    const credentials = Credentials.fromNtHash({ ...account, ntHash: mine });
    credentials.wipe();
    expect(mine.toString('hex')).toBe(ntHash);
    const others = Credentials.fromNtHash({ ...account, ntHash: mine });
    mine.fill(0);
    expect(bytesToHex(secretsOf(others).ntHash)).toBe(ntHash);
  });
  test('a password that looks like a pair of hashes is a password', () => {
    const looksLikeHashes = `${ntlmV1.lmowfV1}:${ntlmV1.ntowfV1}`;
    const { ntHash: hash } = secretsOf(Credentials.fromPassword({ ...account, password: looksLikeHashes }));
    expect(bytesToHex(hash)).not.toBe(ntlmV1.ntowfV1);
  });
  test('an empty password is one (RFC 1320 A.5, MD4 of nothing)', () => {
    const { ntHash: hash } = secretsOf(Credentials.fromPassword({ ...account, password: '' }));
    expect(bytesToHex(hash)).toBe('31d6cfe0d16ae931b73c59d7e0c089c0');
  });

  test('keys NTLMv2 for its own domain once, and for another on demand', () => {
    const secrets = secretsOf(Credentials.fromPassword({ ...account, password }));
    const own = secrets.responseKeyNT();
    const proof = Buffer.from(common.serverChallenge + ntlmV2.temp, 'hex');
    expect(bytesToHex(own.digest(proof))).toBe(ntlmV2.ntProofStr);
    expect(secrets.responseKeyNT()).toBe(own);
    expect(secrets.responseKeyNT(common.userDom)).toBe(own);
    expect(bytesToHex(secrets.responseKeyNT('Other').digest(proof))).not.toBe(ntlmV2.ntProofStr);
    expect(secrets.responseKeyNT()).toBe(own);
  });
});

describe('wiping', () => {
  test('zeroes the hashes and ends every key made for the own domain', () => {
    const credentials = credentialsWithLmHash({ ...account, password });
    const { ntHash: nt, lmHash: lm } = secretsOf(credentials);
    const key = secretsOf(credentials).responseKeyNT();
    expect(credentials.wiped).toBe(false);
    credentials.wipe();
    credentials.wipe();
    expect(credentials.wiped).toBe(true);
    expect([...nt, ...lm!]).toEqual(Array(32).fill(0));
    expect(thrown(() => key.digest(new Uint8Array(8))).code).toBe('unexpected-call');
  });
  test('later use is refused as missing credentials, anonymous or not', () => {
    for (const credentials of [Credentials.fromPassword({ ...account, password }), Credentials.anonymous()]) {
      credentials.wipe();
      const error = thrown(() => secretsOf(credentials));
      expect(error).toMatchObject({ code: 'credentials-missing', phase: 'authenticate', side: 'local' });
      expect(error.message).toContain('wiped');
    }
  });
  test('one handle does not touch another', () => {
    const kept = Credentials.fromPassword({ ...account, password });
    Credentials.fromPassword({ ...account, password }).wipe();
    expect(bytesToHex(secretsOf(kept).ntHash)).toBe(ntlmV1.ntowfV1);
  });
});

describe('anonymous credentials', () => {
  test('have no names and no hash', () => {
    const credentials = Credentials.anonymous();
    expect(credentials).toMatchObject({ username: '', domain: '', anonymous: true });
    const error = thrown(() => secretsOf(credentials));
    expect(error).toMatchObject({ code: 'credentials-unsuitable', phase: 'authenticate', side: 'local' });
    expect(error.message).toContain('anonymous');
  });
});

describe('what a handle shows', () => {
  const credentials = Credentials.fromPassword({ ...account, password });
  const redacted = { username: 'User', domain: 'Domain', secret: '[redacted]' };
  const names = { username: 'User', domain: 'Domain', anonymous: false };

  test('JSON has the names and a redaction', () => {
    expect(JSON.parse(JSON.stringify({ credentials }))).toEqual({ credentials: redacted });
  });
  test('String() and inspect say the same', () => {
    const text = 'Credentials {"username":"User","domain":"Domain","secret":"[redacted]"}';
    expect(String(credentials)).toBe(text);
    expect(inspect(credentials, { showHidden: true })).toBe(text);
    expect(inspect({ deep: [credentials] })).toContain('[redacted]');
  });
  test('a clone, a spread and the entries have the names alone', () => {
    expect(structuredClone(credentials)).toEqual(names);
    expect({ ...credentials }).toEqual(names);
    expect(Object.fromEntries(Object.entries(credentials))).toEqual(names);
    expect(Reflect.ownKeys(credentials)).toEqual(Object.keys(names));
  });
  test('it says so when there is no secret', () => {
    const wiped = Credentials.fromPassword({ ...account, password });
    wiped.wipe();
    expect(wiped.toJSON().secret).toBe('[wiped]');
    expect(Credentials.anonymous().toJSON()).toEqual({ username: '', domain: '', secret: '[none]' });
  });
  test('neither a clone nor a look-alike passes for a handle', () => {
    for (const forged of [structuredClone(credentials), Object.create(Credentials.prototype), {}, null, 'User']) {
      expectRefusal(() => secretsOf(forged as Credentials), 'invalid-argument', 'credentials');
    }
  });
});

describe('bad input is refused by name', () => {
  const fromPassword = (options: unknown) => () => Credentials.fromPassword(options as PasswordCredentials);
  const fromNtHash = (options: unknown) => () => Credentials.fromNtHash(options as HashCredentials);

  test.each([
    ['options', undefined],
    ['options', null],
    ['options', 'CORP\\alice'],
    ['username', { password }],
    ['username', { username: 7, password }],
    ['username', { username: '', password }],
    ['username', { username: 'CORP\\', password }],
    ['domain', { username: 'alice', domain: null, password }],
    ['password', { username: 'alice' }],
    ['password', { username: 'alice', password: null }],
    ['password', { username: 'alice', password: Buffer.from('secret') }],
    ['password', { username: 'alice', password: 'p'.repeat(32769) }],
    ['lmHash', { username: 'alice', password, lmHash: 'yes' }],
    ['lmHash', { username: 'alice', password, lmHash: true }],
    ['lmHash', { username: 'alice', password, lmHash: null }],
  ])('fromPassword: "%s" of %j', (argument, options) => {
    expectRefusal(fromPassword(options), 'invalid-argument', argument);
  });

  test.each([
    ['username', { ntHash }],
    ['ntHash', { username: 'alice' }],
    ['ntHash', { username: 'alice', ntHash: new Uint8Array(15) }],
    ['ntHash', { username: 'alice', ntHash: ntHash.slice(1) }],
    ['ntHash', { username: 'alice', ntHash: `${ntHash}00` }],
    ['ntHash', { username: 'alice', ntHash: `${ntHash}\n` }],
    ['ntHash', { username: 'alice', ntHash: ntHash.replace('a', 'g') }],
    ['ntHash', { username: 'alice', ntHash: Array(16).fill(0) }],
    ['lmHash', { username: 'alice', ntHash, lmHash: new Uint8Array(17) }],
    ['lmHash', { username: 'alice', ntHash, lmHash: true }],
  ])('fromNtHash: "%s" of %j', (argument, options) => {
    expectRefusal(fromNtHash(options), 'invalid-argument', argument);
  });

  test('a password of 64 KiB is the longest', () => {
    expect(fromPassword({ username: 'alice', password: 'p'.repeat(32768) })).not.toThrow();
  });
  test('a name longer than a field is too long', () => {
    const long = 'n'.repeat(32768);
    expectRefusal(fromPassword({ username: long, password }), 'too-long', 'username');
    expectRefusal(fromNtHash({ username: 'alice', domain: long, ntHash }), 'too-long', 'domain');
    expect(fromPassword({ username: long.slice(1), domain: long.slice(1), password })).not.toThrow();
  });
  test('a control character, wherever it is in a name, is told of with the backslash that source code took', () => {
    const controls = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code)).filter((one) => one < ' ' || one === '\x7f');
    for (const control of controls) {
      for (const name of [`${control}alice`, `al${control}ice`, `alice${control}`]) {
        const made = [
          ['username', { username: name }],
          ['username', { username: `CORP\\${name}` }],
          ['domain', { username: `${name}\\alice` }],
          ['domain', { username: 'alice', domain: name }],
        ] as const;
        for (const [argument, identity] of made) {
          expectRefusal(fromPassword({ ...identity, password }), 'invalid-argument', argument);
          expectRefusal(fromNtHash({ ...identity, ntHash }), 'invalid-argument', argument);
        }
      }
    }
    expect(thrown(fromPassword({ username: 'CORP\bob', password })).message).toContain('a backslash is written twice');
    expect(controls).toHaveLength(33);
  });
  test('every other character may stand in a name, and every one in a password', () => {
    for (const one of [' ', '~', '\x80', '\xa0', 'ß', 'Ж', '\u2028', '\ud800']) expect(fromPassword({ username: one, domain: one, password })).not.toThrow();
    for (let code = 0; code < 0x80; code++) expect(fromPassword({ username: 'alice', password: `${String.fromCharCode(code)}x` })).not.toThrow();
  });
  test.each(['fifteen letters', 'Jürgen'])('an LM hash of %j does not exist', (unsuitable) => {
    const made = () => credentialsWithLmHash({ username: 'alice', password: unsuitable });
    expectRefusal(made, 'credentials-unsuitable', 'password');
  });
  test('the constructor is not a way in', () => {
    const Made = Credentials as unknown as new (...args: unknown[]) => Credentials;
    expectRefusal(() => new Made({ username: 'alice', password }, { ntHash }), 'invalid-argument', 'Credentials');
  });
  test('no error repeats a secret', () => {
    const secret = 'hunter2-is-too-long-for-LM';
    const errors = [
      thrown(fromPassword({ username: 'alice', password: secret, lmHash: true })),
      thrown(() => credentialsWithLmHash({ username: 'alice', password: secret })),
      thrown(fromPassword({ password: secret })),
      thrown(fromPassword({ username: 'alice', password: secret.repeat(2000) })),
      thrown(fromNtHash({ username: 'alice', ntHash: secret })),
    ];
    for (const error of errors) {
      expect(inspect(error, { showHidden: true }) + JSON.stringify(error)).not.toContain('hunter2');
    }
  });
});
