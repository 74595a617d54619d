/** Every pair of state and event of every machine. Its own room tests the handshake's with services that take their time. */
import { describe } from 'vitest';
import { waitFor } from 'xstate';
import { NtlmAcceptor, acceptorMachine, type AcceptorActor } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, createNtlmActor, ntlmMachine, type NtlmActor, type NtlmEvent, type NtlmOptions } from '../../src/index.ts';
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
