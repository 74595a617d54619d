/** Around the machine: its actor, its warnings, its sources, and services as logic of their own. */
import { allPolicies, nameOf } from '../support/policies.ts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createActor } from 'xstate';
import { Credentials, NtlmClient, createNtlmActor } from '../../src/index.ts';
import { fromSynchronous } from '../../src/machine/synchronous.ts';
import { challengeToken } from '../support/handshake.ts';

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

  test('is asked of the platform for each handshake, and by no one but the platform', () => {
    const draw = vi.spyOn(globalThis.crypto, 'getRandomValues');
    const dice = vi.spyOn(Math, 'random');
    const client = new NtlmClient({ credentials, sessionSecurity: 'seal' });
    for (let handshake = 0; handshake < 3; handshake += 1) {
      client.reset();
      client.negotiate();
      client.respond(challengeToken());
    }
    expect(draw.mock.calls.map(([bytes]) => (bytes as Uint8Array).length)).toEqual([8, 16, 8, 16, 8, 16]);
    expect(dice).not.toHaveBeenCalled();
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
