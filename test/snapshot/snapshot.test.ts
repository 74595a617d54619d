import { credentialsWithLmHash, legacyPolicies, lm, lmAndNtlmv1 } from '../../src/legacy/index.ts';
import { allPolicies } from '../support/policies.ts';
import { inspect } from 'node:util';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import {
  Credentials,
  NtlmClient,
  SessionKey,
  createNtlmActor,
  ntlmMachine,
  stateOf,
  type NtlmActor,
  type NtlmEvent,
  type NtlmOptions,
} from '../../src/index.ts';
import { decodeAuthenticate } from '../../src/messages/index.ts';
import { openSnapshot, sealSnapshot, type OpenSnapshotOptions } from '../../src/snapshot/index.ts';
import { toHex, utf16 } from '../support/bytes.ts';
import { TIMESTAMP, challengeToken, tokensOf } from '../support/handshake.ts';
import { zeroedBy } from '../support/overwritten.ts';
import { thrown } from '../support/thrown.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1);
const NT_HASH = 'cd06ca7c7e10c99b1d33b7485a2ed808'; // of SecREt01 (davenport)
const alice = Credentials.fromNtHash({ username: 'alice', domain: 'DOMAIN', ntHash: NT_HASH });
const now = (): bigint => TIMESTAMP;

/** Deterministic draws: what a run and its copy both get, in the same order. */
function draws(): (length: number) => Uint8Array {
  let count = 0;
  return (length) => new Uint8Array(length).fill(++count);
}

const start = (options: Partial<NtlmOptions> = {}): NtlmActor => createNtlmActor({ credentials: alice, now, ...options });
const reopen = (actor: NtlmActor, options: OpenSnapshotOptions = { now }): NtlmActor =>
  openSnapshot(sealSnapshot(actor, KEY), KEY, options);

/** An actor in each state that lasts. */
const actorsIn: Record<string, (options?: Partial<NtlmOptions>) => NtlmActor> = {
  idle: (options) => start(options),
  negotiated: (options) => after(start(options), { type: 'negotiate' }),
  responded: (options) => after(actorsIn['negotiated']!(options), { type: 'challenge', token: challengeToken() }),
  authenticated: (options) => after(actorsIn['responded']!(options), { type: 'accepted' }),
  'failed, rejected': (options) => after(actorsIn['responded']!(options), { type: 'rejected' }),
  'failed, refused': (options) => after(actorsIn['negotiated']!(options), { type: 'challenge', token: challengeToken({ flags: 1 }) }),
  'failed, faulted': (options) => after(actorsIn['negotiated']!(options), { type: 'challenge', token: new Uint8Array(12) }),
};

function after(actor: NtlmActor, event: NtlmEvent): NtlmActor {
  actor.send(event);
  return actor;
}

/** All that can be seen of a context, handles opened. */
function visible(actor: NtlmActor): unknown {
  const { value, context, tags, status } = actor.getSnapshot();
  const { options, credentials, sessionKey, error, ...rest } = context;
  const { now: _now, randomBytes: _randomBytes, ...data } = options;
  const key = sessionKey && (sessionKey.wiped ? 'wiped' : toHex(sessionKey.bytes()));
  const { username, domain, anonymous, hasLmHash, wiped } = credentials;
  return { value, tags, status, rest, data, key, error: error?.toJSON(), names: { username, domain, anonymous, hasLmHash, wiped } };
}

describe('a sealed snapshot', () => {
  test.each(Object.keys(actorsIn))('of %s opens to the same state, context and handles', (name) => {
    const actor = actorsIn[name]!({
      workstation: 'WORK\ud800STATION',
      spn: 'HTTP/host',
      channelBindings: { hash: new Uint8Array(16).fill(9) },
      sessionSecurity: 'seal',
      version: { productMajorVersion: 6, productMinorVersion: 1, productBuild: 7601, ntlmRevisionCurrent: 15 },
    });
    const opened = reopen(actor);
    expect(visible(opened)).toEqual(visible(actor));
    expect(opened).not.toBe(actor);
  });

  test.each([
    ['without version', { version: false }],
    ['with an OEM character set', { unicode: false, requestTarget: false }],
    ['connectionless', { connectionless: true }],
    ['with a weak policy', { policy: lmAndNtlmv1 }],
    ['anonymous', { credentials: Credentials.anonymous() }],
    ['of a user without domain', { credentials: Credentials.fromNtHash({ username: 'a\\b@c', domain: '', ntHash: NT_HASH }) }],
    ['with an LM hash', { credentials: credentialsWithLmHash({ username: 'alice', password: 'x' }) }],
  ] satisfies [string, Partial<NtlmOptions>][])('keeps the options %s', (_, options) => {
    const actor = start(options);
    expect(visible(reopen(actor, { now, policies: legacyPolicies }))).toEqual(visible(actor));
  });

  test('opens for the client of three calls, too', () => {
    const client = new NtlmClient(reopen(actorsIn['negotiated']!()));
    expect(client.state).toBe('negotiated');
    expect(decodeAuthenticate(client.respond(challengeToken()))).toMatchObject({ userName: 'alice', domainName: 'DOMAIN' });
    expect(new NtlmClient(reopen(client.actor)).target).toEqual(client.target);
  });

  test('of credentials that were wiped opens to wiped ones', () => {
    const credentials = Credentials.fromNtHash({ username: 'alice', ntHash: NT_HASH, lmHash: NT_HASH });
    const actor = actorsIn['negotiated']!({ credentials });
    credentials.wipe();
    const opened = reopen(actor);
    expect(visible(opened)).toEqual(visible(actor));
    opened.send({ type: 'challenge', token: challengeToken() });
    expect(opened.getSnapshot().context.error).toMatchObject({ code: 'credentials-missing' });
  });

  test('hands out copies: wiping one actor leaves the other as it was', () => {
    const actor = actorsIn['responded']!();
    const before = toHex(actor.getSnapshot().context.sessionKey!.bytes());
    const opened = reopen(actor);
    actor.send({ type: 'reset' });
    expect(opened.getSnapshot().context.sessionKey).toBeInstanceOf(SessionKey);
    expect(toHex(opened.getSnapshot().context.sessionKey!.bytes())).toBe(before);
  });

  test('goes on in a variation of the machine, with an inspector', () => {
    const seen: string[] = [];
    const opened = reopen(actorsIn['negotiated']!(), {
      now,
      machine: ntlmMachine.provide({ actors: { authenticate: fromPromise(() => new Promise(() => {})) } }),
      inspect: (event) => void seen.push(event.type),
    });
    opened.send({ type: 'challenge', token: challengeToken() });
    expect(opened.getSnapshot().hasTag('busy')).toBe(true);
    expect(seen).toContain('@xstate.snapshot');
  });

  test('of a service at work is refused, and the service goes on', async () => {
    let finish: (token: Uint8Array<ArrayBuffer>) => void = () => {};
    const machine = ntlmMachine.provide({
      actors: { encodeNegotiate: fromPromise(() => new Promise<Uint8Array<ArrayBuffer>>((resolve) => (finish = resolve))) },
    });
    const actor = createNtlmActor({ credentials: alice }, { machine });
    actor.send({ type: 'negotiate' });
    expect(thrown(() => sealSnapshot(actor, KEY))).toMatchObject({
      code: 'unexpected-call',
      phase: 'snapshot',
      side: 'local',
      message: 'a service is at work: seal before or after it',
    });
    finish(Uint8Array.of(1, 2, 3));
    await new Promise(setImmediate);
    expect(reopen(actor, {}).getSnapshot().context.token).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('shows nothing of what is inside, and two of one state share no byte run', () => {
    const actor = actorsIn['responded']!();
    const sealed = sealSnapshot(actor, KEY);
    const { context } = actor.getSnapshot();
    const secrets = [
      ...[NT_HASH, toHex(context.sessionKey!.bytes()), toHex(context.token!), toHex(context.challengeToken!)],
      ...['alice', 'DOMAIN', 'responded'].flatMap((text) => [Buffer.from(text).toString('hex'), toHex(utf16(text))]),
    ];
    for (const secret of secrets) expect(toHex(sealed)).not.toContain(secret);
    const again = sealSnapshot(actor, KEY);
    expect(again.length).toBe(sealed.length);
    const same = sealed.filter((byte, i) => byte === again[i]).length;
    expect(same).toBeLessThan(sealed.length / 16); // 1 in 256 by chance
    expect(inspect(reopen(actor).getSnapshot().context, { depth: 9, showHidden: true })).not.toContain(NT_HASH);
  });
});

describe('what is not opened', () => {
  let sealed: Uint8Array;
  beforeAll(() => void (sealed = sealSnapshot(actorsIn['responded']!(), KEY)));
  const REFUSED = { code: 'snapshot-refused', phase: 'snapshot', side: 'local' };
  const ALTERED = { ...REFUSED, message: 'the snapshot was altered or sealed with another key' };
  const OTHER_VERSION = { ...REFUSED, message: 'the snapshot was not made by this version' };

  test('any altered byte, any prefix, anything added', () => {
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice();
      altered[at]! ^= 1 << at % 8;
      expect(thrown(() => openSnapshot(altered, KEY, { now }))).toMatchObject(at === 0 ? OTHER_VERSION : ALTERED);
      expect(thrown(() => openSnapshot(sealed.subarray(0, at), KEY, { now }))).toMatchObject(at === 0 ? OTHER_VERSION : ALTERED);
    }
    expect(thrown(() => openSnapshot(Uint8Array.of(...sealed, 0), KEY, { now }))).toMatchObject(ALTERED);
  });

  test('another key', () => {
    for (let at = 0; at < KEY.length; at++) {
      const other = KEY.slice();
      other[at]! ^= 0x80;
      expect(thrown(() => openSnapshot(sealed, other, { now }))).toMatchObject(ALTERED);
    }
  });

  test('another version, even with an authentic body', () => {
    expect(sealed[0]).toBe(1);
    for (let version = 0; version < 256; version++) {
      if (version === 1) continue;
      expect(thrown(() => openSnapshot(Uint8Array.of(version, ...sealed.subarray(1)), KEY, { now }))).toMatchObject(OTHER_VERSION);
    }
  });

  const at = (milliseconds: number) => (): bigint => TIMESTAMP + BigInt(milliseconds) * 10_000n;
  test.each([
    ['five minutes and a tick', {}, 300_000, 1n],
    ['a millisecond and a tick with maxAge 1', { maxAge: 1 }, 1, 1n],
    ['a tick with maxAge 0', { maxAge: 0 }, 0, 1n],
    ['five minutes and a tick in the future', {}, -300_000, -1n],
  ])('one that is older than %s', (_, limit, milliseconds, tick) => {
    const edge = at(milliseconds)();
    expect(stateOf(openSnapshot(sealed, KEY, { ...limit, now: () => edge }).getSnapshot())).toBe('responded');
    expect(thrown(() => openSnapshot(sealed, KEY, { ...limit, now: () => edge + tick }))).toMatchObject({ ...REFUSED, message: 'the snapshot is too old' });
  });

  test('a clock that fails is a typed error on either side', () => {
    const broken = (): bigint => {
      throw new RangeError('no clock');
    };
    const FAILED = { code: 'service-failed', phase: 'snapshot', side: 'local', message: 'the clock failed' };
    expect(thrown(() => openSnapshot(sealed, KEY, { now: broken }))).toMatchObject(FAILED);
    expect(thrown(() => sealSnapshot(start({ now: broken }), KEY))).toMatchObject(FAILED);
    expect(thrown(() => sealSnapshot(start({ now: () => -1n }), KEY))).toMatchObject({ code: 'invalid-argument' });
  });

  test.each([
    ['"key" must be a Uint8Array of 32 bytes', 'snapshot', () => openSnapshot(sealed, KEY.subarray(1), { now })],
    ['"key" must be a Uint8Array of 32 bytes', 'snapshot', () => sealSnapshot(start(), new Uint8Array(33))],
    ['"key" must be a Uint8Array of 32 bytes', 'snapshot', () => sealSnapshot(start(), toHex(KEY).slice(32) as unknown as Uint8Array)],
    ['"bytes" must be a Uint8Array', 'snapshot', () => openSnapshot(toHex(sealed) as unknown as Uint8Array, KEY)],
    ['"options" must be an object', 'configure', () => openSnapshot(sealed, KEY, null as unknown as OpenSnapshotOptions)],
    ['"maxAge" must be a number of milliseconds', 'snapshot', () => openSnapshot(sealed, KEY, { now, maxAge: -1 })],
    ['"maxAge" must be a number of milliseconds', 'snapshot', () => openSnapshot(sealed, KEY, { now, maxAge: NaN })],
    ['"maxAge" must be a number of milliseconds', 'snapshot', () => openSnapshot(sealed, KEY, { now, maxAge: Infinity })],
    ['"maxAge" must be a number of milliseconds', 'snapshot', () => openSnapshot(sealed, KEY, { now, maxAge: '5' as unknown as number })],
    ['"now" must be a function', 'configure', () => openSnapshot(sealed, KEY, { now: 5 as unknown as () => bigint })],
    ['"randomBytes" must be a function', 'configure', () => openSnapshot(sealed, KEY, { now, randomBytes: 5 as unknown as () => Uint8Array })],
    ['"actor" must be an actor of ntlmMachine', 'snapshot', () => sealSnapshot(undefined as unknown as NtlmActor, KEY)],
    ['"actor" must be an actor of ntlmMachine', 'snapshot', () => sealSnapshot({} as unknown as NtlmActor, KEY)],
  ])('%s (%#)', (message, phase, act) => {
    expect(thrown(act)).toMatchObject({ code: 'invalid-argument', phase, side: 'local', message });
  });

  test('the longest maxAge is a safe integer', () => {
    expect(stateOf(openSnapshot(sealed, KEY, { now: at(1e12), maxAge: Number.MAX_SAFE_INTEGER }).getSnapshot())).toBe('responded');
  });

  test('a format other than this one, though it is authentic under the same key', () => {
    const body = xchacha20poly1305(KEY, sealed.subarray(1, 25), new TextEncoder().encode('ntlmachine snapshot\u0001')).decrypt(sealed.subarray(25));
    expect(body.length).toBeGreaterThan(100);
    const other = xchacha20poly1305(KEY, sealed.subarray(1, 25), new TextEncoder().encode('something else\u0001')).encrypt(body);
    expect(thrown(() => openSnapshot(Uint8Array.of(...sealed.subarray(0, 25), ...other), KEY, { now }))).toMatchObject(ALTERED);
  });
});

describe('what is overwritten', () => {
  const LM_HASH = 'ff3750bcc2b22412c2265b23734e0dac'; // of SecREt01 (davenport)
  const both = Credentials.fromNtHash({ username: 'alice', ntHash: NT_HASH, lmHash: LM_HASH });
  const actor = actorsIn['responded']!({ credentials: both, sessionSecurity: 'seal', randomBytes: draws() });
  const key = toHex(actor.getSnapshot().context.sessionKey!.bytes());

  test('the plain bytes of a snapshot, once they are sealed, even where that fails', () => {
    const holds = (text: string): boolean => text.includes(NT_HASH) && text.includes(key);
    expect(zeroedBy(() => sealSnapshot(actor, KEY)).some(holds)).toBe(true);
    expect(zeroedBy(() => thrown(() => sealSnapshot(actor, new Uint8Array(3)))).some(holds)).toBe(true);
  });

  test('the bytes that handles were made of, once they are open', () => {
    const sealed = sealSnapshot(actor, KEY);
    const zeroed = zeroedBy(() => openSnapshot(sealed, KEY, { now }));
    expect(zeroed).toEqual(expect.arrayContaining([NT_HASH, LM_HASH, key]));
  });

  test('the copy of the session key that was sealed, and not the handle it is of', () => {
    const alone = (): string[] => zeroedBy(() => sealSnapshot(actor, KEY)).filter((bytes) => bytes === key);
    expect([alone().length, alone().length]).toEqual([1, 1]);
    expect(toHex(actor.getSnapshot().context.sessionKey!.bytes())).toBe(key);
    expect(zeroedBy(() => thrown(() => sealSnapshot(actor, new Uint8Array(3))))).toContain(key);
  });

  test.each<[string, OpenSnapshotOptions]>([
    ['a source of randomness that is none', { now, randomBytes: 7 as never }],
    ['a clock that fails', { now: () => { throw new Error('no clock'); } }],
    ['a machine that is none', { now, machine: {} as never }],
  ])('the handles of a snapshot that is not opened for %s', (_, options) => {
    const sealed = sealSnapshot(actor, KEY);
    const zeroed = zeroedBy(() => expect(() => openSnapshot(sealed, KEY, options)).toThrow());
    for (const secret of [NT_HASH, LM_HASH, key]) expect(zeroed.filter((bytes) => bytes === secret)).toHaveLength(2); // bytes and handle
  });

  test('the handles of a snapshot that is too old, with a session key or before there is one', () => {
    const wiped = vi.spyOn(SessionKey.prototype, 'wipe');
    for (const [old, keys] of [[actor, 1], [actorsIn['negotiated']!({ credentials: both }), 0]] as const) {
      const sealed = sealSnapshot(old, KEY);
      const forgotten = vi.spyOn(Credentials.prototype, 'wipe');
      wiped.mockClear();
      expect(thrown(() => openSnapshot(sealed, KEY, { now: () => TIMESTAMP + 1n, maxAge: 0 }))).toMatchObject({ code: 'snapshot-refused' });
      expect([forgotten.mock.calls.length, wiped.mock.calls.length]).toEqual([1, keys]);
      forgotten.mockRestore();
    }
    wiped.mockRestore();
  });

  test('nothing is sealed of an actor whose options were refused', () => {
    const broken = createActor(ntlmMachine, { input: {} as never });
    expect(thrown(() => sealSnapshot(broken, KEY))).toMatchObject({ code: 'unexpected-call', phase: 'snapshot', side: 'local' });
  });
});

describe('seal at any state, open, and the run ends as if nothing had happened', () => {
  type Step = 'negotiate' | 'answer' | 'garbage' | 'verdict' | 'lie' | 'reset' | 'other user';
  const step = fc.constantFrom<Step>('negotiate', 'answer', 'answer', 'garbage', 'verdict', 'verdict', 'lie', 'reset', 'other user');
  const steps = fc.oneof(
    fc.array(step, { maxLength: 12 }),
    fc.array(step, { maxLength: 4 }).map((rest): Step[] => ['negotiate', 'answer', 'verdict', ...rest, 'reset', 'negotiate', 'answer', 'verdict']),
  );
  const options = fc.record(
    {
      policy: fc.constantFrom(...allPolicies),
      sessionSecurity: fc.constantFrom('none' as const, 'sign' as const, 'seal' as const),
      unicode: fc.boolean(),
      requestTarget: fc.boolean(),
      connectionless: fc.boolean(),
      spn: fc.string(),
      channelBindings: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((hash) => ({ hash })),
      version: fc.constant(false as const),
    },
    { requiredKeys: [] },
  );
  const bob = credentialsWithLmHash({ username: 'bob', password: 'b' });
  const wrong = Credentials.fromPassword({ username: 'alice', domain: 'DOMAIN', password: 'not hers' });

  /** One run: what the actor shows after each step, every token, and what the acceptor says. */
  async function run(script: readonly Step[], given: Partial<NtlmOptions>, seals: readonly boolean[]): Promise<unknown[]> {
    const log: unknown[] = [];
    const randomBytes = draws();
    const serverDraws = draws();
    const acceptor = new NtlmAcceptor({
      credentials: ({ username }) => (username === 'bob' ? bob : alice),
      policy: lm,
      anonymous: true,
      now,
      randomBytes: serverDraws,
    });
    let actor = start({ ...given, randomBytes });
    let tokens = tokensOf(actor);
    for (const [i, name] of script.entries()) {
      if (seals[i % seals.length]) {
        actor = openSnapshot(sealSnapshot(actor, KEY), KEY, { now, randomBytes, policies: legacyPolicies });
        tokens = tokensOf(actor);
      }
      const { context } = actor.getSnapshot();
      switch (name) {
        case 'negotiate':
          actor.send({ type: 'negotiate' });
          break;
        case 'answer': {
          acceptor.reset();
          const token = acceptor.challenge(context.negotiateToken ?? Buffer.from('4e544c4d5353500001000000070288a0', 'hex'));
          actor.send({ type: 'challenge', token });
          break;
        }
        case 'garbage':
          actor.send({ type: 'challenge', token: new Uint8Array(40) });
          break;
        case 'verdict': {
          if (stateOf(actor.getSnapshot()) !== 'responded' || acceptor.state !== 'challenged') break;
          const verdict = await acceptor.authenticate(context.token!);
          log.push(verdict.ok ? toHex(verdict.sessionKey.bytes()) : verdict.reason);
          actor.send({ type: verdict.ok ? 'accepted' : 'rejected' });
          break;
        }
        case 'lie':
          actor.send({ type: 'accepted' });
          break;
        case 'reset':
          actor.send({ type: 'reset' });
          break;
        case 'other user':
          actor.send({ type: 'reset', credentials: context.credentials.username === 'bob' ? wrong : bob });
          break;
      }
      log.push({ ...(visible(actor) as object), emitted: tokens.splice(0).map((token) => toHex(token.token)) });
    }
    return log;
  }

  test('whatever the options, the steps and the points of sealing', async () => {
    const seals = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 });
    const ends = new Set<string>();
    await fc.assert(
      fc.asyncProperty(steps, options, seals, async (script, given, points) => {
        const plain = await run(script, given, [false]);
        expect(await run(script, given, points)).toEqual(plain);
        for (const entry of plain) if (typeof entry === 'string') ends.add(entry.length === 32 ? 'a session key' : entry);
      }),
      {
        numRuns: 150,
        // Both ends come up in every run, whatever the seed.
        examples: [
          [['negotiate', 'answer', 'verdict'], {}, [true]],
          [['other user', 'other user', 'negotiate', 'answer', 'verdict'], {}, [true]],
        ],
      },
    );
    expect(ends).toContain('a session key');
    expect(ends).toContain('wrong-credentials');
  });
});
