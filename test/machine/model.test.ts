/**
 * The handshake against a model of it: a table of states and events written from MS-NLMP 3.1.4 and 3.1.5 and from the
 * drawn machine, with the machine itself nowhere in it.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromPromise } from 'xstate';
import {
  Credentials,
  NtlmError,
  createNtlmActor,
  ntlmMachine,
  type NtlmActor,
  type NtlmEvent,
  type NtlmTag,
} from '../../src/index.ts';
import {
  NegotiateFlags as F,
  decodeAuthenticate,
  decodeNtlmV2Response,
  encodeChallenge,
} from '../../src/messages/index.ts';
import { needle, reachable } from '../support/deep-walk.ts';
import { GENEROUS, NAMES, challengeToken, tokensOf } from '../support/handshake.ts';

/** The states that last, and under slow services those in which a service is at work. */
const drawn = [
  'idle',
  'negotiated.encoding',
  'negotiated.waiting',
  'challenged.decoding',
  'challenged.responding',
  'responded',
  'authenticated',
  'failed.faulted',
  'failed.refused',
  'failed.rejected',
] as const;
type State = (typeof drawn)[number];

const happenings = [
  'negotiate',
  'a good challenge',
  'the last challenge again',
  'a malformed challenge',
  'a weak challenge',
  'accepted',
  'rejected',
  'reset',
  'reset with other credentials',
  'nonsense',
] as const;
type Happening = (typeof happenings)[number];

const challengeRow = {
  'a good challenge': 'responded',
  'the last challenge again': 'responded',
  'a malformed challenge': 'failed.faulted',
  'a weak challenge': 'failed.refused',
} as const satisfies Partial<Record<Happening, State>>;

/** State x happening -> next state. What is not listed changes nothing. */
const table: Record<State, Partial<Record<Happening, State>>> = {
  idle: { negotiate: 'negotiated.waiting' }, // 3.1.5.1.1
  'negotiated.encoding': {},
  'negotiated.waiting': challengeRow, // 3.1.5.1.2
  'challenged.decoding': {},
  'challenged.responding': {},
  responded: { accepted: 'authenticated', rejected: 'failed.rejected' },
  authenticated: {},
  'failed.faulted': {},
  'failed.refused': {},
  'failed.rejected': {},
};
/** The same where a challenge may come first (3.1.5.2, connectionless). */
const connectionlessTable = { ...table, idle: { ...table.idle, ...challengeRow } };

const tags: Record<State, readonly NtlmTag[]> = {
  idle: [],
  'negotiated.encoding': ['busy'],
  'negotiated.waiting': ['awaiting-server'],
  'challenged.decoding': ['busy'],
  'challenged.responding': ['busy'],
  responded: ['awaiting-server'],
  authenticated: ['settled'],
  'failed.faulted': ['settled'],
  'failed.refused': ['settled'],
  'failed.rejected': ['settled', 'needs-credentials'],
};

const isReset = (happening: Happening): boolean => happening.startsWith('reset');
const isChallenge = (happening: Happening): boolean => happening.endsWith('challenge') || happening.endsWith('again');
const next = (rows: typeof table, state: State, happening: Happening): State =>
  isReset(happening) ? 'idle' : (rows[state][happening] ?? state);

const first = Credentials.fromPassword({ username: 'first', domain: 'DOMAIN', password: 'one' });
const other = Credentials.fromPassword({ username: 'other', domain: 'DOMAIN', password: 'two' });

/** Events that no state knows, and resets whose credentials are none. (XState itself refuses the type '*'.) */
const nonsense: readonly object[] = [
  { type: 'unknown' },
  { type: '' },
  { type: 'token', message: 'AUTHENTICATE', token: new Uint8Array(64) },
  { type: 'responded' },
  { type: 'Negotiate' },
  { type: 'constructor' },
  { type: '__proto__' },
  { type: 'xstate.init', input: {} },
  { type: 'xstate.done.actor.0.ntlm.idle', output: new Uint8Array(64) },
  { type: 'reset', credentials: null },
  { type: 'reset', credentials: { username: 'other', password: 'two' } },
];

let counter = 0;
/** Eight bytes that were never drawn before. */
function freshNonce(): Uint8Array {
  return Uint8Array.from(createHash('md5').update(`nonce ${counter++}`).digest().subarray(0, 8));
}
const goodChallenge = (serverChallenge = freshNonce()): Uint8Array =>
  encodeChallenge({ negotiateFlags: GENEROUS, targetName: 'DOMAIN', serverChallenge, targetInfo: NAMES });

/** An actor and what a bystander notes of it. */
class Bystander {
  readonly actor: NtlmActor;
  readonly tokens: ReturnType<typeof tokensOf>;
  lastChallenge: Uint8Array = goodChallenge();
  /** Server challenges and client challenges of the handshakes so far. */
  readonly serverChallenges: Uint8Array[] = [];
  readonly clientChallenges: Uint8Array[] = [];

  constructor(connectionless = false, machine = ntlmMachine) {
    this.actor = createNtlmActor({ credentials: first, connectionless, sessionSecurity: 'sign' }, { machine });
    this.tokens = tokensOf(this.actor);
  }

  get state(): State {
    const { value } = this.actor.getSnapshot();
    return (typeof value === 'string' ? value : Object.entries(value)[0]!.join('.')) as State;
  }

  get context() {
    return this.actor.getSnapshot().context;
  }

  count(message: 'NEGOTIATE' | 'AUTHENTICATE'): number {
    return this.tokens.filter((emitted) => emitted.message === message).length;
  }

  happen(happening: Happening, choice = 0): void {
    this.actor.send(this.#event(happening, choice));
    const { challenge } = this.context;
    if (challenge && !this.serverChallenges.includes(challenge.serverChallenge))
      this.serverChallenges.push(challenge.serverChallenge);
    this.clientChallenges.splice(
      0,
      Infinity,
      ...this.tokens.filter(({ message }) => message === 'AUTHENTICATE').map(clientChallengeOf),
    );
  }

  #event(happening: Happening, choice: number): NtlmEvent {
    switch (happening) {
      case 'negotiate':
      case 'accepted':
      case 'rejected':
        return { type: happening };
      case 'a good challenge':
        return { type: 'challenge', token: (this.lastChallenge = goodChallenge()) };
      case 'the last challenge again':
        return { type: 'challenge', token: this.lastChallenge };
      case 'a malformed challenge':
        return { type: 'challenge', token: goodChallenge().subarray(0, choice % 100) };
      case 'a weak challenge':
        return { type: 'challenge', token: challengeToken({ flags: F.NEGOTIATE_UNICODE | F.NEGOTIATE_NTLM }) };
      case 'reset':
        return { type: 'reset' };
      case 'reset with other credentials':
        return { type: 'reset', credentials: other };
      case 'nonsense':
        return nonsense[choice % nonsense.length] as NtlmEvent;
    }
  }
}

function clientChallengeOf({ token }: { token: Uint8Array }): Uint8Array {
  return decodeNtlmV2Response(decodeAuthenticate(token).ntChallengeResponse).challengeFromClient;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** One step of actor and model together: the next state, or a failed expectation. */
function step(bystander: Bystander, rows: typeof table, state: State, happening: Happening, choice: number): State {
  const before = bystander.actor.getSnapshot();
  const authenticatesBefore = bystander.count('AUTHENTICATE');
  const negotiatesBefore = bystander.count('NEGOTIATE');
  const tokensBefore = bystander.tokens.map(({ token }) => token);
  const keyBefore = before.context.sessionKey;
  const keyBytes = keyBefore && !keyBefore.wiped ? keyBefore.bytes() : undefined;

  bystander.happen(happening, choice);

  const expected = next(rows, state, happening);
  const snapshot = bystander.actor.getSnapshot();
  expect(snapshot.status).toBe('active');
  expect(bystander.state).toBe(expected);
  for (const tag of ['awaiting-server', 'busy', 'needs-credentials', 'settled'] as const) {
    expect(snapshot.hasTag(tag)).toBe(tags[expected].includes(tag));
  }
  if (expected === state && !isReset(happening)) {
    expect(snapshot).toBe(before); // value, context and all
  }
  expect(snapshot.context.attempt).toBe(before.context.attempt + (isReset(happening) ? 1 : 0));

  const responded = expected === 'responded' && state !== 'responded';
  expect(bystander.count('AUTHENTICATE') - authenticatesBefore).toBe(responded ? 1 : 0);
  if (responded) expect(isChallenge(happening)).toBe(true);
  expect(bystander.count('NEGOTIATE') - negotiatesBefore).toBe(state === 'idle' && happening === 'negotiate' ? 1 : 0);
  expect(snapshot.context.sessionKey !== undefined).toBe(
    ['responded', 'authenticated', 'failed.rejected'].includes(expected),
  );
  expect(snapshot.context.error instanceof NtlmError).toBe(expected.startsWith('failed'));

  const nonces = bystander.clientChallenges.map(hexOf);
  expect(new Set(nonces).size).toBe(nonces.length);

  if (isReset(happening)) {
    expect(snapshot.context.credentials).toBe(happening === 'reset' ? before.context.credentials : other);
    expect(keyBefore?.wiped ?? true).toBe(true);
    const traces = [
      ...bystander.serverChallenges.map((bytes) => needle('server challenge', bytes)),
      ...bystander.clientChallenges.map((bytes) => needle('client challenge', bytes)),
      ...tokensBefore.map((bytes) => needle('token', bytes)),
      ...(keyBytes ? [needle('session key', keyBytes)] : []),
    ];
    const { machine: _, ...persisted } = bystander.actor.getPersistedSnapshot() as object & { machine?: unknown };
    expect(reachable({ context: snapshot.context, persisted }, traces)).toEqual([]);
  }
  return expected;
}

/** Ways from a new actor to each state. */
const ways: Record<
  Exclude<State, 'negotiated.encoding' | 'challenged.decoding' | 'challenged.responding'>,
  readonly Happening[]
> = {
  idle: [],
  'negotiated.waiting': ['negotiate'],
  responded: ['negotiate', 'a good challenge'],
  authenticated: ['negotiate', 'a good challenge', 'accepted'],
  'failed.faulted': ['negotiate', 'a malformed challenge'],
  'failed.refused': ['negotiate', 'a weak challenge'],
  'failed.rejected': ['negotiate', 'a good challenge', 'rejected'],
};

const never = <TOutput, TInput>() => fromPromise<TOutput, TInput>(() => new Promise(() => {}));
/** Ways to the states in which a service is at work, with a service that never ends. */
const slowWays = {
  'negotiated.encoding': { machine: ntlmMachine.provide({ actors: { encodeNegotiate: never() } }), way: ['negotiate'] },
  'challenged.decoding': {
    machine: ntlmMachine.provide({ actors: { decodeChallenge: never() } }),
    way: ['negotiate', 'a good challenge'],
  },
  'challenged.responding': {
    machine: ntlmMachine.provide({ actors: { authenticate: never() } }),
    way: ['negotiate', 'a good challenge'],
  },
} as const satisfies Partial<Record<State, { machine: typeof ntlmMachine; way: readonly Happening[] }>>;

describe.each([
  { kind: 'a connection', rows: table, connectionless: false },
  { kind: 'connectionless', rows: connectionlessTable, connectionless: true },
])('every event in every state, $kind', ({ rows, connectionless }) => {
  const pairs = (Object.keys(ways) as (keyof typeof ways)[]).flatMap((state) =>
    happenings.map((happening) => ({ state, happening })),
  );

  test.each(pairs)('$state, $happening', ({ state, happening }) => {
    const choices = happening === 'nonsense' ? nonsense.length : 1;
    for (let choice = 0; choice < choices; choice++) {
      const bystander = new Bystander(connectionless);
      for (const before of ways[state]) bystander.happen(before);
      expect(bystander.state).toBe(state);
      step(bystander, rows, state, happening, choice);
    }
  });
});

describe('every event while a service is at work', () => {
  const pairs = (Object.keys(slowWays) as (keyof typeof slowWays)[]).flatMap((state) =>
    happenings.map((happening) => ({ state, happening })),
  );

  test.each(pairs)('$state, $happening', ({ state, happening }) => {
    const { machine, way } = slowWays[state];
    const choices = happening === 'nonsense' ? nonsense.length : 1;
    for (let choice = 0; choice < choices; choice++) {
      const bystander = new Bystander(false, machine);
      for (const before of way) bystander.happen(before);
      expect(bystander.state).toBe(state);
      step(bystander, table, state, happening, choice);
    }
  });
});

test('a fault with a message in its challenge never reaches a response', () => {
  const bystander = new Bystander();
  for (const happening of ['negotiate', 'a malformed challenge', 'a good challenge', 'accepted'] as const)
    bystander.happen(happening);
  expect(bystander.state).toBe('failed.faulted');
  expect(bystander.count('AUTHENTICATE')).toBe(0);
});

test('any sequence of events follows the table', () => {
  const sequence = fc.array(fc.tuple(fc.constantFrom(...happenings), fc.nat({ max: 999 })), {
    minLength: 1,
    maxLength: 25,
  });
  // Leads on where it can, so that sequences get past the first states more often than by chance.
  const eager = fc.array(
    fc.tuple(fc.constantFrom(...happenings, undefined, undefined, undefined), fc.nat({ max: 999 })),
    {
      minLength: 1,
      maxLength: 25,
    },
  );
  const forward: Partial<Record<State, Happening>> = {
    idle: 'negotiate',
    'negotiated.waiting': 'a good challenge',
    responded: 'accepted',
  };
  const visited = new Set<State>();
  fc.assert(
    fc.property(fc.oneof(sequence, eager), fc.boolean(), (events, connectionless) => {
      const bystander = new Bystander(connectionless);
      let state: State = 'idle';
      for (const [happening, choice] of events) {
        state = step(
          bystander,
          connectionless ? connectionlessTable : table,
          state,
          happening ?? forward[state] ?? 'reset',
          choice,
        );
        expect(drawn).toContain(state);
        visited.add(state);
      }
    }),
    { numRuns: 150 },
  );
  expect([...visited].sort()).toEqual(Object.keys(ways).sort());
});

test('the attempt is counted by resets alone', () => {
  const bystander = new Bystander();
  const attempts: number[] = [];
  for (const happening of [
    'negotiate',
    'reset',
    'reset',
    'negotiate',
    'a good challenge',
    'rejected',
    'reset with other credentials',
  ] as const) {
    bystander.happen(happening);
    attempts.push(bystander.context.attempt);
  }
  expect(attempts).toEqual([1, 2, 3, 3, 3, 3, 4]);
});

test('the same challenge after a reset is answered with another client challenge', () => {
  const bystander = new Bystander();
  for (const happening of [
    'negotiate',
    'a good challenge',
    'reset',
    'negotiate',
    'the last challenge again',
  ] as const) {
    bystander.happen(happening);
  }
  const [one, two] = bystander.clientChallenges.map(hexOf);
  expect(bystander.serverChallenges.map(hexOf)[0]).toBe(bystander.serverChallenges.map(hexOf)[1]);
  expect(one).not.toBe(two);
});
