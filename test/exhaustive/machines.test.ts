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
import {
  MechType,
  SpnegoAcceptor,
  createSpnegoActor,
  decodeNegTokenResp,
  encodeNegTokenInit,
  encodeNegTokenResp,
  spnegoAcceptorMachine,
  spnegoMachine,
  type NegTokenRespFields,
  type KerberosAccepted,
  type SpnegoAcceptorActor,
  type SpnegoActor,
  type SpnegoEvent,
} from '../../src/spnego/index.ts';
import { kerberosToken } from '../vectors/kerberos.ts';
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

describe('the initiator of SPNEGO', () => {
  const reply = (fields: NegTokenRespFields): Uint8Array =>
    encodeNegTokenResp({ negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP, ...fields });
  const hint = encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] });
  const negotiate = { type: 'negotiate' } as const;
  const challenge = { type: 'challenge', token: reply({ responseToken: challengeToken() }) } as const;
  const end = { type: 'finish', token: encodeNegTokenResp({ negState: 'accept-completed' }) } as const;
  const after = (...events: readonly SpnegoEvent[]) => (): SpnegoActor => {
    const actor = createSpnegoActor({ credentials });
    for (const event of events) actor.send(event);
    return actor;
  };
  testEveryPair({
    machine: spnegoMachine,
    reach: {
      idle: after(),
      'negotiated.waiting': after(negotiate),
      'responded.waiting': after(negotiate, challenge),
      authenticated: after(negotiate, challenge, end),
      'failed.faulted': after(negotiate, { type: 'challenge', token: new Uint8Array(3) }),
      'failed.refused': after(negotiate, { type: 'challenge', token: reply({ negState: 'reject' }) }),
      'failed.rejected': after(negotiate, challenge, { type: 'rejected' }),
    },
    events: {
      negotiate: () => negotiate,
      'negotiate with a hint': () => ({ type: 'negotiate', hint }),
      'negotiate with the hint of another mechanism': () => ({ type: 'negotiate', hint: encodeNegTokenInit({ mechTypes: [MechType.KERBEROS] }) }),
      'negotiate with a hint that is a reply': () => ({ type: 'negotiate', hint: end.token }),
      'negotiate with a malformed hint': () => ({ type: 'negotiate', hint: new Uint8Array(3) }),
      challenge: () => challenge,
      'a challenge without SPNEGO': () => ({ type: 'challenge', token: challengeToken() }),
      'a challenge with a mechListMIC': () => ({ type: 'challenge', token: reply({ responseToken: challengeToken(), mechListMIC: new Uint8Array(16) }) }),
      'a weak challenge': () => ({ type: 'challenge', token: reply({ responseToken: challengeToken({ flags: 1 }) }) }),
      'a challenge that is malformed inside': () => ({ type: 'challenge', token: reply({ responseToken: new Uint8Array(31) }) }),
      'a challenge that is malformed outside': () => ({ type: 'challenge', token: new Uint8Array(3) }),
      'a challenge of no bytes': () => ({ type: 'challenge' }),
      'a reply without a challenge': () => ({ type: 'challenge', token: reply({}) }),
      'an offer for a reply': () => ({ type: 'challenge', token: hint }),
      'another mechanism': () => ({ type: 'challenge', token: reply({ supportedMech: MechType.KERBEROS, responseToken: challengeToken() }) }),
      'a reject for a challenge': () => ({ type: 'challenge', token: reply({ negState: 'reject' }) }),
      end: () => end,
      'an end with a forged mechListMIC': () => ({ type: 'finish', token: reply({ negState: 'accept-completed', mechListMIC: new Uint8Array(16) }) }),
      'an end with a message': () => ({ type: 'finish', token: reply({ negState: 'accept-completed', responseToken: challengeToken() }) }),
      'an end without SPNEGO': () => ({ type: 'finish', token: challengeToken() }),
      'an end that is malformed': () => ({ type: 'finish', token: new Uint8Array(3) }),
      'an end of no bytes': () => ({ type: 'finish' }),
      'request-mic for an end': () => ({ type: 'finish', token: reply({ negState: 'request-mic' }) }),
      reject: () => ({ type: 'finish', token: reply({ negState: 'reject' }) }),
      accepted: () => ({ type: 'accepted' }),
      rejected: () => ({ type: 'rejected' }),
      reset: () => ({ type: 'reset' }),
      'reset with other credentials': () => ({ type: 'reset', credentials: stranger }),
      'reset with something else': () => ({ type: 'reset', credentials: { username: 'user' } }),
    },
    next: {
      idle: {
        negotiate: 'negotiated.waiting',
        'negotiate with a hint': 'negotiated.waiting',
        'negotiate with the hint of another mechanism': 'failed.refused',
        'negotiate with a hint that is a reply': 'failed.faulted',
        'negotiate with a malformed hint': 'failed.faulted',
      },
      'negotiated.waiting': {
        challenge: 'responded.waiting',
        'a challenge without SPNEGO': 'responded.waiting',
        'a challenge with a mechListMIC': 'failed.faulted',
        'a weak challenge': 'failed.refused',
        'a challenge that is malformed inside': 'failed.faulted',
        'a challenge that is malformed outside': 'failed.faulted',
        'a challenge of no bytes': 'failed.faulted',
        'a reply without a challenge': 'failed.faulted',
        'an offer for a reply': 'failed.faulted',
        'another mechanism': 'failed.refused',
        'a reject for a challenge': 'failed.refused',
      },
      'responded.waiting': {
        end: 'authenticated',
        'an end with a forged mechListMIC': 'failed.refused',
        'an end with a message': 'failed.faulted',
        'an end without SPNEGO': 'failed.faulted',
        'an end that is malformed': 'failed.faulted',
        'an end of no bytes': 'failed.faulted',
        'request-mic for an end': 'failed.faulted',
        reject: 'failed.rejected',
        accepted: 'authenticated',
        rejected: 'failed.rejected',
      },
    },
    everywhere: { reset: 'idle', 'reset with other credentials': 'idle' },
    passing: [
      ...['decoding', 'deciding', 'encoding'].map((name) => `negotiated.${name}`),
      ...['decoding', 'deciding', 'responding', 'wrapping'].map((name) => `challenged.${name}`),
      ...['decoding', 'deciding', 'verifying', 'concluding', 'answering'].map((name) => `responded.${name}`),
    ],
  });
});

describe('the acceptor of SPNEGO', () => {
  const type1 = new NtlmClient({ credentials }).negotiate();
  const ntlm = [MechType.NTLMSSP];
  const offer = { type: 'token', token: encodeNegTokenInit({ mechTypes: ntlm, mechToken: type1 }) } as const;
  const offerWithoutMessage = { type: 'token', token: encodeNegTokenInit({ mechTypes: ntlm }) } as const;
  const listening = (lookup?: () => Promise<undefined>): SpnegoAcceptorActor =>
    new SpnegoAcceptor({ credentials: lookup ?? credentials }).actor;
  /** Kerberos is taken, by a double that wants one more token each time or never answers: what a real one says is tested against a realm. */
  const presented = (step: () => Promise<KerberosAccepted>): SpnegoAcceptorActor => {
    const { actor } = new SpnegoAcceptor({ credentials, kerberos: { binds: false, begin: () => ({ step }) } });
    actor.send({ type: 'token', token: encodeNegTokenInit({ mechTypes: [MechType.KERBEROS, ...ntlm], mechToken: kerberosToken('AP-REQ') }) });
    return actor;
  };
  const more = (): Promise<KerberosAccepted> => Promise.resolve({ token: Uint8Array.of(1), complete: false });
  const after = (...tokens: readonly { readonly type: 'token'; readonly token: Uint8Array }[]): SpnegoAcceptorActor => {
    const actor = listening();
    for (const token of tokens) actor.send(token);
    return actor;
  };
  /** The client's type 3, with its mechListMIC or without. */
  const answered = (actor: SpnegoAcceptorActor, { unsigned = false, user = credentials } = {}): SpnegoAcceptorActor => {
    const client = new NtlmClient({ credentials: user, spnego: true });
    actor.send({ type: 'token', token: client.negotiate() });
    const token = client.respond(actor.getSnapshot().context.token!);
    const { responseToken = new Uint8Array(0) } = decodeNegTokenResp(token);
    actor.send({ type: 'token', token: unsigned ? encodeNegTokenResp({ responseToken }) : token });
    return actor;
  };
  const settled = async (actor: SpnegoAcceptorActor): Promise<SpnegoAcceptorActor> => {
    await waitFor(actor, (snapshot) => !snapshot.hasTag('busy'));
    return actor;
  };
  const resp = (fields: NegTokenRespFields) => (): object => ({ type: 'token', token: encodeNegTokenResp(fields) });
  const offers = [
    'an offer',
    'an offer without a message',
    'an offer that likes another mechanism best',
    'an offer without NTLMSSP',
  ];
  const wrong = ['a malformed token', 'a token of no bytes', 'a message that is malformed', 'reject', 'an empty reply', 'a forged mechListMIC'];
  const tickets = ['a ticket', 'a ticket without SPNEGO'];
  const refused = (...events: readonly string[]): Record<string, string> => Object.fromEntries(events.map((event) => [event, 'refused']));
  testEveryPair({
    machine: spnegoAcceptorMachine,
    reach: {
      listening: () => listening(),
      'negotiating.chosen': () => after(offerWithoutMessage),
      'presented.stepping': () => presented(() => new Promise(() => {})),
      'presented.waiting': () => settled(presented(more)),
      challenged: () => after(offer),
      'verifying.verifying': () => answered(listening(() => new Promise(() => {}))),
      'confirming.waiting': () => settled(answered(listening(), { unsigned: true })),
      accepted: () => settled(answered(listening())),
      refused: () => settled(answered(listening(), { user: stranger })),
    },
    events: {
      hint: () => ({ type: 'hint' }),
      'an offer': () => offer,
      'an offer without a message': () => offerWithoutMessage,
      'an offer that likes another mechanism best': () => ({
        type: 'token',
        token: encodeNegTokenInit({ mechTypes: [MechType.KERBEROS, ...ntlm], mechToken: Uint8Array.of(0x60, 0) }),
      }),
      'an offer without NTLMSSP': () => ({ type: 'token', token: encodeNegTokenInit({ mechTypes: [MechType.KERBEROS] }) }),
      'a ticket without SPNEGO': () => ({ type: 'token', token: kerberosToken('AP-REQ') }),
      'a ticket': resp({ responseToken: kerberosToken('AP-REQ') }),
      'a message without SPNEGO': () => ({ type: 'token', token: type1 }),
      'a message': resp({ responseToken: type1 }),
      'a message that is malformed': resp({ responseToken: type1.subarray(0, 11) }),
      'a malformed token': () => ({ type: 'token', token: new Uint8Array(3) }),
      'a token of no bytes': () => ({ type: 'token' }),
      reject: resp({ negState: 'reject' }),
      'an empty reply': resp({}),
      'a forged mechListMIC': resp({ mechListMIC: new Uint8Array(16) }),
      reset: () => ({ type: 'reset' }),
    } as Record<string, () => { type: string }>,
    next: {
      listening: {
        ...refused(...wrong, 'an offer without NTLMSSP', 'a message', ...tickets),
        hint: 'listening',
        'an offer': 'challenged',
        'an offer without a message': 'negotiating.chosen',
        'an offer that likes another mechanism best': 'negotiating.chosen',
        'a message without SPNEGO': 'challenged',
      },
      // what is no token of Kerberos is refused before anybody sees it, but not at once
      'presented.waiting': {
        ...refused('a malformed token', 'a token of no bytes', 'reject', 'an empty reply', 'a forged mechListMIC', ...offers),
        ...Object.fromEntries(['a message', 'a message that is malformed', 'a message without SPNEGO', ...tickets].map((event) => [event, 'presented.stepping'])),
      },
      'negotiating.chosen': {
        ...refused(...wrong, ...offers, ...tickets),
        'a message without SPNEGO': 'challenged',
        'a message': 'challenged',
      },
      challenged: {
        ...refused(...wrong, ...offers, 'a ticket without SPNEGO'),
        'a ticket': 'verifying.verifying',
        'a message without SPNEGO': 'verifying.verifying',
        'a message': 'verifying.verifying',
        'a message that is malformed': 'verifying.verifying',
      },
      'confirming.waiting': refused(...wrong, ...offers, ...tickets, 'a message without SPNEGO', 'a message'),
    },
    everywhere: { reset: 'listening' },
    passing: [
      ...['decoding', 'choosing', 'decodingNegotiate', 'deciding'].map((name) => `negotiating.${name}`),
      ...['answering', 'decoding', 'deciding'].map((name) => `presented.${name}`),
      'challenging',
      ...['decoding', 'deciding', 'concluding', 'answering'].map((name) => `verifying.${name}`),
      ...['decoding', 'deciding', 'verifying'].map((name) => `confirming.${name}`),
    ],
  });
});

describe.each(['NTLM', 'Negotiate'] as const)('a connection, scheme %s', (scheme) => {
  type Connection = ActorRefFrom<typeof connectionMachine>;
  const limits = { legTimeout: 60_000, answerTimeout: 60_000, maxAttempts: 2 };
  const open = (ask: () => Promise<Credentials | undefined>): Connection => {
    const input = { side: 'server', origin: 'http://intranet.corp', handshake: {}, ask, ...limits } as const;
    return createActor(connectionMachine, { input }).start();
  };
  const give = (): Promise<Credentials> => Promise.resolve(credentials);
  const unauthorized = { type: 'unauthorized', scheme } as const;
  const reject = encodeNegTokenResp({ negState: 'reject' });
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
    const token = scheme === 'NTLM' ? new NtlmAcceptor({ credentials }).challenge(first.token) : challengeToken();
    return { connection, challenge: { ...unauthorized, token } };
  };
  const responding = async (...events: readonly ConnectionEvent[]): Promise<Connection> => {
    const { connection, challenge } = await negotiating();
    return after(connection, challenge, ...events);
  };

  const offers = {
    '401': 'asking',
    '401 with a challenge': 'asking',
    '401 beside NTLM': 'asking',
    '401 that says reject': 'asking',
    '401 that says reject beside NTLM': 'asking',
  };
  const asked = { authenticate: 'asking', ...offers };
  const refused = { '401 without NTLM': 'refused', '401 that cannot be read': 'refused' };
  const answered = {
    passed: 'authenticated',
    'passed, unreadable': 'refused',
    ...offers,
    '401 without NTLM': 'asking',
    '401 that cannot be read': 'asking',
    abandon: 'anonymous',
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
      authenticate: () => ({ type: 'authenticate', scheme }),
      '401': () => unauthorized,
      '401 with a challenge': () => ({ ...unauthorized, token: challengeToken() }),
      '401 beside NTLM': () => ({ ...unauthorized, ntlmOffered: true }),
      '401 that says reject': () => ({ ...unauthorized, token: reject }),
      '401 that says reject beside NTLM': () => ({ ...unauthorized, token: reject, ntlmOffered: true }),
      '401 without NTLM': () => ({ type: 'unauthorized' }),
      '401 that cannot be read': () => ({ type: 'unauthorized', error: unreadable }),
      passed: () => ({ type: 'passed' }),
      'passed, unreadable': () => ({ type: 'passed', error: unreadable }),
      sent: () => ({ type: 'sent' }),
      abandon: () => ({ type: 'abandon' }),
      close: () => ({ type: 'close' }),
    },
    next: {
      anonymous: { ...asked, ...refused },
      'handshaking.negotiating': {
        ...refused,
        '401': 'refused',
        '401 with a challenge': 'handshaking.responding.sending',
        '401 beside NTLM': scheme === 'Negotiate' ? 'asking' : 'refused',
        '401 that says reject': 'refused',
        '401 that says reject beside NTLM': scheme === 'Negotiate' ? 'asking' : 'refused',
        passed: 'anonymous',
        'passed, unreadable': 'anonymous',
        abandon: 'anonymous',
      },
      'handshaking.responding.sending': { ...answered, sent: 'handshaking.responding.waiting' },
      'handshaking.responding.waiting': answered,
      authenticated: { ...asked, ...refused },
      refused: { ...asked, ...refused },
    },
    everywhere: { close: 'closed' },
    passing: [
      ...['opening', 'answering', 'finishing', 'continuing', 'accepting', 'rejecting', 'concluding', 'deciding'].map((name) => `handshaking.${name}`),
      // Reached where something goes before NTLM: kerberos.test.ts.
      ...['choosing', 'initiating', 'presented.sending', 'presented.waiting', 'finishing', 'continuing', 'accepting', 'rejecting'].map((name) => `presenting.${name}`),
    ],
  });
});
