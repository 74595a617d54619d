/** Every pair of state and event of every machine. Its own room tests the handshake's with services that take their time. */
import { describe } from 'vitest';
import { createActor, waitFor, type ActorRefFrom } from 'xstate';
import { NtlmAcceptor, acceptorMachine, type AcceptorActor } from '../../src/acceptor/index.ts';
import { connectionMachine, type ConnectionEmitted, type ConnectionEvent } from '../../src/http/index.ts';
import {
  Credentials,
  NtlmClient,
  NtlmError,
  createNtlmActor,
  ntlmMachine,
  type NtlmActor,
  type NtlmEvent,
  type NtlmOptions,
} from '../../src/index.ts';
import { challengeToken } from '../support/handshake.ts';
import { testEveryPair } from '../support/small-world.ts';

const credentials = Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' });
const stranger = Credentials.fromPassword({ username: 'user', domain: 'DOMAIN', password: 'another' });

describe.each([false, true])('the handshake, connectionless: %s', (connectionless) => {
  const actorAfter = (events: readonly NtlmEvent[]) => (): NtlmActor => {
    const actor = createNtlmActor({ credentials, connectionless });
    for (const event of events) actor.send(event);
    return actor;
  };
  const negotiate = { type: 'negotiate' } as const;
  const challenge = { type: 'challenge', token: challengeToken() } as const;
  const events = {
    negotiate: () => negotiate,
    challenge: () => challenge,
    'a malformed challenge': () => ({ type: 'challenge', token: new Uint8Array(31) }),
    'a challenge of no bytes': () => ({ type: 'challenge' }),
    'a weak challenge': () => ({ type: 'challenge', token: challengeToken({ flags: 1 }) }),
    accepted: () => ({ type: 'accepted' }),
    rejected: () => ({ type: 'rejected' }),
    reset: () => ({ type: 'reset' }),
    'reset with other credentials': () => ({ type: 'reset', credentials: stranger }),
    'reset with something else': () => ({ type: 'reset', credentials: { username: 'user' } }),
  };
  const answers = {
    challenge: 'responded',
    'a malformed challenge': 'failed.faulted',
    'a challenge of no bytes': 'failed.faulted',
    'a weak challenge': 'failed.refused',
  };
  testEveryPair({
    machine: ntlmMachine,
    reach: {
      idle: actorAfter([]),
      'negotiated.waiting': actorAfter([negotiate]),
      responded: actorAfter([negotiate, challenge]),
      authenticated: actorAfter([negotiate, challenge, { type: 'accepted' }]),
      'failed.faulted': actorAfter([negotiate, { type: 'challenge', token: new Uint8Array(0) }]),
      'failed.refused': actorAfter([negotiate, { type: 'challenge', token: challengeToken({ flags: 0 }) }]),
      'failed.rejected': actorAfter([negotiate, challenge, { type: 'rejected' }]),
    },
    events,
    next: {
      idle: { negotiate: 'negotiated.waiting', ...(connectionless ? answers : {}) },
      'negotiated.waiting': answers,
      responded: { accepted: 'authenticated', rejected: 'failed.rejected' },
    },
    everywhere: { reset: 'idle', 'reset with other credentials': 'idle' },
    passing: ['negotiated.encoding', 'challenged.decoding', 'challenged.deciding', 'challenged.responding'],
  });
});

describe('the acceptor', () => {
  const never = new Promise<undefined>(() => {});
  const type1 = new NtlmClient({ credentials }).negotiate();

  const listening = (options: { lookup?: () => Promise<undefined> } = {}): AcceptorActor =>
    new NtlmAcceptor({ credentials: options.lookup ?? credentials }).actor;
  const challenged = (options: { lookup?: () => Promise<undefined> } = {}): AcceptorActor => {
    const actor = listening(options);
    actor.send({ type: 'negotiate', token: type1 });
    return actor;
  };
  const answer = (actor: AcceptorActor, options: Partial<NtlmOptions> = {}): AcceptorActor => {
    const client = new NtlmClient({ credentials, ...options });
    client.negotiate();
    actor.send({ type: 'authenticate', token: client.respond(actor.getSnapshot().context.challengeToken!) });
    return actor;
  };
  const settled = async (actor: AcceptorActor): Promise<AcceptorActor> => {
    await waitFor(actor, (snapshot) => snapshot.hasTag('settled'));
    return actor;
  };

  testEveryPair({
    machine: acceptorMachine,
    reach: {
      listening: () => listening(),
      challenged: () => challenged(),
      verifying: () => answer(challenged({ lookup: () => never })),
      accepted: () => settled(answer(challenged())),
      refused: () => settled(answer(challenged(), { credentials: stranger })),
    },
    events: {
      negotiate: () => ({ type: 'negotiate', token: type1 }),
      'a malformed negotiate': () => ({ type: 'negotiate', token: new Uint8Array(15) }),
      'a negotiate of no bytes': () => ({ type: 'negotiate' }),
      authenticate: () => ({ type: 'authenticate', token: new Uint8Array(64) }),
      'an authenticate of no bytes': () => ({ type: 'authenticate' }),
      reset: () => ({ type: 'reset' }),
    },
    next: {
      listening: { negotiate: 'challenged', 'a malformed negotiate': 'refused', 'a negotiate of no bytes': 'refused' },
      challenged: { authenticate: 'verifying', 'an authenticate of no bytes': 'verifying' },
    },
    everywhere: { reset: 'listening' },
    passing: ['challenging'],
  });
});

describe('a connection', () => {
  type Connection = ActorRefFrom<typeof connectionMachine>;
  const limits = { legTimeout: 60_000, answerTimeout: 60_000, maxAttempts: 2 };
  const open = (ask: () => Promise<Credentials | undefined>): Connection => {
    const input = { side: 'server', origin: 'http://intranet.corp', handshake: {}, ask, ...limits } as const;
    return createActor(connectionMachine, { input }).start();
  };
  const give = (): Promise<Credentials> => Promise.resolve(credentials);
  const unauthorized = { type: 'unauthorized', scheme: 'NTLM' } as const;
  const after = (connection: Connection, ...events: readonly ConnectionEvent[]): Connection => {
    for (const event of events) connection.send(event);
    return connection;
  };
  /** A connection whose type 1 is out, and the challenge that answers it. */
  const negotiating = async (): Promise<{ connection: Connection; challenge: ConnectionEvent }> => {
    const connection = open(give);
    const emitted: ConnectionEmitted[] = [];
    connection.on('authorize', (event) => void emitted.push(event));
    connection.send(unauthorized);
    await waitFor(connection, (snapshot) => snapshot.matches({ handshaking: 'negotiating' }));
    const [first] = emitted;
    if (first?.type !== 'authorize') throw new Error('no type 1');
    return { connection, challenge: { ...unauthorized, token: new NtlmAcceptor({ credentials }).challenge(first.token) } };
  };
  const responding = async (...events: readonly ConnectionEvent[]): Promise<Connection> => {
    const { connection, challenge } = await negotiating();
    return after(connection, challenge, ...events);
  };

  const asked = { authenticate: 'asking', '401': 'asking', '401 with a challenge': 'asking' };
  const refused = { '401 without NTLM': 'refused', '401 that cannot be read': 'refused' };
  const answered = {
    passed: 'authenticated',
    'passed, unreadable': 'refused',
    '401': 'asking',
    '401 with a challenge': 'asking',
    '401 without NTLM': 'asking',
    '401 that cannot be read': 'asking',
  };
  const unreadable = new NtlmError('unreadable', { code: 'malformed-token', phase: 'transport', side: 'peer' });
  testEveryPair({
    machine: connectionMachine,
    reach: {
      anonymous: () => open(give),
      asking: () => after(open(() => new Promise(() => {})), unauthorized),
      'handshaking.negotiating': async () => (await negotiating()).connection,
      'handshaking.responding.sending': () => responding(),
      'handshaking.responding.waiting': () => responding({ type: 'sent' }),
      authenticated: () => responding({ type: 'passed' }),
      refused: () => after(open(give), { type: 'unauthorized' }),
      closed: () => after(open(give), { type: 'close' }),
    },
    events: {
      authenticate: () => ({ type: 'authenticate', scheme: 'NTLM' }),
      '401': () => unauthorized,
      '401 with a challenge': () => ({ ...unauthorized, token: challengeToken() }),
      '401 without NTLM': () => ({ type: 'unauthorized' }),
      '401 that cannot be read': () => ({ type: 'unauthorized', error: unreadable }),
      passed: () => ({ type: 'passed' }),
      'passed, unreadable': () => ({ type: 'passed', error: unreadable }),
      sent: () => ({ type: 'sent' }),
      close: () => ({ type: 'close' }),
    },
    next: {
      anonymous: { ...asked, ...refused },
      'handshaking.negotiating': {
        ...refused,
        '401': 'refused',
        '401 with a challenge': 'handshaking.responding.sending',
        passed: 'anonymous',
        'passed, unreadable': 'anonymous',
      },
      'handshaking.responding.sending': { ...answered, sent: 'handshaking.responding.waiting' },
      'handshaking.responding.waiting': answered,
      authenticated: { ...asked, ...refused },
      refused: { ...asked, ...refused },
    },
    everywhere: { close: 'closed' },
    passing: ['opening', 'answering', 'finishing', 'continuing', 'accepting', 'rejecting', 'deciding'].map((name) => `handshaking.${name}`),
  });
});
