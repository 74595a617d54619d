/** Every pair of state and event of Kerberos's machine, and of a connection's on which it goes first. */
import { describe } from 'vitest';
import { createActor, waitFor, type ActorRefFrom } from 'xstate';
import { connectionMachine, type ConnectionEvent } from '../../src/http/index.ts';
import { Credentials, NtlmError } from '../../src/index.ts';
import { kerberosMachine, type KerberosEvent, type KerberosInput } from '../../src/kerberos/index.ts';
import { FIRST, LAST_WORD, NEXT, USUAL, reply, standIn, type Script } from '../kerberos/support.ts';
import { challengeToken } from '../support/handshake.ts';
import { testEveryPair } from '../support/small-world.ts';

const inputOf = (script: Script, mutual: boolean): KerberosInput => ({
  spn: 'HTTP/intranet.corp',
  principal: undefined,
  mutual,
  delegate: false,
  unbound: false,
  channelBindings: undefined,
  legTimeout: 60_000,
  provider: standIn(script),
});

describe.each([true, false])('Kerberos, mutual: %s', (mutual) => {
  type Kerberos = ActorRefFrom<typeof kerberosMachine>;
  const negotiate = { type: 'negotiate' } as const;
  const at = (script: Script, ...events: readonly KerberosEvent[]) => async (): Promise<Kerberos> => {
    const actor = createActor(kerberosMachine, { input: inputOf(script, mutual) }).start();
    for (const event of events) {
      await waitFor(actor, (snapshot) => !snapshot.hasTag('busy'));
      actor.send(event);
    }
    return actor;
  };
  const until = (reach: () => Promise<Kerberos>, tag: 'awaiting-server' | 'settled') => async (): Promise<Kerberos> => {
    const actor = await reach();
    await waitFor(actor, (snapshot) => snapshot.hasTag(tag));
    return actor;
  };
  const working = async (): Promise<Kerberos> => {
    const actor = await at({ steps: ['hangs'] }, negotiate)();
    await waitFor(actor, (snapshot) => snapshot.matches({ stepping: 'working' }));
    return actor;
  };
  const steps = 'stepping.working';
  testEveryPair({
    machine: kerberosMachine,
    reach: {
      idle: at({}),
      beginning: at({ begin: 'hangs' }, negotiate),
      'stepping.working': working,
      'stepping.waiting': until(at({}, negotiate), 'awaiting-server'),
      established: until(at({}, negotiate, { type: 'finish', token: reply({ responseToken: LAST_WORD }) }), 'settled'),
      failed: until(at({ begin: { error: new Error('broken') } }, negotiate), 'settled'),
    },
    events: {
      negotiate: () => negotiate,
      'a last word': () => ({ type: 'finish', token: reply({ responseToken: LAST_WORD }) }),
      'a last word without SPNEGO': () => ({ type: 'finish', token: LAST_WORD }),
      'a last word for nobody': () => ({ type: 'finish', token: reply() }),
      'a last word that rejects': () => ({ type: 'finish', token: reply({ negState: 'reject' }) }),
      'a last word of NTLM': () => ({ type: 'finish', token: challengeToken() }),
      'a last word that is malformed': () => ({ type: 'finish', token: new Uint8Array(3) }),
      'a last word of no bytes': () => ({ type: 'finish' }),
      'a challenge': () => ({ type: 'challenge', token: reply({ negState: 'accept-incomplete', responseToken: NEXT }) }),
      'a challenge for nobody': () => ({ type: 'challenge', token: reply({ negState: 'accept-incomplete' }) }),
      'a challenge that rejects': () => ({ type: 'challenge', token: reply({ negState: 'reject', responseToken: NEXT }) }),
      'a challenge of another mechanism': () => ({ type: 'challenge', token: reply({ supportedMech: '1.3.6.1.4.1.311.2.2.10' }) }),
      'a challenge of no bytes': () => ({ type: 'challenge' }),
      accepted: () => ({ type: 'accepted' }),
      rejected: () => ({ type: 'rejected' }),
      reset: () => ({ type: 'reset' }),
    } as Record<string, () => { type: string }>,
    next: {
      idle: { negotiate: 'beginning' },
      'stepping.waiting': {
        'a last word': steps,
        'a last word without SPNEGO': steps,
        'a last word for nobody': mutual ? 'failed' : 'established',
        'a last word that rejects': 'failed',
        'a last word of NTLM': 'failed',
        'a last word that is malformed': 'failed',
        'a last word of no bytes': 'failed',
        'a challenge': steps,
        'a challenge for nobody': 'failed',
        'a challenge that rejects': 'failed',
        'a challenge of another mechanism': 'failed',
        'a challenge of no bytes': 'failed',
        accepted: mutual ? 'failed' : 'established',
        rejected: 'failed',
      },
    },
    passing: ['stepping.reading', 'stepping.concluding'],
  });
});

describe('a connection on which Kerberos goes first', () => {
  type Connection = ActorRefFrom<typeof connectionMachine>;
  const machine = connectionMachine.provide({ actors: { negotiator: kerberosMachine } });
  const open = (script: Script = {}): Connection => {
    const negotiator = { mechanism: 'Kerberos', ntlm: true, input: inputOf(script, true) } as const;
    const ask = (): Promise<Credentials> => new Promise(() => {});
    return createActor(machine, {
      input: { side: 'server', origin: 'http://intranet.corp', handshake: {}, ask, negotiator, legTimeout: 60_000, answerTimeout: 60_000, maxAttempts: 2 },
    }).start();
  };
  const unauthorized = { type: 'unauthorized', scheme: 'Negotiate' } as const;
  const lastWord = { scheme: 'Negotiate', token: reply({ responseToken: LAST_WORD }) } as const;
  const presented = async (script: Script, ...events: readonly ConnectionEvent[]): Promise<Connection> => {
    const connection = open(script);
    connection.send(unauthorized);
    await waitFor(connection, (snapshot) => snapshot.matches({ presenting: 'presented' }));
    for (const event of events) connection.send(event);
    return connection;
  };
  const settled = async (connection: Connection): Promise<Connection> => {
    await waitFor(connection, (snapshot) => snapshot.hasTag('settled'));
    return connection;
  };
  const hanging: Script = { steps: [{ answer: { token: FIRST, complete: false } }, 'hangs'] };
  const unreadable = new NtlmError('unreadable', { code: 'malformed-token', phase: 'transport', side: 'peer' });

  const asked = {
    authenticate: 'presenting.initiating',
    'authenticate with NTLM': 'asking',
    '401': 'presenting.initiating',
    '401 with a token': 'presenting.initiating',
    '401 beside NTLM': 'presenting.initiating',
    '401 with NTLM alone': 'asking',
    '401 without either': 'refused',
    '401 that cannot be read': 'refused',
  };
  const answers = {
    '401': 'refused',
    '401 with a token': 'presenting.continuing',
    '401 beside NTLM': 'refused',
    '401 with NTLM alone': 'refused',
    '401 without either': 'refused',
    '401 that cannot be read': 'refused',
    passed: 'refused',
    'passed with a token': 'presenting.finishing',
    'passed with an error': 'anonymous',
    'passed, unreadable': 'refused',
    abandon: 'anonymous',
  };
  testEveryPair({
    machine,
    reach: {
      anonymous: () => open(),
      asking: () => {
        const connection = open();
        connection.send({ type: 'unauthorized', scheme: 'NTLM' });
        return connection;
      },
      'presenting.initiating': () => {
        const connection = open({ begin: 'hangs' });
        connection.send(unauthorized);
        return connection;
      },
      'presenting.presented.sending': () => presented({}),
      'presenting.presented.waiting': () => presented({}, { type: 'sent' }),
      'presenting.finishing': () => presented(hanging, { type: 'passed', ...lastWord }),
      'presenting.continuing': () => presented(hanging, { ...unauthorized, token: reply({ responseToken: NEXT }) }),
      authenticated: async () => settled(await presented({ steps: USUAL }, { type: 'passed', ...lastWord })),
      refused: async () => settled(await presented({}, unauthorized)),
      closed: () => presented({}, { type: 'close' }),
    },
    events: {
      authenticate: () => ({ type: 'authenticate', scheme: 'Negotiate' }),
      'authenticate with NTLM': () => ({ type: 'authenticate', scheme: 'NTLM' }),
      '401': () => unauthorized,
      '401 with a token': () => ({ ...unauthorized, token: reply({ responseToken: NEXT }) }),
      '401 beside NTLM': () => ({ ...unauthorized, ntlmOffered: true }),
      '401 with NTLM alone': () => ({ type: 'unauthorized', scheme: 'NTLM' }),
      '401 without either': () => ({ type: 'unauthorized' }),
      '401 that cannot be read': () => ({ type: 'unauthorized', error: unreadable }),
      passed: () => ({ type: 'passed' }),
      'passed with a token': () => ({ type: 'passed', ...lastWord }),
      'passed with an error': () => ({ type: 'passed', failed: true }),
      'passed, unreadable': () => ({ type: 'passed', error: unreadable }),
      sent: () => ({ type: 'sent' }),
      abandon: () => ({ type: 'abandon' }),
      close: () => ({ type: 'close' }),
    } as Record<string, () => { type: string }>,
    next: {
      anonymous: asked,
      'presenting.initiating': { abandon: 'anonymous' },
      'presenting.presented.sending': { ...answers, sent: 'presenting.presented.waiting' },
      'presenting.presented.waiting': answers,
      'presenting.finishing': { abandon: 'anonymous' },
      'presenting.continuing': { abandon: 'anonymous' },
      authenticated: asked,
      refused: asked,
    },
    everywhere: { close: 'closed' },
    passing: [
      ...['choosing', 'accepting', 'rejecting'].map((name) => `presenting.${name}`),
      // Reached without anything before NTLM: machines.test.ts.
      ...['opening', 'negotiating', 'answering', 'responding.sending', 'responding.waiting', 'finishing', 'continuing', 'accepting', 'rejecting', 'concluding', 'deciding'].map((name) => `handshaking.${name}`),
    ],
  });
});
