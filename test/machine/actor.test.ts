/** Around the machine: its actor, its warnings, its sources, and services as logic of their own. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createActor } from 'xstate';
import { Credentials, NtlmClient, createNtlmActor, type NtlmClientOptions, type NtlmOptions } from '../../src/index.ts';
import { fromSynchronous } from '../../src/machine/synchronous.ts';
import { decodeAuthenticate, decodeNtlmV2Response } from '../../src/messages/index.ts';
import { toHex } from '../support/bytes.ts';
import { challengeToken } from '../support/handshake.ts';
import { allPolicies, nameOf } from '../support/policies.ts';

const credentials = Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' });

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.resetModules();
});

describe('createNtlmActor', () => {
  test('an inspector sees the handshake, and none is needed', () => {
    const types: string[] = [];
    const actor = createNtlmActor({ credentials }, { inspect: ({ type }) => void types.push(type) });
    actor.send({ type: 'negotiate' });
    expect(types).toContain('@xstate.snapshot');
    expect(createNtlmActor({ credentials }, { inspect: undefined }).getSnapshot().value).toBe('idle');
  });
});

describe('a weak policy', () => {
  /** Of a process that has not warned yet. */
  const warningsOf = async (...tried: readonly string[]): Promise<unknown[][]> => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const fresh = await import('../../src/index.ts');
    const { legacyPolicies } = await import('../../src/legacy/index.ts');
    const handle = fresh.Credentials.fromPassword({ username: 'user', password: 'SecREt01' });
    for (const name of tried) {
      const policy = legacyPolicies.find((each) => each.name === name) ?? (name as 'ntlmv2');
      new fresh.NtlmClient({ credentials: handle, policy });
    }
    return emitWarning.mock.calls;
  };

  test.each(allPolicies.map(nameOf))('%s: a warning, once a process, where what it sends is soon cracked', async (policy) => {
    const calls = await warningsOf(policy, policy, policy);
    if (policy.startsWith('ntlmv2')) return expect(calls).toEqual([]);
    expect(calls).toEqual([[expect.stringMatching(new RegExp(`"${policy}".*cracked.*"ntlmv2"`)), 'SecurityWarning']]);
  });

  test('each policy for itself', async () => {
    expect(await warningsOf('lm', 'ntlmv1', 'lm', 'ntlmv2')).toHaveLength(2);
  });

  test.each([undefined, {}])('goes to the console where there is no process to warn: %s', async (process) => {
    const fresh = await import('../../src/index.ts');
    const { ntlmv1 } = await import('../../src/legacy/index.ts');
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const handle = fresh.Credentials.fromPassword({ username: 'user', password: 'SecREt01' });
    vi.stubGlobal('process', process);
    new fresh.NtlmClient({ credentials: handle, policy: ntlmv1 });
    vi.unstubAllGlobals();
    expect(warn.mock.calls).toEqual([[expect.stringContaining('"ntlmv1"')]]);
  });
});

describe('randomness', () => {
  test.each([undefined, {}])('a platform without a source of it answers nothing: crypto is %s', (crypto) => {
    const client = new NtlmClient({ credentials });
    client.negotiate();
    vi.stubGlobal('crypto', crypto);
    expect(() => client.respond(challengeToken())).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        phase: 'configure',
        side: 'local',
        message: expect.stringContaining('"randomBytes"') as string,
      }),
    );
    expect(client.state).toBe('failed');
  });

  /** A process that has drawn nothing yet, its calls of the generator and the client challenges of its handshakes. */
  const drawing = async (handshakes: number, options: Partial<NtlmOptions> = {}) => {
    vi.resetModules();
    const draw = vi.spyOn(globalThis.crypto, 'getRandomValues');
    const fresh = await import('../../src/index.ts');
    const own = fresh.Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' });
    const client = new fresh.NtlmClient({ credentials: own, sessionSecurity: 'seal', ...options } as NtlmClientOptions);
    const before = draw.mock.calls.length;
    const nonces: string[] = [];
    for (let handshake = 0; handshake < handshakes; handshake += 1) {
      client.reset();
      client.negotiate();
      const { ntChallengeResponse } = decodeAuthenticate(client.respond(challengeToken()));
      nonces.push(toHex(decodeNtlmV2Response(ntChallengeResponse).challengeFromClient));
    }
    const drawn = draw.mock.calls.map(([bytes]) => bytes as Uint8Array);
    return { before, nonces, drawn };
  };

  test('is asked of the platform and of no one else: for each key, and for client challenges by the pool', async () => {
    const dice = vi.spyOn(Math, 'random');
    const { before, nonces, drawn } = await drawing(130);
    expect(before).toBe(0); // the pool is empty until first used
    const lengths = drawn.map(({ length }) => length);
    const poolLength = lengths[0]!;
    const perPool = poolLength / 8;
    expect(lengths.filter((length) => length === 16)).toHaveLength(130); // a session key each, drawn by itself
    expect(lengths.filter((length) => length !== 16)).toEqual(Array(Math.ceil(130 / perPool)).fill(poolLength));
    expect(new Set(nonces).size).toBe(130);
    expect(dice).not.toHaveBeenCalled();
  });

  test('leaves no client challenge in the pool that was handed out, and none that was not is sent', async () => {
    const fillings: string[][] = [];
    const real = globalThis.crypto.getRandomValues.bind(globalThis.crypto);
    vi.spyOn(globalThis.crypto, 'getRandomValues').mockImplementation((array) => {
      const bytes = real(array) as unknown as Uint8Array;
      if (bytes.length > 16) fillings.push(toHex(bytes).match(/.{16}/g)!);
      return array;
    });
    const { nonces, drawn } = await drawing(20);
    expect(fillings).toHaveLength(1);
    expect(nonces.every((nonce) => fillings[0]!.includes(nonce))).toBe(true);
    const left = toHex(drawn[0]!).match(/.{16}/g)!;
    expect(left.filter((nonce) => nonces.includes(nonce))).toEqual([]);
    expect(left.filter((nonce) => nonce === '0'.repeat(16))).toHaveLength(20);
  });

  test('of the caller is asked for both, and the pool stays empty', async () => {
    const randomBytes = vi.fn((length: number) => new Uint8Array(length).fill(length));
    const { nonces, drawn } = await drawing(2, { randomBytes });
    expect(drawn).toEqual([]);
    expect(randomBytes.mock.calls).toEqual([[8], [16], [8], [16]]);
    expect(nonces).toEqual(['08'.repeat(8), '08'.repeat(8)]);
  });
});

describe('a service, as an actor', () => {
  const service = fromSynchronous((input: number) => {
    if (input < 0) throw new RangeError('negative');
    return input * 2;
  });

  test('is done before it starts, or has failed', () => {
    expect(createActor(service, { input: 21 }).getSnapshot()).toMatchObject({ status: 'done', output: 42 });
    expect(createActor(service, { input: -1 }).getSnapshot()).toMatchObject({ status: 'error', error: new RangeError('negative') });
  });

  test('persists without its input, and goes on from there', () => {
    const actor = createActor(service, { input: 21 });
    const persisted = actor.getPersistedSnapshot();
    expect(persisted).toEqual({ status: 'done', output: 42, error: undefined, input: undefined });
    const restored = createActor(service, { snapshot: persisted } as never);
    expect(restored.getSnapshot()).toMatchObject({ status: 'done', output: 42 });
  });
});
