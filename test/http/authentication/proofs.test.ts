/** How often refused credentials go out, by any interleaving of any requests. Nothing here opens a socket. */
import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Proofs, type Admission, type Proof, type ProofLimits } from '../../../src/http/authentication/proofs.ts';
import { Realm } from '../../../src/http/authentication/realm.ts';
import { Credentials, NtlmError } from '../../../src/index.ts';

const MINUTE = 60_000;
const LIMITS: ProofLimits = { limit: 2, memory: 5 * MINUTE, longestMemory: 60 * MINUTE, patience: 10_000, entries: 1000 };
const named = (username: string, password: string, domain?: string): Credentials =>
  Credentials.fromPassword({ username, password, domain });
const alice = (password = 'wrong'): Credentials => named('alice', password, 'CORP');
const never = new AbortController().signal;
setMaxListeners(0, never);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function opened(limits: Partial<ProofLimits> = {}) {
  const proofs = new Proofs({ ...LIMITS, ...limits });
  const admit = (credentials = alice(), realm = 'server http://a', signal = never): Promise<Admission> =>
    proofs.admit(realm, credentials, () => true, signal);
  /** Asked for now, and answered now. */
  const now = async (...args: Parameters<typeof admit>): Promise<Proof | string> => {
    let admission: Admission | undefined;
    void admit(...args).then((value) => (admission = value));
    await vi.advanceTimersByTimeAsync(0);
    if (admission === undefined || admission === 'superseded') return admission ?? 'waits';
    return 'proof' in admission ? admission.proof : 'blocked';
  };
  /** A proof that is refused: how far it came. */
  const refuse = async (credentials = alice(), place = 'GET /'): Promise<string> => {
    const proof = await now(credentials);
    if (typeof proof === 'string') return proof;
    proof.refused(place);
    return 'refused';
  };
  return { proofs, admit, now, refuse };
}

describe('one password of one account', () => {
  test('is refused twice, then blocked until five minutes have passed; once more, and each time twice as long, up to an hour', async () => {
    const { refuse } = opened();
    expect([await refuse(), await refuse(), await refuse()]).toEqual(['refused', 'refused', 'blocked']);
    for (const minutes of [5, 10, 20, 40, 60, 60, 60]) {
      await vi.advanceTimersByTimeAsync(minutes * MINUTE - 1);
      expect(await refuse()).toBe('blocked');
      await vi.advanceTimersByTimeAsync(1);
      expect(await refuse()).toBe('refused');
      expect(await refuse()).toBe('blocked');
    }
    await vi.advanceTimersByTimeAsync(120 * MINUTE);
    expect([await refuse(), await refuse(), await refuse()]).toEqual(['refused', 'refused', 'blocked']); // forgotten
  });

  test('that was refused once five minutes ago was never refused', async () => {
    const { refuse } = opened();
    for (let turn = 0; turn < 4; turn += 1) {
      expect(await refuse()).toBe('refused');
      await vi.advanceTimersByTimeAsync(5 * MINUTE);
    }
  });

  test.each<[string, Credentials]>([
    ['a new handle', alice()],
    ['a handle of its hash', Credentials.fromNtHash({ username: 'alice', domain: 'CORP', ntHash: '9d8ae81cdaab3a7c34c4ea8b6b8c8a0a' })],
    ['another letter case', named('ALICE', 'wrong', 'corp')],
    ['no domain', named('alice', 'wrong', '')],
    ['the domain before the name', named('corp\\Alice', 'wrong')],
    ['the domain within the name', Credentials.fromPassword({ username: 'corp\\Alice', domain: '', password: 'wrong' })],
    ['the name of a user principal', named('alice@corp.example', 'wrong')],
    ['another domain, which a server may take for its own', named('alice', 'wrong', 'ELSEWHERE')],
  ])('is the same in %s', async (what, other) => {
    const { refuse } = opened();
    const ofHash = what === 'a handle of its hash';
    const { ntowfV1 } = await import('../../../src/crypto/index.ts');
    const credentials = ofHash ? Credentials.fromNtHash({ username: 'alice', ntHash: ntowfV1('wrong') }) : other;
    expect([await refuse(), await refuse(credentials), await refuse(), await refuse(credentials)]).toEqual([
      'refused',
      'refused',
      'blocked',
      'blocked',
    ]);
  });

  test.each<[string, Credentials, string]>([
    ['password', alice('another'), 'server http://a'],
    ['letter case of the password', alice('Wrong'), 'server http://a'],
    ['account', named('bob', 'wrong', 'CORP'), 'server http://a'],
    ['account without a name', Credentials.anonymous(), 'server http://a'],
    ['origin', alice(), 'server http://b'],
    ['side of the origin', alice(), 'proxy http://a'],
  ])('says nothing of another %s', async (_, credentials, realm) => {
    const { now, refuse } = opened();
    await refuse();
    await refuse();
    expect(await refuse()).toBe('blocked');
    expect(await now(credentials, realm)).toBeTypeOf('object');
  });

  test('has a name up to its last @: what is before it may hold another', async () => {
    const { refuse } = opened();
    expect([await refuse(named('a@b@one', 'wrong')), await refuse(named('a@b@two', 'wrong')), await refuse(named('a@b@three', 'wrong'))]).toEqual(['refused', 'refused', 'blocked']);
    expect(await refuse(named('a@c@one', 'wrong'))).toBe('refused');
  });

  test('the anonymous user has neither, and counts like any other', async () => {
    const { refuse } = opened();
    const anonymous = (): Promise<string> => refuse(Credentials.anonymous());
    expect([await anonymous(), await anonymous(), await anonymous()]).toEqual(['refused', 'refused', 'blocked']);
  });

  test('that is lost with its connection weighs a third of a refusal; that never went out, nothing', async () => {
    const { now } = opened();
    const lose = async (): Promise<string> => {
      const proof = await now();
      if (typeof proof === 'string') return proof;
      proof.lost();
      proof.refused('/'); // the first word counts
      return 'lost';
    };
    for (let turn = 0; turn < 20; turn += 1) ((await now()) as Proof).withdraw();
    const row: string[] = [];
    for (let turn = 0; turn < 7; turn += 1) row.push(await lose());
    expect(row).toEqual([...Array<string>(6).fill('lost'), 'blocked']);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect([await lose(), await lose()]).toEqual(['lost', 'blocked']);
  });

  test('a handle that is wiped later is still known, one that was wiped before is none', async () => {
    const { refuse, admit } = opened();
    const credentials = alice();
    await refuse(credentials);
    credentials.wipe();
    await refuse();
    expect(await refuse(credentials)).toBe('blocked');
    const wiped = alice();
    wiped.wipe();
    await expect(admit(wiped)).rejects.toMatchObject({ code: 'credentials-missing' });
  });

  test('forget() forgets refusals, not what is undecided', async () => {
    const { proofs, refuse, now } = opened();
    await refuse();
    await refuse();
    proofs.forget();
    const first = (await now()) as Proof;
    proofs.forget();
    expect(await now()).toBe('waits');
    first.refused('/');
    expect([await refuse(), await refuse()]).toEqual(['refused', 'blocked']);
  });
});

describe('while a proof is undecided', () => {
  test('others wait: for its end, or ten seconds for one further, and then on', async () => {
    const { now, admit } = opened();
    const first = (await now()) as Proof;
    const order: string[] = [];
    const waiting = ['second', 'third', 'fourth'].map((name) =>
      admit().then((admission) => (order.push(`${name} ${admission !== 'superseded' && 'proof' in admission ? 'goes' : 'blocked'}`), admission)),
    );
    await vi.advanceTimersByTimeAsync(9999);
    expect(order).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(order).toEqual(['second goes']);
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(order).toEqual(['second goes']);
    first.refused('/');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(order).toEqual(['second goes']); // one refused, one undecided: that is all that may be
    const second = (await waiting[0]) as { proof: Proof };
    second.proof.refused('/');
    await Promise.all(waiting);
    expect(order).toEqual(['second goes', 'third blocked', 'fourth blocked']);
  });

  test('once it is accepted all go at once', async () => {
    const { now, admit } = opened();
    const first = (await now()) as Proof;
    const waiting = Promise.all(Array.from({ length: 1000 }, () => admit()));
    await vi.advanceTimersByTimeAsync(1);
    first.accepted('/');
    expect((await waiting).every((admission) => admission !== 'superseded' && 'proof' in admission)).toBe(true);
  });

  test('who is gone waits no more, and leaves nothing', async () => {
    const { now, admit } = opened();
    const first = (await now()) as Proof;
    const controller = new AbortController();
    const waiting = admit(alice(), 'server http://a', controller.signal);
    controller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(vi.getTimerCount()).toBe(0);
    await expect(admit(alice(), 'server http://a', AbortSignal.abort(new Error('was gone')))).rejects.toThrow('was gone');
    first.withdraw();
    expect(await now()).toBeTypeOf('object');
  });

  test('who waits for credentials that are not in use any more is told', async () => {
    const { proofs, now } = opened();
    const first = (await now()) as Proof;
    let inUse = true;
    const waiting = proofs.admit('server http://a', alice(), () => inUse, never);
    inUse = false;
    first.withdraw();
    expect(await waiting).toBe('superseded');
  });
});

describe('what the realm accepted', () => {
  test('is not blocked by a place that never took it, however often', async () => {
    const { now, refuse } = opened();
    ((await now()) as Proof).accepted('GET /open');
    for (let turn = 0; turn < 50; turn += 1) expect(await refuse(alice(), `GET /denied/${turn % 3}`)).toBe('refused');
    for (let turn = 0; turn < 3; turn += 1) expect(await now()).toBeTypeOf('object'); // and waits for nobody
  });

  test('is as good as unproven once a place refuses what it took: the password was changed', async () => {
    const { now, refuse } = opened();
    ((await now()) as Proof).accepted('GET /');
    expect([await refuse(), await refuse(), await refuse()]).toEqual(['refused', 'refused', 'blocked']);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    ((await now()) as Proof).accepted('GET /');
    expect([await refuse(), await refuse()]).toEqual(['refused', 'blocked']); // it is on probation
  });

  /** Two at once go out of what is proven alone. */
  const isProven = async ({ now }: ReturnType<typeof opened>, credentials = alice()): Promise<boolean> => {
    const proofs = [await now(credentials), await now(credentials)];
    for (const proof of proofs) if (typeof proof !== 'string') proof.withdraw();
    return proofs.every((proof) => typeof proof !== 'string');
  };

  test.each([
    [100, 'GET /0', false],
    [101, 'GET /0', true],
    [101, 'GET /1', false],
  ])('of %i places that took it the latest hundred are known; %s refuses it: proven still? %s', async (count, place, proven) => {
    const all = opened();
    for (let n = 0; n < count; n++) ((await all.now()) as Proof).accepted(`GET /${n}`);
    expect(await isProven(all)).toBe(true);
    ((await all.now()) as Proof).refused(place);
    expect(await isProven(all)).toBe(proven);
  });

  test('of accounts that were proven, the latest are known', async () => {
    const all = opened({ entries: 3 });
    for (const name of ['a', 'b', 'c']) ((await all.now(named(name, 'right'))) as Proof).accepted('GET /');
    expect(await isProven(all, named('a', 'right'))).toBe(true);
    ((await all.now(named('a', 'right'))) as Proof).accepted('GET /'); // and is the latest again
    ((await all.now(named('d', 'right'))) as Proof).accepted('GET /');
    const names = ['a', 'b', 'c', 'd'];
    const proven: string[] = [];
    for (const name of names) if (await isProven(all, named(name, 'right'))) proven.push(name);
    expect(proven).toEqual(['a', 'c', 'd']);
  });

  test('is the whole name: another domain with the same name and password is not', async () => {
    const { now, refuse } = opened();
    ((await now()) as Proof).accepted('GET /');
    const other = named('alice', 'wrong', 'ELSEWHERE');
    expect([await refuse(other), await refuse(other), await refuse(other)]).toEqual(['refused', 'refused', 'blocked']);
    expect(await refuse(alice(), 'GET /denied')).toBe('refused');
  });
});

describe('its size', () => {
  test('is bounded, what is blocked longest stays', async () => {
    const { refuse } = opened({ entries: 10 });
    for (let n = 0; n < 3; n += 1) await refuse(named('alice', 'blocked'));
    for (let n = 0; n < 3; n += 1) await vi.advanceTimersByTimeAsync(5 * MINUTE).then(() => refuse(named('alice', 'blocked')));
    for (let n = 0; n < 500; n += 1) await refuse(named(`user ${n}`, 'wrong'));
    expect(await refuse(named('alice', 'blocked'))).toBe('blocked');
  });

  test('is bounded: what is blocked for the shortest time goes first', async () => {
    const { refuse } = opened({ entries: 10 });
    const [first, later] = [named('first', 'wrong'), named('later', 'wrong')];
    for (const who of [first, first, first]) await refuse(who);
    expect(await refuse(first)).toBe('blocked');
    await vi.advanceTimersByTimeAsync(1000);
    for (let n = 0; n < 9; n += 1) for (const who of [0, 0]) await refuse(named(`user ${n}`, `wrong ${who}`));
    for (const who of [later, later]) await refuse(who);
    expect([await refuse(later), await refuse(first)]).toEqual(['blocked', 'refused']);
  });

  test('does not end what is undecided', async () => {
    const { now, refuse } = opened({ entries: 1 });
    const first = (await now()) as Proof;
    for (let n = 0; n < 20; n += 1) await refuse(named(`user ${n}`, 'wrong'));
    expect(await now()).toBe('waits');
    first.refused('/');
  });
});

describe('by any interleaving', () => {
  const accounts = ['alice', 'bob'] as const;
  const place = fc.constantFrom('GET /', 'GET /report', 'GET /denied');
  const call = fc.record({
    at: fc.integer({ min: 0, max: 15 * MINUTE }),
    account: fc.constantFrom(...accounts),
    /** Which of the account's passwords, in which form of its name. */
    password: fc.constantFrom('right', 'right', 'wrong', 'worse'),
    form: fc.constantFrom<(name: string) => { username: string; domain?: string }>(
      (username) => ({ username, domain: 'CORP' }),
      (username) => ({ username: username.toUpperCase(), domain: 'corp' }),
      (username) => ({ username: `${username}@corp.example` }),
    ),
    place,
    /** Until the server's word, in milliseconds. */
    latency: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 40_000 })),
    fate: fc.constantFrom<'answered' | 'lost' | 'unsent'>('answered', 'answered', 'answered', 'answered', 'lost', 'unsent'),
    /** When the caller gives up. */
    limit: fc.option(fc.integer({ min: 1, max: 30_000 }), { nil: undefined }),
    /** The time between a call and others of its kind. */
    burst: fc.integer({ min: 1, max: 6 }),
  });

  test('at most two refusals of a password within its memory; every call ends; nothing proven is blocked', async () => {
    let [calls, refused, blocked, waited] = [0, 0, 0, 0];
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 16 }), async (steps) => {
        const proofs = new Proofs(LIMITS);
        const refusals = new Map<string, number[]>();
        const provenSince = new Map<string, number>();
        const ends: Promise<void>[] = [];
        const perform = async ({ at, account, password, form, place, latency, fate, limit }: (typeof steps)[0]): Promise<void> => {
          await new Promise((resolve) => setTimeout(resolve, at));
          const credentials = Credentials.fromPassword({ ...form(account), password: `${account} ${password}` });
          const controller = new AbortController();
          if (limit !== undefined) setTimeout(() => controller.abort(new Error('given up')), limit);
          const asked = performance.now();
          const name = `${credentials.username.toUpperCase()} ${credentials.domain.toUpperCase()}`;
          const proven = (provenSince.get(name) ?? Infinity) <= asked && password === 'right';
          let admission: Admission;
          try {
            admission = await proofs.admit('server http://a', credentials, () => true, controller.signal);
          } catch (error) {
            expect((error as Error).message).toBe('given up');
            return;
          }
          calls += 1;
          if (performance.now() > asked) waited += 1;
          if (admission === 'superseded') throw new Error('nobody said so');
          if (proven) expect(performance.now()).toBe(asked);
          if ('blocked' in admission) {
            expect(proven).toBe(false);
            expect(admission.blocked.remaining).toBeGreaterThan(0);
            blocked += 1;
            return;
          }
          if (fate === 'unsent') return admission.proof.withdraw();
          await new Promise((resolve) => setTimeout(resolve, latency));
          if (fate === 'lost') return admission.proof.lost();
          if (password === 'right' && place !== 'GET /denied') {
            if (!provenSince.has(name)) provenSince.set(name, performance.now());
            return admission.proof.accepted(place);
          }
          admission.proof.refused(place);
          if (password === 'right') return; // an access list, not the password
          refused += 1;
          const key = `${account} ${password}`;
          refusals.set(key, [...(refusals.get(key) ?? []), performance.now()]);
        };
        for (const step of steps) for (let n = 0; n < step.burst; n += 1) ends.push(perform(step));
        const ended = Promise.allSettled(ends);
        await vi.runAllTimersAsync();
        for (const end of await ended) if (end.status === 'rejected') throw end.reason;
        expect(vi.getTimerCount()).toBe(0);
        for (const times of refusals.values()) {
          for (const [index, time] of times.entries()) {
            const within = times.slice(index).filter((other) => other - time < LIMITS.memory);
            expect(within.length).toBeLessThanOrEqual(2);
          }
        }
      }),
      { numRuns: 150, endOnFailure: true },
    );
    console.log(`${calls} calls: ${refused} refused, ${blocked} not sent, ${waited} waited`);
    expect(Math.min(refused, blocked, waited)).toBeGreaterThan(50);
  });
});

describe('a realm', () => {
  const realmOf = (ask: (question: { attempt: number; reason: NtlmError | undefined }) => Credentials | undefined | Promise<Credentials | undefined>) =>
    new Realm('http://a', 'server', { ask: async (question) => ask(question), others: true }, 'NTLM', new Proofs(LIMITS));
  const nothingRefused = { scheme: 'NTLM', refused: undefined, reason: undefined } as const;
  const asker = { signal: never, maxAttempts: 5 };
  const reason = new NtlmError('no', { code: 'credentials-refused', phase: 'authenticate', side: 'peer' });
  /** A request to a server that knows other passwords. */
  async function rejected(realm: Realm): Promise<string> {
    let question: Parameters<Realm['ask']>[0] = nothingRefused;
    for (;;) {
      const turn = await realm.ask(question, asker);
      if (turn === undefined) return 'given up';
      await new Promise((resolve) => setTimeout(resolve, 5));
      turn.proof.refused('GET /');
      sent += 1;
      question = { scheme: 'NTLM', refused: turn.credentials, reason };
    }
  }
  let sent = 0;
  beforeEach(() => void (sent = 0));
  const codeOf = (error: NtlmError): string => error.code;

  test.each([1, 2, 4, 50, 1000])('%s requests at once: two proofs, whether its handle is one or always new', async (count) => {
    const handle = alice();
    for (const ask of [() => alice(), () => handle, ({ attempt }: { attempt: number }) => (attempt === 1 ? handle : undefined)]) {
      sent = 0;
      const realm = realmOf(ask);
      const ends = Promise.all(Array.from({ length: count }, () => rejected(realm).catch(codeOf)));
      await vi.advanceTimersByTimeAsync(1000);
      const tally = new Set(await ends);
      expect(sent).toBe(Math.min(count, 2));
      expect([...tally].sort()).toEqual(count > 2 ? ['given up', 'not-tried-again'] : ['given up']);
    }
  });

  test('what is blocked is told to the app, which may know others, as often as a request may try', async () => {
    const told: string[] = [];
    const realm = realmOf(({ attempt, reason: why }) => {
      told.push(`${attempt} ${why?.code ?? '-'}`);
      return alice(`wrong ${attempt % 3}`);
    });
    const request = async (): Promise<string> => {
      told.length = 0;
      let question: Parameters<Realm['ask']>[0] = nothingRefused;
      for (let attempt = 1; attempt <= asker.maxAttempts; attempt += 1) {
        const turn = await realm.ask(question, asker).catch(codeOf);
        if (turn === undefined || typeof turn === 'string') return turn ?? 'given up';
        turn.proof.refused('GET /');
        question = { scheme: 'NTLM', refused: turn.credentials, reason };
      }
      realm.noteRefused(question.refused);
      return 'refused';
    };
    expect(await request()).toBe('refused');
    expect(told).toEqual(['1 -', '2 credentials-refused', '3 credentials-refused', '4 credentials-refused', '5 credentials-refused']);
    expect(await request()).toBe('not-tried-again');
    expect(await request()).toBe('not-tried-again');
    expect(told).toEqual(['1 -', ...[2, 3, 4, 5].map((attempt) => `${attempt} not-tried-again`)]);
  });

  test('a handle that was wiped is asked for anew, and a question nobody waits for too', async () => {
    const handles: Credentials[] = [];
    let hangs = true;
    const realm = realmOf(() => (hangs ? new Promise(() => {}) : (handles.push(alice(`${handles.length}`)), handles.at(-1))));
    const gone = [new AbortController(), new AbortController()];
    const stuck = gone.map(({ signal }) => realm.ask(nothingRefused, { ...asker, signal }).catch((error: Error) => error.message));
    await vi.advanceTimersByTimeAsync(0);
    hangs = false;
    const together = realm.ask(nothingRefused, { ...asker, signal: gone[0]!.signal }).catch((error: Error) => error.message);
    for (const controller of gone) controller.abort(new Error('gone'));
    expect(await Promise.all([...stuck, together])).toEqual(['gone', 'gone', 'gone']);
    const turn = await realm.ask(nothingRefused, asker);
    turn!.proof.accepted('GET /');
    expect(turn!.credentials).toBe(handles[0]);
    expect((await realm.ask(nothingRefused, asker))!.credentials).toBe(handles[0]);
    handles[0]!.wipe();
    expect((await realm.ask(nothingRefused, asker))!.credentials).toBe(handles[1]);
  });

  test('who was refused nothing is not told that there are no others: its own request may be let in', async () => {
    const handle = alice();
    const realm = realmOf(({ attempt }) => (attempt === 1 ? handle : undefined));
    const first = await realm.ask(nothingRefused, asker);
    const second = realm.ask(nothingRefused, asker); // waits for the first
    await vi.advanceTimersByTimeAsync(0);
    first!.proof.refused('GET /denied');
    expect(await realm.ask({ scheme: 'NTLM', refused: handle, reason }, asker)).toBeUndefined();
    expect((await second)?.credentials).toBe(handle);
  });
});
