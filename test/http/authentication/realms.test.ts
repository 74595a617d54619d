/** What one agent, dispatcher or fetch keeps of the origins it went to. */
import { describe, expect, test } from 'vitest';
import { Realms } from '../../../src/http/authentication/realms.ts';
import { Credentials } from '../../../src/index.ts';

const HOUR = 3_600_000;
const source = { ask: async () => Credentials.anonymous(), others: false };
const refusals = { limit: 2, memory: 300_000, longestMemory: HOUR, patience: 10_000, entries: 1000 };
const question = { scheme: 'NTLM', refused: undefined, reason: undefined } as const;
const asker = { signal: new AbortController().signal, maxAttempts: 1 };

describe('realms', () => {
  test('are one for a side of an origin', () => {
    const realms = new Realms({ prefer: 'NTLM', refusals });
    const realm = realms.of('server', 'http://a', source);
    expect(realms.of('server', 'http://a', source)).toBe(realm);
    expect(realms.of('proxy', 'http://a', source)).not.toBe(realm);
    expect(realms.of('server', 'http://b', source)).not.toBe(realm);
  });

  test('without a connection for an hour are let go; with one, or in use, they stay', () => {
    let now = 0;
    const realms = new Realms({ prefer: 'NTLM', refusals, now: () => now });
    const [connected, used] = ['http://connected', 'http://used'].map((origin) => realms.of('server', origin, source));
    connected!.connections += 1;
    for (let n = 0; n < 500; n += 1) realms.of('server', `http://${n}`, source);
    now = HOUR / 2;
    realms.of('server', 'http://used', source);
    now = HOUR;
    expect(realms.of('server', 'http://used', source)).toBe(used);
    expect(realms.size).toBe(2);
    expect(realms.of('server', 'http://connected', source)).toBe(connected);
  });

  test('that are let go leave their refusals: a new one does not repeat them', async () => {
    let now = 0;
    const long = { ...refusals, memory: 3 * HOUR, longestMemory: 3 * HOUR };
    const realms = new Realms({ prefer: 'NTLM', refusals: long, now: () => now });
    const realm = realms.of('server', 'http://a', source);
    for (let turn = 0; turn < 2; turn += 1) (await realm.ask(question, asker))!.proof.refused('GET /');
    now = 2 * HOUR;
    realms.of('server', 'http://b', source);
    expect(realms.size).toBe(1);
    const another = realms.of('server', 'http://a', source);
    expect(another).not.toBe(realm);
    await expect(another.ask(question, asker)).rejects.toMatchObject({ code: 'not-tried-again' });
    realms.forgetRefusals();
    expect(await another.ask(question, asker)).toBeDefined();
  });
});
