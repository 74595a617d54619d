/**
 * A canary in every secret, and a look at everything that a debugger, a logger, a tracer or a crash report could
 * show of whole runs: none of it may sing.
 */
import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { serialize } from 'node:v8';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { fromPromise } from 'xstate';
import {
  Credentials,
  NtlmClient,
  NtlmError,
  createNtlmActor,
  ntlmMachine,
  type AuthenticateInput,
  type AuthenticateOutput,
  type NtlmActor,
  type NtlmOptions,
} from '../../src/index.ts';
import { ntowfV1, ntowfV2 } from '../../src/crypto/index.ts';
import { credentialsWithLmHash, lm, lmowfV1 } from '../../src/legacy/index.ts';
import { authenticate } from '../../src/machine/authenticate.ts';
import { needle, reachable, shownIn, textNeedles, type Needle } from '../support/deep-walk.ts';
import { GENEROUS, challengeToken } from '../support/handshake.ts';

const PASSWORD = 'Kanari3n:"vög\\el"';
const LM_PASSWORD = 'kanarienvogel7';
const SESSION_KEY = Uint8Array.from(Buffer.from('c0ffee5a11dec0de5eed1e55ba5eba11', 'hex'));

const ntHash = ntowfV1(PASSWORD);
const responseKey = ntowfV2(ntHash, 'user', 'DOMAIN');
const secrets: readonly Needle[] = [
  ...textNeedles('password', PASSWORD),
  needle('NT hash', ntHash),
  needle('NTOWFv2', responseKey),
  needle('session key', SESSION_KEY),
];

const fresh = (): Credentials => Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: PASSWORD });
/** In a variable of its own, so that nothing but the library can hold the session key. */
const randomBytes = (length: number): Uint8Array =>
  length === 16
    ? Uint8Array.from(Buffer.from('c0ffee5a11dec0de5eed1e55ba5eba11', 'hex'))
    : new Uint8Array(length).fill(0xaa);

/** Every way in which Node prints or copies a value. */
const prints: Record<string, (value: unknown) => string> = {
  'JSON.stringify': (value) => JSON.stringify(value, plainly) ?? '',
  'util.inspect': (value) =>
    inspect(value, { depth: Infinity, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity }),
  'util.inspect, getters': (value) => inspect(value, { depth: 8, getters: true }),
  'string interpolation': (value) =>
    Object(value) === value && !('toString' in (value as object)) ? '' : String(value),
  'v8.serialize': (value) => {
    try {
      return serialize(value).toString('latin1');
    } catch {
      return ''; // functions cannot be copied: nothing leaves
    }
  },
};

function sung(value: unknown, needles: readonly Needle[] = secrets): string[] {
  const printed = Object.entries(prints).flatMap(([way, print]) =>
    shownIn(print(value), needles).map((name) => `${way}: ${name}`),
  );
  return [...printed, ...reachable(value, needles)];
}

/** What `structuredClone` copies of each part of `value`, part by part, as functions stop it. */
function clonesOf(value: object): unknown[] {
  return Reflect.ownKeys(value).flatMap((key) => {
    try {
      return [structuredClone((value as Record<PropertyKey, unknown>)[key])];
    } catch {
      return [];
    }
  });
}

function expectSilence(actor: NtlmActor, needles: readonly Needle[] = secrets): void {
  const snapshot = actor.getSnapshot();
  const persisted = actor.getPersistedSnapshot();
  const { context } = snapshot;
  expect(sung(context, needles)).toEqual([]);
  expect(sung(persisted, needles)).toEqual([]);
  expect(reachable(snapshot, needles)).toEqual([]);
  expect(reachable(actor, needles)).toEqual([]);
  expect(shownIn(JSON.stringify(snapshot), needles)).toEqual([]);
  expect(shownIn(JSON.stringify(actor), needles)).toEqual([]);
  for (const clone of clonesOf(context)) expect(sung(clone, needles)).toEqual([]);
}

/** What an error shows: itself, its stack and each of its causes. */
function expectSilentError(error: unknown, needles: readonly Needle[] = secrets): void {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    expect(sung(cause, needles)).toEqual([]);
    expect(shownIn(`${cause.message} ${cause.stack}`, needles)).toEqual([]);
  }
}

const consoles = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
  vi.spyOn(console, name).mockImplementation(() => {}),
);
const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

afterEach(() => {
  for (const spy of [...consoles, warnings]) {
    for (const call of spy.mock.calls) expect(sung(call)).toEqual([]);
    spy.mockClear();
  }
});

/** Runs `scenario` with an inspector that looks at each event as it comes. */
function watched(
  scenario: (actor: NtlmActor) => void | Promise<void>,
  options: Partial<NtlmOptions> = {},
  machine = ntlmMachine,
) {
  const found: string[] = [];
  let events = 0;
  const actor = createNtlmActor(
    { credentials: fresh(), sessionSecurity: 'seal', randomBytes, ...options },
    {
      machine,
      inspect: (event) => {
        events += 1;
        found.push(...reachable(event, secrets).map((where) => `${event.type}${where}`));
        found.push(...shownIn(JSON.stringify(event, plainly), secrets).map((name) => `${event.type} as JSON: ${name}`));
        if ('snapshot' in event) found.push(...shownIn(prints['util.inspect']!(contextOf(event.snapshot)), secrets));
      },
    },
  );
  actor.on('token', (emitted) => void found.push(...sung(emitted).map((where) => `token ${where}`)));
  return { actor, run: () => scenario(actor), found, events: () => events };
}

/** JSON as a tracer makes it: handles by their own toJSON, actors by theirs, 64-bit numbers as text. */
function plainly(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

const contextOf = (snapshot: unknown): unknown => (snapshot as { context?: unknown }).context ?? snapshot;

const negotiate = { type: 'negotiate' } as const;
const challenge = () => ({ type: 'challenge', token: challengeToken() }) as const;
const weakChallenge = () => ({ type: 'challenge', token: challengeToken({ flags: 0x201 }) }) as const;
const slow = (run: (input: AuthenticateInput) => Promise<AuthenticateOutput>): typeof ntlmMachine =>
  ntlmMachine.provide({
    actors: { authenticate: fromPromise<AuthenticateOutput, AuthenticateInput>(({ input }) => run(input)) },
  });
const later = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Run {
  readonly scenario: (actor: NtlmActor) => void | Promise<void>;
  readonly options?: Partial<NtlmOptions>;
  readonly machine?: typeof ntlmMachine;
  readonly ends: unknown;
}

const runs: Record<string, Run> = {
  success: {
    scenario: (actor) => [negotiate, challenge(), { type: 'accepted' } as const].forEach((event) => actor.send(event)),
    ends: 'authenticated',
  },
  'success with bindings and SPN': {
    scenario: (actor) => [negotiate, challenge(), { type: 'accepted' } as const].forEach((event) => actor.send(event)),
    options: { spn: 'HTTP/server', channelBindings: { hash: new Uint8Array(16).fill(1) }, workstation: 'HERE' },
    ends: 'authenticated',
  },
  rejection: {
    scenario: (actor) => [negotiate, challenge(), { type: 'rejected' } as const].forEach((event) => actor.send(event)),
    ends: { failed: 'rejected' },
  },
  refusal: {
    scenario: (actor) => [negotiate, weakChallenge()].forEach((event) => actor.send(event)),
    ends: { failed: 'refused' },
  },
  'a malformed challenge': {
    scenario: (actor) =>
      [negotiate, { type: 'challenge', token: challengeToken().subarray(0, 60) } as const].forEach((event) =>
        actor.send(event),
      ),
    ends: { failed: 'faulted' },
  },
  'randomness that fails after the first draw': {
    scenario: (actor) => [negotiate, challenge()].forEach((event) => actor.send(event)),
    options: {
      randomBytes: (length) => {
        if (length === 16) throw new Error('no more');
        return randomBytes(length);
      },
    },
    ends: { failed: 'faulted' },
  },
  'wiped credentials': {
    scenario: (actor) => {
      actor.send(negotiate);
      actor.getSnapshot().context.credentials.wipe();
      actor.send(challenge());
    },
    ends: { failed: 'faulted' },
  },
  'a slow service': {
    scenario: async (actor) => {
      [negotiate, challenge()].forEach((event) => actor.send(event));
      expectSilence(actor); // persisted with the service at work, its input within
      await later();
    },
    machine: slow((input) => Promise.resolve(authenticate(input))),
    ends: 'responded',
  },
  'a service that fails with what it was given': {
    scenario: async (actor) => {
      [negotiate, challenge()].forEach((event) => actor.send(event));
      await later();
    },
    machine: slow((input) => Promise.reject(new Error('failed', { cause: { input } }))),
    ends: { failed: 'faulted' },
  },
  reset: {
    scenario: (actor) =>
      [
        negotiate,
        challenge(),
        { type: 'accepted' } as const,
        { type: 'reset', credentials: fresh() } as const,
        negotiate,
        challenge(),
      ].forEach((event) => actor.send(event)),
    ends: 'responded',
  },
  'events that mean nothing': {
    scenario: (actor) =>
      [negotiate, negotiate, { type: 'reset', credentials: null } as never, { type: 'unknown' } as never].forEach(
        (event) => actor.send(event),
      ),
    ends: { negotiated: 'waiting' },
  },
};

describe('whole runs', () => {
  test.each(Object.entries(runs))('%s', async (_, { scenario, options, machine, ends }) => {
    const { actor, run, found, events } = watched(scenario, options, machine);
    await run();
    expect(actor.getSnapshot().value).toEqual(ends);
    expect(events()).toBeGreaterThan(3);
    expect(found).toEqual([]);
    expectSilence(actor);
    expectSilentError(actor.getSnapshot().context.error);
    actor.stop();
    expect(reachable(actor, secrets)).toEqual([]);
  });

  test('without a key exchange the session key, which is derived, is as silent', () => {
    const actor = createNtlmActor({ credentials: fresh(), randomBytes });
    actor.send(negotiate);
    actor.send(challenge());
    const { sessionKey, token } = actor.getSnapshot().context;
    const proof = Buffer.from(token!).indexOf('0101000000000000', 'hex') - 16;
    const derived = createHmac('md5', responseKey)
      .update(token!.subarray(proof, proof + 16))
      .digest();
    expect(Buffer.from(sessionKey!.bytes()).equals(derived)).toBe(true); // the canary is the right bird
    expectSilence(actor, [...secrets, needle('derived session key', derived)]);
  });

  test('an LM response: the LM hash and its password', () => {
    const lmHash = lmowfV1(LM_PASSWORD);
    const needles = [
      ...textNeedles('password', LM_PASSWORD),
      ...textNeedles('password in capitals', LM_PASSWORD.toUpperCase()),
      needle('LM hash', lmHash),
      needle('NT hash', ntowfV1(LM_PASSWORD)),
      needle('LM session key', Uint8Array.from([...lmHash.subarray(0, 8), ...new Uint8Array(8)])),
    ];
    const credentials = credentialsWithLmHash({ username: 'user', password: LM_PASSWORD });
    const actor = createNtlmActor({ credentials, policy: lm, randomBytes });
    actor.send(negotiate);
    actor.send({ type: 'challenge', token: challengeToken({ flags: (GENEROUS & ~0x80000) >>> 0 }) });
    expect(actor.getSnapshot().value).toBe('responded');
    expectSilence(actor, needles);
  });

  test('the client in front of the actor', () => {
    const client = new NtlmClient({ credentials: fresh(), sessionSecurity: 'sign', randomBytes });
    client.negotiate();
    client.respond(challengeToken());
    expect(client.sessionKey!.bytes()).toEqual(SESSION_KEY);
    expect(reachable(client, secrets)).toEqual([]);
    expect(sung(client.target)).toEqual([]);
    expect(sung(client.sessionKey)).toEqual([]);
  });
});

describe('handles', () => {
  test.each([
    ['credentials from a password', fresh()],
    ['credentials from a hash', Credentials.fromNtHash({ username: 'user', ntHash })],
  ])('%s, before and after use, printed, spread and cloned', (_, credentials) => {
    const client = new NtlmClient({ credentials });
    client.negotiate();
    client.respond(challengeToken());
    expect(sung(credentials)).toEqual([]);
    expect(sung({ ...credentials })).toEqual([]);
    expect(sung(Object.assign(Object.create(null), credentials))).toEqual([]);
    expect(sung(structuredClone(credentials))).toEqual([]);
    expect(JSON.stringify(credentials)).toContain('[redacted]');
    expect(inspect({ credentials }, { showHidden: true })).toContain('[redacted]');
  });
});

describe('errors about secrets', () => {
  const hash = Buffer.from(ntHash).toString('hex');
  const mistakes: Record<string, () => unknown> = {
    'a password where credentials belong': () => new NtlmClient({ credentials: PASSWORD as never }),
    'a bare object where credentials belong': () =>
      new NtlmClient({ credentials: { username: 'user', password: PASSWORD } as never }),
    'a hash of 31 digits': () => Credentials.fromNtHash({ username: 'user', ntHash: hash.slice(1) }),
    'a hash with something behind it': () => Credentials.fromNtHash({ username: 'user', ntHash: `${hash}:` }),
    'a hash as an array': () => Credentials.fromNtHash({ username: 'user', ntHash: [...ntHash] as never }),
    'a password as bytes': () =>
      Credentials.fromPassword({ username: 'user', password: Buffer.from(PASSWORD) as never }),
    'a password of 1 MiB': () => Credentials.fromPassword({ username: 'user', password: PASSWORD.repeat(65536) }),
    'a password that has no LM hash': () => credentialsWithLmHash({ username: 'user', password: PASSWORD }),
    'an LM hash where none is made': () =>
      Credentials.fromPassword({ username: 'user', password: PASSWORD, lmHash: true as never }),
    'credentials that were wiped': () => {
      const credentials = fresh();
      const client = new NtlmClient({ credentials });
      client.negotiate();
      credentials.wipe();
      client.respond(challengeToken());
    },
    'a session key of another size': () =>
      new NtlmClient({ credentials: fresh(), channelBindings: { hash: SESSION_KEY.subarray(1) } }),
  };
  const cut = [...secrets, { name: 'cut NT hash', bytes: [], texts: [hash.slice(1)] }];

  test.each(Object.entries(mistakes))('%s', (_, mistake) => {
    let error: unknown;
    try {
      mistake();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(NtlmError);
    expectSilentError(error, cut);
  });
});

describe('the canary sings where it is', () => {
  const key = needle('key', SESSION_KEY);
  const hidden = Object.defineProperty({}, 'key', { value: SESSION_KEY, enumerable: false });
  const cages: Record<string, unknown> = {
    'a byte array': { deep: [SESSION_KEY] },
    'a part of a buffer': { bytes: Buffer.concat([Buffer.alloc(3), SESSION_KEY, Buffer.alloc(3)]).buffer },
    numbers: { list: [...SESSION_KEY] },
    hexadecimal: { text: `key=${Buffer.from(SESSION_KEY).toString('hex').toUpperCase()}` },
    base64: { text: Buffer.from(SESSION_KEY).toString('base64') },
    'JSON of bytes': { text: JSON.stringify({ data: [...SESSION_KEY] }) },
    'JSON of a Uint8Array': { text: JSON.stringify({ key: SESSION_KEY }) },
    'the print of a Buffer': { text: inspect(Buffer.from(SESSION_KEY)) },
    'the print of a Uint8Array': { text: inspect(SESSION_KEY, { breakLength: Infinity }) },
    'a hidden property': hidden,
    'a symbol': { [Symbol('key')]: SESSION_KEY },
    'a getter': Object.defineProperty({}, 'key', { get: () => SESSION_KEY }),
    'a map': new Map([['a', { b: SESSION_KEY }]]),
    'a set': new Set([[SESSION_KEY]]),
    'a cause': new Error('failed', { cause: { key: SESSION_KEY } }),
    'a function': Object.assign(() => {}, { key: SESSION_KEY }),
    'a prototype': Object.create({ key: SESSION_KEY }),
    'a weak reference': new WeakRef(SESSION_KEY),
  };
  test.each(Object.entries(cages))('%s', (_, cage) => {
    expect(reachable(cage, [key])).not.toEqual([]);
  });

  test.each(['UTF-8', 'UTF-16LE'])('a password as %s bytes', (encoding) => {
    const bytes = Uint8Array.from(Buffer.from(PASSWORD, encoding === 'UTF-8' ? 'utf8' : 'utf16le'));
    expect(reachable({ bytes }, secrets).join()).toContain(encoding);
  });

  test('a password as text, and as text in JSON', () => {
    expect(shownIn(`user:${PASSWORD}@host`, secrets)).not.toEqual([]);
    expect(shownIn(JSON.stringify({ PASSWORD }), secrets)).not.toEqual([]);
  });
});
