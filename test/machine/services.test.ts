/** The services of the machine are replaceable: slow ones, failing ones, hostile ones. */
import { describe, expect, test, vi } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import {
  Credentials,
  NtlmClient,
  NtlmError,
  SessionKey,
  createNtlmActor,
  ntlmMachine,
  stateOf,
  type AuthenticateInput,
  type AuthenticateOutput,
  type DecodeChallengeInput,
  type EncodeNegotiateInput,
  type NtlmActor,
  type NtlmOptions,
} from '../../src/index.ts';
import { authenticateService, decodeChallengeService, encodeNegotiateService } from '../../src/machine/services.ts';
import type { ChallengeMessage } from '../../src/messages/index.ts';
import { toHex } from '../support/bytes.ts';
import { challengeToken, scriptedRandom, tokensOf } from '../support/handshake.ts';

const credentials = Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' });
const draws = () => scriptedRandom(new Uint8Array(8).fill(0xaa), new Uint8Array(16).fill(0x55)).randomBytes;
const options = (): NtlmOptions => ({ credentials, sessionSecurity: 'seal', randomBytes: draws() });

/** What the default service answers, as a remote signer that does the same would. */
function outputOf(service: typeof encodeNegotiateService, input: EncodeNegotiateInput): Uint8Array<ArrayBuffer>;
function outputOf(service: typeof decodeChallengeService, input: DecodeChallengeInput): ChallengeMessage;
function outputOf(service: typeof authenticateService, input: AuthenticateInput): AuthenticateOutput;
function outputOf(service: Parameters<typeof createActor>[0], input: unknown): unknown {
  const actor = createActor(service, { input });
  const snapshot = actor.getSnapshot() as { output?: unknown; error?: unknown };
  if (snapshot.error !== undefined) throw snapshot.error;
  return snapshot.output;
}

/** A promise that a test ends when it likes. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function slowMachine() {
  const gates = { encode: gate(), decode: gate(), answer: gate() };
  const machine = ntlmMachine.provide({
    actors: {
      encodeNegotiate: fromPromise<Uint8Array<ArrayBuffer>, EncodeNegotiateInput>(async ({ input }) => {
        await gates.encode.opened;
        return outputOf(encodeNegotiateService, input);
      }),
      decodeChallenge: fromPromise<ChallengeMessage, DecodeChallengeInput>(async ({ input }) => {
        await gates.decode.opened;
        return outputOf(decodeChallengeService, input);
      }),
      authenticate: fromPromise<AuthenticateOutput, AuthenticateInput>(async ({ input }) => {
        await gates.answer.opened;
        return outputOf(authenticateService, input);
      }),
    },
  });
  return { machine, gates };
}

function synchronousTokens(): string[] {
  const actor = createNtlmActor(options());
  const tokens = tokensOf(actor);
  actor.send({ type: 'negotiate' });
  actor.send({ type: 'challenge', token: challengeToken() });
  return tokens.map(({ message, token }) => `${message} ${toHex(token)}`);
}

describe('the default services', () => {
  test('are done within the send that asks for them, and emit each token once', () => {
    const actor = createNtlmActor(options());
    const tokens = tokensOf(actor);
    actor.send({ type: 'negotiate' });
    expect(tokens.map(({ message }) => message)).toEqual(['NEGOTIATE']);
    expect(toHex(actor.getSnapshot().context.token!)).toBe(toHex(tokens[0]!.token));
    actor.send({ type: 'challenge', token: challengeToken() });
    expect(tokens.map(({ message }) => message)).toEqual(['NEGOTIATE', 'AUTHENTICATE']);
    expect(toHex(actor.getSnapshot().context.token!)).toBe(toHex(tokens[1]!.token));
  });

  test('pass through the drawn states, and the last that an observer sees of a send is one that lasts', () => {
    const actor = createNtlmActor(options());
    const seen: unknown[] = [];
    actor.subscribe((snapshot) => void seen.push([snapshot.value, snapshot.hasTag('busy')]));
    actor.send({ type: 'negotiate' });
    expect(seen.splice(0)).toEqual([
      [{ negotiated: 'encoding' }, true],
      [{ negotiated: 'waiting' }, false],
    ]);
    actor.send({ type: 'challenge', token: challengeToken() });
    expect(seen).toEqual([
      [{ challenged: 'decoding' }, true],
      [{ challenged: 'responding' }, true],
      ['responded', false],
    ]);
  });
});

describe('slow services', () => {
  test('make the same states last, tagged busy, and the same tokens', async () => {
    const { machine, gates } = slowMachine();
    const actor = createNtlmActor(options(), { machine });
    const tokens = tokensOf(actor);
    const now = () => ({
      value: actor.getSnapshot().value,
      busy: actor.getSnapshot().hasTag('busy'),
      tokens: tokens.length,
    });

    actor.send({ type: 'negotiate' });
    expect(now()).toEqual({ value: { negotiated: 'encoding' }, busy: true, tokens: 0 });
    gates.encode.open();
    await settled();
    expect(now()).toEqual({ value: { negotiated: 'waiting' }, busy: false, tokens: 1 });

    const challenge = challengeToken();
    actor.send({ type: 'challenge', token: challenge });
    challenge.fill(0); // a caller may reuse its buffer: the MIC covers what was received
    expect(now()).toEqual({ value: { challenged: 'decoding' }, busy: true, tokens: 1 });
    gates.decode.open();
    await settled();
    expect(now()).toEqual({ value: { challenged: 'responding' }, busy: true, tokens: 1 });
    gates.answer.open();
    await settled();
    expect(now()).toEqual({ value: 'responded', busy: false, tokens: 2 });

    expect(tokens.map(({ message, token }) => `${message} ${toHex(token)}`)).toEqual(synchronousTokens());
    expect(toHex(actor.getSnapshot().context.sessionKey!.bytes())).toBe('55'.repeat(16));
  });

  test('an answer that comes after a reset is not taken', async () => {
    const { machine, gates } = slowMachine();
    gates.encode.open();
    gates.decode.open();
    const actor = createNtlmActor(options(), { machine });
    const tokens = tokensOf(actor);
    actor.send({ type: 'negotiate' });
    await settled();
    actor.send({ type: 'challenge', token: challengeToken() });
    await settled();
    expect(actor.getSnapshot().value).toEqual({ challenged: 'responding' });
    actor.send({ type: 'reset' });
    gates.answer.open();
    await settled();
    expect(stateOf(actor.getSnapshot())).toBe('idle');
    expect(actor.getSnapshot().context.sessionKey).toBeUndefined();
    expect(tokens.map(({ message }) => message)).toEqual(['NEGOTIATE']);
  });

  test('a refusal of the policy comes before the slow answer is asked for', async () => {
    const asked = vi.fn();
    const machine = ntlmMachine.provide({
      actors: { authenticate: fromPromise<AuthenticateOutput, AuthenticateInput>(asked) },
    });
    const actor = createNtlmActor(options(), { machine });
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: challengeToken({ flags: 0x201 }) });
    await settled();
    expect(actor.getSnapshot().value).toEqual({ failed: 'refused' });
    expect(asked).not.toHaveBeenCalled();
  });

  test('the client, whose calls return bytes, says that it cannot wait', async () => {
    const { machine, gates } = slowMachine();
    const client = new NtlmClient(options(), { machine });
    const tokens = tokensOf(client.actor);
    expect(() => client.negotiate()).toThrow(
      expect.objectContaining({ name: 'NtlmError', code: 'unsupported', phase: 'negotiate' }),
    );
    gates.encode.open();
    await settled();
    expect(tokens).toHaveLength(1); // nothing is lost: the actor has it

    const challenge = challengeToken();
    expect(() => client.respond(challenge)).toThrow(
      expect.objectContaining({ name: 'NtlmError', code: 'unsupported', phase: 'authenticate' }),
    );
    gates.decode.open();
    gates.answer.open();
    await settled();
    expect(tokens).toHaveLength(2);
    expect(client.state).toBe('responded');
  });
});

/** Where each service stands in a handshake, and which phase its failures belong to. */
const places = [
  { service: 'encodeNegotiate', phase: 'negotiate' },
  { service: 'decodeChallenge', phase: 'challenge' },
  { service: 'authenticate', phase: 'authenticate' },
] as const;

function machineWhose(service: (typeof places)[number]['service'], run: () => Promise<never>): typeof ntlmMachine {
  switch (service) {
    case 'encodeNegotiate':
      return ntlmMachine.provide({ actors: { encodeNegotiate: fromPromise<Uint8Array<ArrayBuffer>, EncodeNegotiateInput>(run) } });
    case 'decodeChallenge':
      return ntlmMachine.provide({
        actors: { decodeChallenge: fromPromise<ChallengeMessage, DecodeChallengeInput>(run) },
      });
    case 'authenticate':
      return ntlmMachine.provide({ actors: { authenticate: fromPromise<AuthenticateOutput, AuthenticateInput>(run) } });
  }
}

async function drive(machine: typeof ntlmMachine): Promise<NtlmActor> {
  const actor = createNtlmActor(options(), { machine });
  actor.send({ type: 'negotiate' });
  await settled();
  actor.send({ type: 'challenge', token: challengeToken() });
  await settled();
  return actor;
}

describe.each(places)('a failing $service', ({ service, phase }) => {
  test.each([new Error('token removed'), new TypeError('x is not a function'), 'a string', undefined, null, 0])(
    'that rejects with %s is a fault with its cause',
    async (cause) => {
      const actor = await drive(machineWhose(service, () => Promise.reject(cause)));
      const { value, context, status } = actor.getSnapshot();
      expect(status).toBe('active');
      expect(value).toEqual({ failed: 'faulted' });
      expect(context.error).toBeInstanceOf(NtlmError);
      expect(context.error).toMatchObject({ code: 'service-failed', phase, side: 'local' });
      expect(context.error?.message).toContain(phase);
      expect(context.error?.cause).toBe(cause);
      expect(context.sessionKey).toBeUndefined();
    },
  );

  test('that rejects with an NtlmError is a fault of that very error', async () => {
    const error = new NtlmError('the card is locked', {
      code: 'credentials-missing',
      phase: 'authenticate',
      side: 'local',
    });
    const actor = await drive(machineWhose(service, () => Promise.reject(error)));
    expect(actor.getSnapshot().value).toEqual({ failed: 'faulted' });
    expect(actor.getSnapshot().context.error).toBe(error);
  });

  test('that throws before it returns a promise is a fault', async () => {
    const machine = machineWhose(service, () => {
      throw new Error('at once');
    });
    const actor = await drive(machine);
    expect(actor.getSnapshot().value).toEqual({ failed: 'faulted' });
    expect(actor.getSnapshot().context.error).toMatchObject({ code: 'service-failed', phase });
  });

  const bytes = new Uint8Array(8);
  const decoded = { negotiateFlags: 1, targetName: 'DOMAIN', serverChallenge: bytes };
  test.each<unknown>([
    undefined,
    null,
    'TlRMTVNTUAAD',
    7,
    {},
    { token: 'text' },
    { token: bytes },
    { token: bytes, sessionKey: new Uint8Array(16) },
    { sessionKey: new SessionKey(new Uint8Array(16)) },
    { negotiateFlags: 'x' },
    { ...decoded, negotiateFlags: '1' },
    { ...decoded, targetName: 7 },
    { ...decoded, targetName: undefined },
    { ...decoded, serverChallenge: undefined },
    { ...decoded, serverChallenge: [1, 2, 3, 4, 5, 6, 7, 8] },
    { ...decoded, targetInfo: 'DOMAIN' },
    { ...decoded, targetInfo: null },
  ])(
    'that answers with %j, which no type would let it, is a fault and not the end of the actor',
    async (answer) => {
      const actor = await drive(machineWhose(service, () => Promise.resolve(answer as never)));
      const { value, context, status } = actor.getSnapshot();
      expect(status).toBe('active');
      expect(value).toEqual({ failed: 'faulted' });
      expect(context.error).toMatchObject({ name: 'NtlmError', code: 'service-failed', phase, side: 'local' });
    },
  );

  test('is over with a reset', async () => {
    let fails = true;
    const machine = machineWhose(service, () =>
      fails ? Promise.reject(new Error('once')) : new Promise<never>(() => {}),
    );
    const actor = await drive(machine);
    expect(stateOf(actor.getSnapshot())).toBe('failed');
    fails = false;
    actor.send({ type: 'reset' });
    expect(actor.getSnapshot().context.error).toBeUndefined();
    actor.send({ type: 'negotiate' });
    expect(stateOf(actor.getSnapshot())).toBe('negotiated');
  });
});

describe('a hostile clock', () => {
  const withoutTimestamp = challengeToken({ targetInfo: [] });
  const respondWith = (now: unknown) => {
    const client = new NtlmClient({ credentials, now: now as () => bigint });
    client.negotiate();
    let thrown: unknown;
    try {
      client.respond(withoutTimestamp);
    } catch (error) {
      thrown = error;
    }
    return { client, thrown };
  };

  test.each([-1n, 2n ** 64n, 0, 1.5, NaN, '0', null, undefined, new Date(0), Promise.resolve(0n), Symbol('now')])(
    'that says %s is named',
    (ticks) => {
      const { client, thrown } = respondWith(() => ticks);
      expect(thrown).toMatchObject({ name: 'NtlmError', code: 'invalid-argument', side: 'local' });
      expect((thrown as Error).message).toMatch(/"now" must return .*FILETIME/);
      expect(client.actor.getSnapshot().value).toEqual({ failed: 'faulted' });
      expect(client.sessionKey).toBeUndefined();
    },
  );

  test('that throws is a failed service with its cause', () => {
    const cause = new Error('no battery');
    const { client, thrown } = respondWith(() => {
      throw cause;
    });
    expect(thrown).toMatchObject({
      name: 'NtlmError',
      code: 'service-failed',
      phase: 'authenticate',
      side: 'local',
      cause,
    });
    expect(client.state).toBe('failed');
  });

  test.each([0n, 2n ** 64n - 1n])('that says %s is believed', (ticks) => {
    expect(respondWith(() => ticks).thrown).toBeUndefined();
  });

  test('is not asked where the challenge brings the time', () => {
    const now = vi.fn(() => 0n);
    const client = new NtlmClient({ credentials, now });
    client.negotiate();
    client.respond(challengeToken());
    expect(now).not.toHaveBeenCalled();
  });
});

describe('a hostile source of randomness', () => {
  const respondWith = (randomBytes: (length: number) => unknown) => {
    const client = new NtlmClient({ credentials, sessionSecurity: 'sign', randomBytes: randomBytes as never });
    client.negotiate();
    let thrown: unknown;
    try {
      client.respond(challengeToken());
    } catch (error) {
      thrown = error;
    }
    return { client, thrown };
  };
  const good = (length: number) => new Uint8Array(length).fill(7);

  test.each([8, 16])('that gives something else than %i bytes is named', (asked) => {
    const answers = [
      undefined,
      null,
      'aaaaaaaa',
      new Uint8Array(0),
      new Uint8Array(asked - 1),
      new Uint8Array(asked + 1),
      Array(asked).fill(7),
      new ArrayBuffer(asked),
      new Uint16Array(asked),
      Promise.resolve(good(asked)),
    ];
    for (const answer of answers) {
      const { client, thrown } = respondWith((length) => (length === asked ? answer : good(length)));
      expect(thrown).toMatchObject({ name: 'NtlmError', code: 'invalid-argument', side: 'local' });
      expect((thrown as Error).message).toMatch(/"randomBytes" must return .*bytes/);
      expect(client.actor.getSnapshot().value).toEqual({ failed: 'faulted' });
      expect(client.sessionKey).toBeUndefined();
    }
  });

  test.each([8, 16])('that throws when asked for %i bytes is a failed service with its cause', (asked) => {
    const cause = new Error('no entropy');
    const { client, thrown } = respondWith((length) => {
      if (length === asked) throw cause;
      return good(length);
    });
    expect(thrown).toMatchObject({
      name: 'NtlmError',
      code: 'service-failed',
      phase: 'authenticate',
      side: 'local',
      cause,
    });
    expect(client.state).toBe('failed');
  });

  test('that keeps and reuses one buffer does not reach the session key', () => {
    const buffer = new Uint8Array(16).fill(7);
    const { client } = respondWith((length) => buffer.subarray(0, length));
    buffer.fill(0);
    expect(toHex(client.sessionKey!.bytes())).toBe('07'.repeat(16));
  });

  test('that calls back into the actor is heard while its answer is awaited: no state is skipped', () => {
    const seen: string[] = [];
    const client: NtlmClient = new NtlmClient({
      credentials,
      randomBytes: (length) => {
        client.actor.send({ type: 'accepted' });
        seen.push(client.state);
        return good(length);
      },
    });
    client.negotiate();
    client.respond(challengeToken());
    expect(seen).toEqual(['challenged']);
    expect(client.state).toBe('responded');
  });
});
