import { describe, expect, test } from 'vitest';
import { SimulatedClock, createActor, waitFor, type SnapshotFrom } from 'xstate';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import {
  connectionMachine,
  type ConnectionEmitted,
  type ConnectionEvent,
  type ConnectionInput,
} from '../../../src/http/index.ts';
import type { RealmQuestion } from '../../../src/http/authentication/question.ts';
import { Credentials, NtlmError } from '../../../src/index.ts';
import { encodeNegTokenResp } from '../../../src/spnego/index.ts';

const alice = Credentials.fromPassword({ username: 'alice', password: 'wonderland' });
const bob = Credentials.fromPassword({ username: 'bob', password: 'builder' });

type Snapshot = SnapshotFrom<typeof connectionMachine>;

/** Dotted path of the state, as the diagrams write it. */
const pathOf = ({ value }: Snapshot): string =>
  typeof value === 'string'
    ? value
    : Object.entries(value)
        .map(
          ([outer, inner]) =>
            `${outer}.${
              typeof inner === 'string'
                ? inner
                : Object.entries(inner as object)
                    .flat()
                    .join('.')
            }`,
        )
        .join();

function open(input: Partial<ConnectionInput> = {}) {
  const clock = new SimulatedClock();
  const questions: RealmQuestion[] = [];
  const actor = createActor(connectionMachine, {
    clock,
    input: {
      side: 'server',
      origin: 'http://intranet.corp',
      handshake: {},
      legTimeout: 1000,
      answerTimeout: 5000,
      maxAttempts: 2,
      ...input,
      ask: async (question, signal) => {
        questions.push(question);
        return (input.ask ?? (async () => alice))(question, signal);
      },
    },
  });
  const emitted: ConnectionEmitted[] = [];
  actor.on('*', (event) => void emitted.push(event));
  actor.start();
  const state = (): string => pathOf(actor.getSnapshot());
  const at = (expected: string): Promise<Snapshot> =>
    waitFor(actor, (snapshot) => pathOf(snapshot) === expected, { timeout: 500 });
  return { actor, clock, questions, emitted, state, at, send: (event: ConnectionEvent) => actor.send(event) };
}

type Connection = ReturnType<typeof open>;

const acceptor = (): NtlmAcceptor =>
  new NtlmAcceptor({ credentials: alice, target: { nbDomainName: 'CORP', nbComputerName: 'WEB' } });

function challengeFor({ emitted }: Connection): Uint8Array {
  const negotiate = emitted.findLast((event) => event.type === 'authorize');
  if (negotiate?.type !== 'authorize') throw new Error('no type 1');
  return acceptor().challenge(negotiate.token);
}

const NTLM = { type: 'unauthorized', scheme: 'NTLM' } as const;
const NEGOTIATE = { type: 'unauthorized', scheme: 'Negotiate' } as const;

async function negotiating(input?: Partial<ConnectionInput>, asked: ConnectionEvent = NTLM): Promise<Connection> {
  const connection = open(input);
  connection.send(asked);
  await connection.at('handshaking.negotiating');
  return connection;
}

async function responding(input?: Partial<ConnectionInput>): Promise<Connection> {
  const connection = await negotiating(input);
  connection.send({ ...NTLM, token: challengeFor(connection) });
  return connection;
}

describe('the connection machine', () => {
  test('goes from anonymous to authenticated, its tokens emitted on the way', async () => {
    const connection = await responding();
    expect(connection.state()).toBe('handshaking.responding.sending');
    connection.send({ type: 'sent' });
    expect(connection.state()).toBe('handshaking.responding.waiting');
    connection.send({ type: 'passed' });
    expect(connection.state()).toBe('authenticated');
    expect(connection.emitted.map((event) => (event.type === 'authorize' ? event.message : event.type))).toEqual([
      'NEGOTIATE',
      'AUTHENTICATE',
    ]);
    expect(connection.actor.getSnapshot().context.credentials).toBe(alice);
  });

  test('says by its tags whether the server is waited for, or nothing', async () => {
    const tags = ({ actor }: ReturnType<typeof open>): string[] => [...actor.getSnapshot().tags];
    expect(tags(open())).toEqual(['settled']);
    const negotiating = open();
    negotiating.send(NTLM);
    await negotiating.at('handshaking.negotiating');
    expect(tags(negotiating)).toEqual(['awaiting-server']);
    const connection = await responding();
    expect(tags(connection)).toEqual(['awaiting-server']);
    connection.send({ type: 'sent' });
    expect(tags(connection)).toEqual(['awaiting-server']);
    connection.send({ type: 'passed' });
    expect(tags(connection)).toEqual(['settled']);
    connection.send({ type: 'unauthorized' });
    expect([connection.state(), ...tags(connection)]).toEqual(['refused', 'settled']);
  });

  test('asks for credentials under the tag needs-credentials, for as long as it takes', () => {
    const connection = open({ ask: () => new Promise(() => {}) });
    connection.send(NTLM);
    connection.clock.increment(1_000_000);
    expect(connection.state()).toBe('asking');
    expect(connection.actor.getSnapshot().hasTag('needs-credentials')).toBe(true);
  });

  test('opens a handshake before it is asked, where it is told to', async () => {
    const connection = open();
    connection.send({ type: 'authenticate', scheme: 'Negotiate' });
    await connection.at('handshaking.negotiating');
    expect(connection.questions).toEqual([{ scheme: 'Negotiate', refused: undefined, reason: undefined }]);
    connection.send({ type: 'passed' });
    expect(connection.state()).toBe('anonymous');
  });

  test('a refusal of type 3 asks for others, the refused ones and the reason beside', async () => {
    const connection = await responding({ ask: async ({ refused }) => (refused === undefined ? alice : bob) });
    connection.send(NTLM);
    await connection.at('handshaking.negotiating');
    expect(connection.questions[1]).toMatchObject({ refused: alice, reason: { code: 'credentials-refused' } });
    connection.send({ ...NTLM, token: challengeFor(connection) });
    connection.send(NTLM); // maxAttempts is 2
    expect(connection.state()).toBe('refused');
    expect(connection.questions).toHaveLength(2);
  });

  test.each<[string, ConnectionEvent]>([
    ['says nothing', { ...NEGOTIATE, ntlmOffered: true }],
    ['refuses the mechanism', { ...NEGOTIATE, token: encodeNegTokenResp({ negState: 'reject' }), ntlmOffered: true }],
  ])('a Negotiate that %s: the scheme NTLM, once, as part of the same attempt', async (_what, refusal) => {
    const connection = await negotiating({}, NEGOTIATE);
    connection.send(refusal);
    expect(connection.state()).toBe('asking');
    await connection.at('handshaking.negotiating');
    const { scheme, attempt, credentials } = connection.actor.getSnapshot().context;
    expect({ scheme, attempt, credentials }).toEqual({ scheme: 'NTLM', attempt: 1, credentials: alice });
    expect(connection.questions[1]).toEqual({ scheme: 'NTLM', refused: undefined, reason: undefined });
    connection.send(refusal);
    expect(connection.emitted.map(({ type }) => type)).toEqual(['authorize', 'fallback', 'authorize', 'refused']);
  });

  test('an authenticated connection that is asked again begins again', async () => {
    const connection = await responding();
    connection.send({ type: 'passed' });
    connection.send(NTLM);
    await connection.at('handshaking.negotiating');
    expect(connection.questions[1]).toMatchObject({ refused: undefined, reason: undefined });
  });

  test.each<[string, (connection: Connection) => ConnectionEvent, string]>([
    ['no NTLM in the 401 to type 1', () => ({ type: 'unauthorized' }), 'malformed-token'],
    [
      'another scheme than the one under way',
      (connection) => ({ type: 'unauthorized', scheme: 'Negotiate', token: challengeFor(connection) }),
      'malformed-token',
    ],
    ['a challenge that is none', () => ({ ...NTLM, token: new Uint8Array(3) }), 'wrong-signature'],
    [
      'a challenge that could not be read',
      () => ({ ...NTLM, error: new NtlmError('', { code: 'malformed-token', phase: 'challenge', side: 'peer' }) }),
      'malformed-token',
    ],
  ])('%s: refused', async (_what, event, code) => {
    const connection = await negotiating();
    connection.send(event(connection));
    expect(connection.state()).toBe('refused');
    const refusal = connection.emitted.at(-1);
    expect(refusal?.type === 'refused' && ['truncated', code]).toContain(
      refusal?.type === 'refused' && refusal.error.code,
    );
  });

  test('a 401 without NTLM is refused, and a later one with it is not', async () => {
    const connection = open();
    connection.send({ type: 'unauthorized' });
    expect(connection.state()).toBe('refused');
    expect(connection.emitted).toMatchObject([{ type: 'refused', error: { code: 'ntlm-not-offered' } }]);
    connection.send(NTLM);
    await connection.at('handshaking.negotiating');
  });

  test.each([
    ['nobody gives any', async () => undefined, 'credentials-missing'],
    ['the app fails', () => Promise.reject(new Error('cancelled')), 'service-failed'],
  ])('credentials: %s', async (_what, ask, code) => {
    const connection = open({ ask });
    connection.send(NTLM);
    await connection.at('refused');
    expect(connection.emitted).toMatchObject([{ type: 'refused', error: { code } }]);
  });

  test('type 2 is late, and so is the answer to type 3', async () => {
    const early = await negotiating();
    early.clock.increment(1000);
    expect(early.emitted.at(-1)).toMatchObject({ type: 'refused', error: { code: 'timed-out' } });
    const late = await responding();
    late.clock.increment(100_000); // the body is still going out
    late.send({ type: 'sent' });
    late.clock.increment(4999);
    expect(late.state()).toBe('handshaking.responding.waiting');
    late.clock.increment(1);
    expect(late.emitted.at(-1)).toMatchObject({ type: 'refused', error: { code: 'timed-out' } });
  });

  test('closed is the end, from everywhere', async () => {
    for (const connection of [
      open(),
      await negotiating(),
      await responding(),
      open({ ask: () => new Promise(() => {}) }),
    ]) {
      connection.send({ type: 'close' });
      expect(connection.actor.getSnapshot()).toMatchObject({ status: 'done', value: 'closed' });
      connection.clock.increment(1_000_000);
      expect(connection.emitted.every(({ type }) => type === 'authorize')).toBe(true);
    }
  });

  test.each<[string, () => Connection | Promise<Connection>, ConnectionEvent[]]>([
    ['anonymous', () => open(), [{ type: 'passed' }, { type: 'sent' }]],
    [
      'asking',
      () => {
        const connection = open({ ask: () => new Promise(() => {}) });
        connection.send(NTLM);
        return connection;
      },
      [NTLM, { type: 'passed' }, { type: 'sent' }, { type: 'authenticate', scheme: 'NTLM' }],
    ],
    ['handshaking.negotiating', () => negotiating(), [{ type: 'sent' }, { type: 'authenticate', scheme: 'NTLM' }]],
    ['handshaking.responding.sending', () => responding(), [{ type: 'authenticate', scheme: 'NTLM' }]],
  ])('%s: an event it does not know changes nothing', async (state, make, events) => {
    const connection = await make();
    for (const event of events) {
      const before = connection.actor.getSnapshot();
      expect(before.can(event)).toBe(false);
      connection.send(event);
      expect(connection.actor.getSnapshot().value).toEqual(before.value);
      expect(connection.state()).toBe(state);
    }
  });

  test('no snapshot shows a secret', async () => {
    const connection = await responding();
    const { ntHash } = await import('../../../src/crypto/credentials.ts').then(({ secretsOf }) => secretsOf(alice));
    const text = JSON.stringify(connection.actor.getPersistedSnapshot(), (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    );
    expect(text).not.toContain('wonderland');
    expect(text.toLowerCase()).not.toContain(Buffer.from(ntHash).toString('hex'));
    expect(text).not.toContain([...ntHash].join(','));
  });
});
