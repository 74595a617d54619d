/** A weak response takes a value of ntlmachine/legacy: no name, no look-alike, no context and no message stands for one. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { createActor } from 'xstate';
import { NtlmAcceptor, acceptorMachine, verifyAuthenticate, type AcceptorOptions } from '../../src/acceptor/index.ts';
import { NtlmAgent, createNtlmServer, requireNtlm } from '../../src/http/index.ts';
import { Credentials, NtlmClient, NtlmError, createNtlmActor, ntlmMachine, type NtlmOptions, type Policy } from '../../src/index.ts';
import { credentialsWithLmHash, legacyPolicies, lm, lmAndNtlmv1, ntlm2Session, ntlmv1 } from '../../src/legacy/index.ts';
import { NegotiateFlags as F, decodeAuthenticate, decodeChallenge, encodeAuthenticate, encodeChallenge } from '../../src/messages/index.ts';
import { openSnapshot, sealSnapshot } from '../../src/snapshot/index.ts';
import { SpnegoAcceptor, createSpnegoActor } from '../../src/spnego/index.ts';
import { safeInspect, trace } from '../../src/visualize/index.ts';
import { uint32 } from '../support/arbitraries.ts';
import { GENEROUS, NAMES, challengeToken } from '../support/handshake.ts';
import { allPolicies } from '../support/policies.ts';

const account = { username: 'alice', domain: 'CASTLE', password: 'Draw1' };
const credentials = Credentials.fromPassword(account);
const withLmHash = credentialsWithLmHash(account);
const KEY = new Uint8Array(32).fill(7);
const WITHOUT_ESS = (GENEROUS & ~F.NEGOTIATE_EXTENDED_SESSIONSECURITY) >>> 0;

function thrown(call: () => unknown): NtlmError {
  try {
    call();
  } catch (error) {
    if (error instanceof NtlmError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Every place that takes a policy. */
const sealed = sealSnapshot(createNtlmActor({ credentials }), KEY);
const doors: Record<string, (policy: Policy) => unknown> = {
  NtlmClient: (policy) => new NtlmClient({ credentials, policy }),
  'NtlmClient inside SPNEGO': (policy) => new NtlmClient({ credentials, policy, spnego: true }),
  createNtlmActor: (policy) => createNtlmActor({ credentials, policy }),
  createSpnegoActor: (policy) => createSpnegoActor({ credentials, policy }),
  NtlmAcceptor: (policy) => new NtlmAcceptor({ credentials, policy }),
  SpnegoAcceptor: (policy) => new SpnegoAcceptor({ credentials, policy }),
  verifyAuthenticate: (policy) =>
    verifyAuthenticate({ credentials, policy, challenge: new Uint8Array(0), authenticate: new Uint8Array(0) }),
  NtlmAgent: (policy) => new NtlmAgent({ credentials, policy }),
  createNtlmServer: (policy) => createNtlmServer({ credentials, policy }),
  requireNtlm: (policy) => requireNtlm({ credentials, policy }, () => {}),
  openSnapshot: (policy) => openSnapshot(sealed, KEY, { policies: [policy] }),
};

describe.each(Object.entries(doors))('%s', (_, open) => {
  test.each([
    ['ntlm2-session', 'ntlm2Session'],
    ['ntlmv1', 'ntlmv1'],
    ['lm-and-ntlmv1', 'lmAndNtlmv1'],
    ['lm', 'lm'],
    ['lmAndNtlmv1', 'lmAndNtlmv1'],
    ['NTLMv1', 'ntlmv1'],
    ['LM', 'lm'],
  ])('the name %s says what to import', (name, imported) => {
    const error = thrown(() => open(name as never));
    expect(error).toMatchObject({ code: 'invalid-argument', phase: 'configure', side: 'local' });
    expect(error.message).toContain(`import { ${imported} } from 'ntlmachine/legacy'`);
    expect(error.message).toMatch(/^"polic(y|ies)" takes/);
  });

  test.each<[string, unknown]>([
    ['an object with its name', { name: 'ntlmv1' }],
    ['a copy', { ...ntlmv1 }],
    ['a clone', structuredClone({ ...ntlmv1 })],
    ['an heir', Object.create(ntlmv1)],
    ['an object of the same kind', Object.create(Object.getPrototypeOf(ntlmv1) as object)],
    ['a proxy', new Proxy(ntlmv1, {})],
    ['its class', ntlmv1.constructor],
    ['a list', [ntlmv1]],
    ['another name', 'ntlmv3'],
    ['no name', ''],
    ['null', null],
    ['true', true],
  ])('%s is no policy', (_name, value) => {
    const error = thrown(() => open(value as never));
    expect(error).toMatchObject({ code: 'invalid-argument', phase: 'configure', side: 'local' });
    expect(error.message).toMatch(/"ntlmv2", "ntlmv2-compatible" or a value imported from ntlmachine\/legacy$/);
  });
});

test('nothing but the two names and the four values is a policy', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      fc.pre(value !== undefined && !allPolicies.includes(value as Policy));
      expect(thrown(() => new NtlmClient({ credentials, policy: value as never })).code).toBe('invalid-argument');
      expect(thrown(() => new NtlmAcceptor({ credentials, policy: value as never })).code).toBe('invalid-argument');
    }),
  );
});

test('values of another copy of the package are not taken for ours', async () => {
  vi.resetModules();
  const other = await import('../../src/legacy/index.ts');
  expect(other.ntlmv1).not.toBe(ntlmv1);
  expect(thrown(() => new NtlmClient({ credentials, policy: other.ntlmv1 })).code).toBe('invalid-argument');
});

test('the class of the values makes none without code', () => {
  const Made = ntlmv1.constructor as new (...args: unknown[]) => unknown;
  for (const schemes of [undefined, {}, { lm: {} }]) expect(thrown(() => new Made('ntlmv1', schemes)).code).toBe('invalid-argument');
});

describe.each(legacyPolicies)('what is shown of %s', (policy) => {
  const views = (value: unknown): string => JSON.stringify(value) + inspect(value, { depth: null, showHidden: true });

  test('is its name', () => {
    expect(JSON.stringify({ policy })).toBe(`{"policy":"${policy.name}"}`);
    expect(`${policy}`).toBe(policy.name);
    expect(inspect(policy, { showHidden: true })).toBe(`LegacyPolicy ${policy.name}`);
    expect(Object.keys(policy)).toEqual(['name']);
    expect(Object.isFrozen(policy)).toBe(true);
    expect(structuredClone({ ...policy })).toEqual({ name: policy.name });
  });

  test('is its name in contexts, snapshots, inspection and traces', () => {
    const seen: unknown[] = [];
    const inspector = safeInspect((event) => seen.push(event));
    const actor = createNtlmActor(
      { credentials: withLmHash, policy },
      { inspect: (event) => (inspector(event), seen.push('event' in event ? event.event : undefined)) },
    );
    const tracer = trace(actor);
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: challengeToken({ flags: GENEROUS }) });
    expect(actor.getSnapshot().context.options.policy).toBe(policy.name);
    const acceptor = createActor(acceptorMachine, { input: { credentials, policy } });
    expect(acceptor.getSnapshot().context.options.policy).toBe(policy.name);
    const text = [actor.getPersistedSnapshot(), acceptor.getPersistedSnapshot(), seen, tracer.toJSON()].map(views).join();
    expect(text).not.toMatch(/schemes|keyExchangeKey|verify:|respond:/);
  });
});

describe('without a value', () => {
  const strong = ['ntlmv2', 'ntlmv2-compatible'] as const;

  test('a context that names a weak policy sends nothing weak', () => {
    for (const policy of legacyPolicies) {
      const { context } = createNtlmActor({ credentials: withLmHash, policy: 'ntlmv2-compatible' }).getSnapshot();
      const forged = { ...context, options: { ...context.options, policy: policy.name } };
      const snapshot = ntlmMachine.resolveState({ value: 'idle', context: forged });
      const actor = createActor(ntlmMachine, { snapshot, input: { credentials } }).start();
      actor.send({ type: 'negotiate' });
      actor.send({ type: 'challenge', token: challengeToken({ flags: WITHOUT_ESS }) });
      const { value, context: after } = actor.getSnapshot();
      if (policy === ntlm2Session) expect(value).toEqual({ failed: 'refused' });
      else expect(decodeAuthenticate(after.token!).ntChallengeResponse.length).toBeGreaterThan(24);
    }
  });

  test('no challenge at all gets a response of 24 bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...strong), uint32, fc.boolean(), fc.boolean(), (policy, flags, named, datagram) => {
        const client = new NtlmClient({ credentials: withLmHash, policy, connectionless: datagram });
        if (!datagram) client.negotiate();
        let token: Uint8Array;
        try {
          token = client.respond(challengeToken({ flags, targetInfo: named ? NAMES : undefined }));
        } catch (error) {
          if (error instanceof NtlmError) return;
          throw error;
        }
        expect(decodeAuthenticate(token).ntChallengeResponse.length).toBeGreaterThan(24);
      }),
    );
  });

  test('an acceptor takes no weak response, however right it is and whatever the flags say', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...strong, undefined),
        fc.constantFrom(...legacyPolicies),
        fc.boolean(),
        uint32,
        async (policy, sent, ess, turned) => {
          const acceptor = new NtlmAcceptor({ credentials: withLmHash, policy, anonymous: true });
          const client = new NtlmClient({ credentials: withLmHash, policy: sent });
          const granted = decodeChallenge(acceptor.challenge(client.negotiate()));
          const bit = F.NEGOTIATE_EXTENDED_SESSIONSECURITY;
          const negotiateFlags = (ess || sent === ntlm2Session ? granted.negotiateFlags | bit : granted.negotiateFlags & ~bit) >>> 0;
          const message = decodeAuthenticate(client.respond(encodeChallenge({ ...granted, negotiateFlags })));
          const altered = encodeAuthenticate({ ...message, negotiateFlags: (message.negotiateFlags ^ (turned & ~F.NEGOTIATE_UNICODE)) >>> 0 });
          const verdict = await acceptor.authenticate(altered);
          expect(verdict).toMatchObject({ ok: false, reason: 'response-refused' });
        },
      ),
    );
  });
});

describe('a policy takes what is as strong or stronger, and nothing weaker', () => {
  test.each(legacyPolicies.flatMap((accepted, strength) => allPolicies.map((sent) => ({ accepted, strength: strength + 2, sent }))))(
    '$accepted takes $sent',
    async ({ accepted, strength, sent }) => {
      const acceptor = new NtlmAcceptor({ credentials: withLmHash, policy: accepted });
      const client = new NtlmClient({ credentials: withLmHash, policy: sent });
      const verdict = await acceptor.authenticate(client.respond(acceptor.challenge(client.negotiate())));
      expect(verdict.ok).toBe(allPolicies.indexOf(sent) <= strength);
    },
  );
});

describe('an LM hash that is not there', () => {
  const meet = async (options: Partial<AcceptorOptions>, client: NtlmClient) => {
    const acceptor = new NtlmAcceptor({ credentials, ...options });
    const token = client.respond(acceptor.challenge(client.negotiate()));
    return acceptor.authenticate(token);
  };

  test.each([lm, lmAndNtlmv1])('%s: the client is told what to give', (policy) => {
    const client = new NtlmClient({ credentials, policy });
    client.negotiate();
    const error = thrown(() => client.respond(challengeToken({ flags: WITHOUT_ESS })));
    expect(error).toMatchObject({ code: 'credentials-unsuitable', side: 'local' });
    expect(error.message).toContain('"credentialsWithLmHash" of ntlmachine/legacy');
  });

  test.each([lm, lmAndNtlmv1, ntlmv1, ntlm2Session])('%s: what needs no LM hash goes without', (policy) => {
    const client = new NtlmClient({ credentials, policy });
    client.negotiate();
    expect(decodeAuthenticate(client.respond(challengeToken({ flags: GENEROUS }))).ntChallengeResponse).toHaveLength(24);
  });

  test('an acceptor cannot check an LM response, and says so', async () => {
    const client = new NtlmClient({ credentials: withLmHash, policy: lm });
    await expect(meet({ policy: lm }, client)).rejects.toMatchObject({
      code: 'credentials-unsuitable',
      side: 'local',
      message: expect.stringContaining('"credentialsWithLmHash" of ntlmachine/legacy') as string,
    });
  });

  test('an acceptor checks the NT response beside an LM response without', async () => {
    const client = new NtlmClient({ credentials: withLmHash, policy: lmAndNtlmv1 });
    expect(await meet({ policy: lm }, client)).toMatchObject({ ok: true, response: 'lm-and-ntlmv1' });
  });

  test.each([F.NEGOTIATE_LM_KEY, F.REQUEST_NON_NT_SESSION_KEY])('no client makes an acceptor look for one: flag %i', async (flag) => {
    const acceptor = new NtlmAcceptor({ credentials, policy: ntlmv1 });
    const client = new NtlmClient({ credentials, policy: ntlmv1 });
    const message = decodeAuthenticate(client.respond(acceptor.challenge(client.negotiate())));
    const altered = encodeAuthenticate({ ...message, negotiateFlags: (message.negotiateFlags | flag) >>> 0 });
    const verdict = await acceptor.authenticate(altered);
    expect(verdict.ok && verdict.sessionKey.bytes()).toEqual(client.sessionKey!.bytes());
  });
});

describe('a sealed snapshot', () => {
  const options: Partial<NtlmOptions> = { credentials: withLmHash };
  const sealedWith = (policy: Policy): Uint8Array => {
    const actor = createNtlmActor({ credentials: withLmHash, ...options, policy });
    actor.send({ type: 'negotiate' });
    return sealSnapshot(actor, KEY);
  };

  test.each(legacyPolicies)('with %s opens where the value is given, and answers with it', (policy) => {
    const client = new NtlmClient(openSnapshot(sealedWith(policy), KEY, { policies: [policy] }));
    client.respond(challengeToken({ flags: GENEROUS }));
    expect(client.actor.getSnapshot().context.response).toBe('ntlm2-session');
    expect(client.actor.getSnapshot().context.options.policy).toBe(policy.name);
  });

  test.each(legacyPolicies)('with %s is refused without, and says what to import', (policy) => {
    const others = allPolicies.filter((other) => other !== policy);
    for (const given of [{}, { policies: [] }, { policies: others }]) {
      const error = thrown(() => openSnapshot(sealedWith(policy), KEY, given));
      expect(error).toMatchObject({ code: 'snapshot-refused', phase: 'snapshot', side: 'local' });
      expect(error.message).toMatch(/import \{ \w+ \} from 'ntlmachine\/legacy'$/);
    }
  });

  test.each(['ntlmv2', 'ntlmv2-compatible'] as const)('with %s needs none', (policy) => {
    expect(openSnapshot(sealedWith(policy), KEY).getSnapshot().context.options).toMatchObject({ policy, legacy: undefined });
  });

  test.each([null, {}, ntlmv1])('policies that are no list: %s', (policies) => {
    const open = () => openSnapshot(sealedWith('ntlmv2'), KEY, { policies: policies as never });
    expect(thrown(open)).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('"policies"') as string });
  });
});
