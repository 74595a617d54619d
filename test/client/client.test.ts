import { lm } from '../../src/legacy/index.ts';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  Credentials,
  NtlmClient,
  NtlmError,
  SessionKey,
  type NtlmErrorCode,
  type NtlmOptions,
} from '../../src/index.ts';
import { decodeAuthenticate } from '../../src/messages/index.ts';
import { toHex } from '../support/bytes.ts';
import { challengeToken, scriptedRandom, TIMESTAMP } from '../support/handshake.ts';
import { thrown } from '../support/thrown.ts';
import { davenport, ntlmV1, ntlmV2 } from '../vectors/ms-nlmp.ts';

const credentials = Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' });
const newClient = (options: Partial<NtlmOptions> = {}): NtlmClient => new NtlmClient({ credentials, ...options });

function expectRefused(act: () => unknown, code: NtlmErrorCode, argument: string): NtlmError {
  const error = thrown(act);
  expect(error.message).toMatch(new RegExp(`"${argument}(?:\\.\\w+)?" (?:must|does not|takes|of|has|is) .{4,}`)); // what to do
  expect(error).toMatchObject({ code, side: 'local' });
  return error;
}

/** A client in each state that a caller can see. */
const clientsIn = {
  idle: () => newClient(),
  negotiated: () => {
    const client = newClient();
    client.negotiate();
    return client;
  },
  responded: () => {
    const client = clientsIn.negotiated();
    client.respond(challengeToken());
    return client;
  },
  authenticated: () => {
    const client = clientsIn.responded();
    client.accepted();
    return client;
  },
  failed: () => {
    const client = clientsIn.responded();
    client.rejected();
    return client;
  },
};

const calls = {
  negotiate: (client: NtlmClient) => client.negotiate(),
  respond: (client: NtlmClient) => client.respond(challengeToken()),
  accepted: (client: NtlmClient) => client.accepted(),
  rejected: (client: NtlmClient) => client.rejected(),
  reset: (client: NtlmClient) => client.reset(),
};

describe('a handshake, call by call', () => {
  test('from nothing to authenticated', () => {
    const client = newClient();
    expect(client.state).toBe('idle');
    expect(client.target).toBeUndefined();
    expect(client.sessionKey).toBeUndefined();

    const negotiate = client.negotiate();
    expect(Buffer.from(negotiate.subarray(0, 12)).toString('latin1')).toBe('NTLMSSP\0\x01\0\0\0');
    expect(client.state).toBe('negotiated');

    const authenticate = client.respond(challengeToken());
    expect(Buffer.from(authenticate.subarray(0, 12)).toString('latin1')).toBe('NTLMSSP\0\x03\0\0\0');
    expect(client.state).toBe('responded');
    expect(client.sessionKey).toBeInstanceOf(SessionKey);

    client.accepted();
    expect(client.state).toBe('authenticated');
    expect(client.error).toBeUndefined();
  });

  test('the target is what the server said of itself', () => {
    expect(clientsIn.responded().target).toEqual({
      name: 'DOMAIN',
      serverChallenge: new Uint8Array(8).fill(0x31),
      nbDomainName: 'DOMAIN',
      nbComputerName: 'SERVER',
      dnsDomainName: 'domain.test',
      dnsComputerName: 'server.domain.test',
      dnsTreeName: undefined,
      flags: undefined,
      timestamp: TIMESTAMP,
      targetName: undefined,
      channelBindings: undefined,
    });
  });

  test('a rejection fails the handshake, names the credentials and wipes the session key', () => {
    const client = clientsIn.responded();
    const { sessionKey } = client;
    client.rejected();
    expect(client.state).toBe('failed');
    expect(client.error).toMatchObject({ code: 'credentials-refused', phase: 'authenticate', side: 'peer' });
    expect(client.error?.message).toContain('refused the credentials');
    expect(sessionKey?.wiped).toBe(true);
  });

  test('reset begins again with other credentials', () => {
    const client = clientsIn.failed();
    client.reset({ credentials: Credentials.fromPassword({ username: 'other', domain: 'ELSEWHERE', password: 'x' }) });
    expect(client.state).toBe('idle');
    expect(client.error).toBeUndefined();
    client.negotiate();
    const message = decodeAuthenticate(client.respond(challengeToken()));
    expect(message).toMatchObject({ userName: 'other', domainName: 'ELSEWHERE' });
  });

  test('a connectionless handshake starts with the challenge', () => {
    const client = newClient({ connectionless: true });
    expect(decodeAuthenticate(client.respond(challengeToken())).userName).toBe('user');
    expect(client.state).toBe('responded');
  });

  test('anonymous: LM response of one zero byte, no NT response (MS-NLMP 3.2.5.1.2)', () => {
    const client = newClient({ credentials: Credentials.anonymous() });
    client.negotiate();
    expect(decodeAuthenticate(client.respond(challengeToken()))).toMatchObject({
      userName: '',
      domainName: '',
      lmChallengeResponse: new Uint8Array(1),
      ntChallengeResponse: new Uint8Array(0),
    });
  });

  test('an empty password is a password: NTLMv1 under MD4 of nothing', () => {
    const client = newClient({
      credentials: Credentials.fromPassword({ username: 'user', password: '' }),
      policy: 'ntlmv2-compatible',
    });
    client.negotiate();
    expect(decodeAuthenticate(client.respond(challengeToken())).ntChallengeResponse.length).toBeGreaterThan(24);
  });
});

describe('a caller that keeps and changes its bytes changes nothing', () => {
  const draws = () => scriptedRandom(new Uint8Array(8).fill(1), new Uint8Array(16).fill(2)).randomBytes;
  const undisturbed = (): string => {
    const client = newClient({ randomBytes: draws(), sessionSecurity: 'seal' });
    client.negotiate();
    return toHex(client.respond(challengeToken()));
  };

  test('the type 1 and the challenge after they were handed over', () => {
    const client = newClient({ randomBytes: draws(), sessionSecurity: 'seal' });
    client.negotiate().fill(0xff);
    const challenge = challengeToken();
    const authenticate = toHex(client.respond(challenge));
    challenge.fill(0xff);
    expect(authenticate).toBe(undisturbed());
    expect(client.target?.name).toBe('DOMAIN');
  });

  test('the tokens that the actor emits', () => {
    const client = newClient({ randomBytes: draws(), sessionSecurity: 'seal' });
    client.actor.on('token', ({ token }) => void token.fill(0xff));
    client.negotiate();
    expect(toHex(client.respond(challengeToken()))).toBe(undisturbed());
  });

  test('the options after the client was made', () => {
    const version = { productMajorVersion: 6, productMinorVersion: 1, productBuild: 7601, ntlmRevisionCurrent: 15 };
    const hash = new Uint8Array(16).fill(7);
    const client = newClient({ version, channelBindings: { hash } });
    Object.assign(version, { productBuild: 'text' });
    hash.fill(0);
    client.negotiate();
    const token = client.respond(challengeToken());
    expect(decodeAuthenticate(token).version?.productBuild).toBe(7601);
    expect(toHex(token)).toContain(`0a001000${'07'.repeat(16)}`);
  });

  test('the session key taken out of its handle', () => {
    const { sessionKey } = clientsIn.responded();
    const before = toHex(sessionKey!.bytes());
    sessionKey!.bytes().fill(0);
    expect(toHex(sessionKey!.bytes())).toBe(before);
  });
});

describe('bytes of any origin are bytes', () => {
  test.each([
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes)],
    [
      'a part of a larger buffer',
      (bytes: Uint8Array) => Uint8Array.of(9, 9, 9, ...bytes, 9).subarray(3, 3 + bytes.length),
    ],
    [
      'shared memory',
      (bytes: Uint8Array) => {
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
        shared.set(bytes);
        return shared;
      },
    ],
    [
      'another realm',
      (bytes: Uint8Array) => runInNewContext('Uint8Array.from(bytes)', { bytes: [...bytes] }) as Uint8Array,
    ],
  ])('%s', (_, from) => {
    const client = clientsIn.negotiated();
    client.respond(from(challengeToken()));
    expect(client.state).toBe('responded');
  });

  test('another realm: what "randomBytes" and "channelBindings" give', () => {
    const foreign = (length: number) => runInNewContext(`new Uint8Array(${length}).fill(5)`) as Uint8Array;
    const client = newClient({ randomBytes: foreign, channelBindings: { hash: foreign(16) } });
    client.negotiate();
    expect(toHex(client.respond(challengeToken()))).toContain(`0a001000${'05'.repeat(16)}`);
  });
});

describe('calls in the wrong order', () => {
  const allowed: Record<keyof typeof clientsIn, readonly (keyof typeof calls)[]> = {
    idle: ['negotiate', 'reset'],
    negotiated: ['respond', 'reset'],
    responded: ['accepted', 'rejected', 'reset'],
    authenticated: ['reset'],
    failed: ['reset'],
  };
  const wrong = Object.entries(allowed).flatMap(([state, names]) =>
    Object.keys(calls)
      .filter((call) => !names.includes(call as keyof typeof calls))
      .map((call) => ({ state: state as keyof typeof clientsIn, call: call as keyof typeof calls })),
  );

  test.each(wrong)('$call in $state is refused and changes nothing', ({ state, call }) => {
    const client = clientsIn[state]();
    const before = client.actor.getSnapshot();
    const error = thrown(() => calls[call](client));
    expect(error).toMatchObject({ code: 'unexpected-call', side: 'local' });
    expect(error.message).toContain(`${call}()`);
    expect(error.message).toContain(`"${state}"`);
    expect(client.actor.getSnapshot()).toBe(before);
  });

  test.each(Object.keys(clientsIn) as (keyof typeof clientsIn)[])('reset in %s leads to idle', (state) => {
    const client = clientsIn[state]();
    client.reset();
    expect(client.state).toBe('idle');
  });
});

describe('options of the wrong kind name the option', () => {
  const version = { productMajorVersion: 10, productMinorVersion: 0, productBuild: 0, ntlmRevisionCurrent: 15 };
  const notText = [5, null, {}, [], Symbol('x'), new Uint8Array(2)];
  const notBoolean = ['yes', 0, 1, null, {}];
  const notFunction = [5, null, 'x', {}, 0n];
  const bad: Record<keyof NtlmOptions, readonly unknown[]> = {
    credentials: [
      undefined,
      null,
      'user:password',
      { username: 'user', password: 'x' },
      structuredClone(credentials),
      7,
    ],
    workstation: notText,
    spn: notText,
    channelBindings: [
      null,
      'x',
      {},
      { hash: 'x' },
      { hash: new Uint8Array(15) },
      { hash: [...Array(16).keys()] },
      new Uint8Array(16),
    ],
    policy: ['ntlm', 'NTLMv2', '', 5, null, {}, 'toString', '__proto__'],
    unicode: notBoolean,
    requestTarget: notBoolean,
    version: [
      true,
      null,
      'x',
      {},
      [],
      ...[256, -1, 1.5, NaN, '6', null].map((productMajorVersion) => ({ ...version, productMajorVersion })),
    ],
    sessionSecurity: ['sealed', '', null, 5, true],
    connectionless: notBoolean,
    now: notFunction,
    randomBytes: notFunction,
  };

  test.each(Object.entries(bad).flatMap(([option, values]) => values.map((value) => ({ option, value }))))(
    '$option: $value',
    ({ option, value }) => {
      const error = expectRefused(() => newClient({ [option]: value }), 'invalid-argument', option);
      expect(error.phase).toBe('configure');
    },
  );

  test('a choice names the choices', () => {
    expect(() => newClient({ sessionSecurity: 'sealed' as never })).toThrow('must be one of none, offer, sign, seal');
  });

  test.each([undefined, null, 'options', 5])('no options at all: %s', (options) => {
    expectRefused(() => new NtlmClient(options as never), 'invalid-argument', 'options');
  });

  test.each([null, 'x', 5])('actor options: %s', (actorOptions) => {
    expectRefused(() => new NtlmClient({ credentials }, actorOptions as never), 'invalid-argument', 'actorOptions');
  });

  test.each([null, 'x', 5])('reset options: %s', (options) => {
    const client = clientsIn.responded();
    expectRefused(() => client.reset(options as never), 'invalid-argument', 'options');
    expect(client.state).toBe('responded');
  });

  test.each([null, 'user', { username: 'user' }])('reset with credentials that are none: %s', (other) => {
    const client = clientsIn.responded();
    expectRefused(() => client.reset({ credentials: other as never }), 'invalid-argument', 'credentials');
    expect(client.state).toBe('responded');
  });
});

test.each([
  ['workstation', 'LAP\top'],
  ['spn', 'HTTP\nas.castle.example'],
] as const)('%s with a control character is refused, and told of as a backslash that was lost', (option, value) => {
  const error = expectRefused(() => newClient({ [option]: value }), 'invalid-argument', option);
  expect(error.message).toContain('a backslash is written twice');
});

describe('names that no 16-bit length can carry', () => {
  const longest = 'x'.repeat(32767); // 65534 bytes of UTF-16LE
  const tooLong = `${longest}x`;

  test.each(['workstation', 'spn'] as const)('%s of 32768 characters', (option) => {
    const error = expectRefused(() => newClient({ [option]: tooLong }), 'too-long', option);
    expect(error.phase).toBe('configure');
    expect(error.message).toContain('65536 bytes');
  });

  test.each(['username', 'domain'] as const)('%s of 32768 characters', (name) => {
    const identity = { username: 'user', domain: 'DOMAIN', [name]: tooLong };
    expectRefused(() => Credentials.fromPassword({ ...identity, password: '' }), 'too-long', name);
    expectRefused(() => Credentials.fromNtHash({ ...identity, ntHash: ntlmV1.ntowfV1 }), 'too-long', name);
  });

  test('workstation, user and domain of 32767 characters arrive whole', () => {
    const client = newClient({
      workstation: longest,
      credentials: Credentials.fromPassword({ username: longest, domain: longest, password: '' }),
    });
    client.negotiate();
    const message = decodeAuthenticate(client.respond(challengeToken()));
    expect(message.workstation).toBe(longest);
    expect(message.userName).toBe(longest);
    expect(message.domainName).toBe(longest);
  });

  test('an SPN that fits its pair but not the response fails the handshake', () => {
    const client = newClient({ spn: longest });
    client.negotiate();
    expectRefused(() => client.respond(challengeToken()), 'too-long', 'ntChallengeResponse');
    expect(client.state).toBe('failed');
  });
});

describe('credentials that are none', () => {
  test('a password of 1 MiB', () => {
    const password = 'p'.repeat(1024 * 1024);
    const error = expectRefused(
      () => Credentials.fromPassword({ username: 'user', password }),
      'invalid-argument',
      'password',
    );
    expect(error.message.length).toBeLessThan(200);
  });

  test.each([undefined, null, 5, Buffer.from('text')])('a password that is no text: %s', (password) => {
    const act = () => Credentials.fromPassword({ username: 'user', password: password as never });
    expectRefused(act, 'invalid-argument', 'password');
  });

  test.each([
    new Uint8Array(0),
    new Uint8Array(15),
    new Uint8Array(17),
    '',
    'a4f49c406510bdcab6824ee7c30fd85',
    'a4f49c406510bdcab6824ee7c30fd8522',
    'a4f49c406510bdcab6824ee7c30fd85g',
    undefined,
    null,
    16,
    [...Array(16).keys()],
  ])('an NT hash that is not 16 bytes: %s', (ntHash) => {
    const act = () => Credentials.fromNtHash({ username: 'user', ntHash: ntHash as never });
    expectRefused(act, 'invalid-argument', 'ntHash');
  });

  test('wiped credentials fail the handshake as missing', () => {
    const own = Credentials.fromPassword({ username: 'user', password: 'x' });
    const client = newClient({ credentials: own });
    client.negotiate();
    own.wipe();
    expect(thrown(() => client.respond(challengeToken()))).toMatchObject({
      code: 'credentials-missing',
      side: 'local',
    });
    expect(client.state).toBe('failed');
  });

  test('an LM response without an LM hash is refused', () => {
    const client = newClient({ policy: lm });
    client.negotiate();
    const challenge = Uint8Array.from(Buffer.from(davenport.type2Minimal, 'hex'));
    expect(thrown(() => client.respond(challenge))).toMatchObject({ code: 'credentials-unsuitable', side: 'local' });
    expect(client.state).toBe('failed');
  });
});

describe('challenges that are none', () => {
  test.each([
    undefined,
    null,
    'TlRMTVNTUAAC',
    7,
    {},
    [78, 84, 76, 77],
    new ArrayBuffer(56),
    new DataView(new ArrayBuffer(56)),
  ])('not bytes: %s leaves the state as it was', (challenge) => {
    const client = clientsIn.negotiated();
    const before = client.actor.getSnapshot();
    expectRefused(() => client.respond(challenge as never), 'invalid-argument', 'challenge');
    expect(client.actor.getSnapshot()).toBe(before);
    client.respond(challengeToken());
    expect(client.state).toBe('responded');
  });

  test.each([
    ['MS-NLMP 4.2.4.3', Uint8Array.from(Buffer.from(ntlmV2.challengeMessage, 'hex'))],
    ['with a timestamp', challengeToken()],
  ])('truncated at any length: %s', (_, challenge) => {
    for (let length = 0; length < challenge.length; length++) {
      const client = clientsIn.negotiated();
      const error = thrown(() => client.respond(challenge.subarray(0, length)));
      expect(error).toMatchObject({ phase: 'challenge', side: 'peer' });
      expect(error.offset).toBeGreaterThanOrEqual(0);
      expect(error.offset).toBeLessThanOrEqual(length);
      expect(client.state).toBe('failed');
      expect(client.error).toBe(error);
      expect(client.sessionKey).toBeUndefined();
    }
  });

  test.each([1, 3, 0, 0xff])('a message of type %i', (type) => {
    const challenge = challengeToken();
    challenge[8] = type;
    const client = clientsIn.negotiated();
    expect(thrown(() => client.respond(challenge))).toMatchObject({
      code: 'wrong-message-type',
      side: 'peer',
      offset: 8,
    });
    expect(client.state).toBe('failed');
  });

  test('after a failure only reset leads on', () => {
    const client = clientsIn.negotiated();
    thrown(() => client.respond(new Uint8Array(5)));
    expect(thrown(() => client.respond(challengeToken())).code).toBe('unexpected-call');
    client.reset();
    client.negotiate();
    client.respond(challengeToken());
    expect(client.state).toBe('responded');
  });
});
