/** What the connections of one pool to one origin have learned together. */
import { describe, expect, test } from 'vitest';
import { NtlmError } from '../../../src/errors.ts';
import { Proofs } from '../../../src/http/authentication/proofs.ts';
import type { CredentialsQuestion } from '../../../src/http/authentication/question.ts';
import { Realm } from '../../../src/http/authentication/realm.ts';
import { Credentials } from '../../../src/index.ts';

const alice = (password = 'wonderland') => Credentials.fromPassword({ username: 'alice', domain: 'CORP', password });
const limits = { limit: 2, memory: 300_000, longestMemory: 3_600_000, patience: 10_000, entries: 1000 };
const asker = { signal: new AbortController().signal, maxAttempts: 2 };
const question = { scheme: 'Negotiate', refused: undefined, reason: undefined } as const;
const refusal = new NtlmError('no', { code: 'credentials-refused', phase: 'authenticate', side: 'peer' });

function realmOf(answers: readonly (Credentials | undefined)[], { others = true, prefer = 'Negotiate' as 'Negotiate' | 'NTLM' } = {}) {
  const questions: CredentialsQuestion[] = [];
  const left = [...answers];
  const ask = (asked: CredentialsQuestion) => (questions.push(asked), left.shift());
  return { realm: new Realm('http://a', 'proxy', { ask, others }, prefer, new Proofs(limits)), questions };
}

describe('a realm', () => {
  test('puts a question with all that is known, and the next one with what was refused', async () => {
    const [first, second] = [alice(), alice('other')];
    const { realm, questions } = realmOf([first, second]);
    expect((await realm.ask(question, asker))?.credentials).toBe(first);
    expect(realm.credentials).toBe(first);
    expect((await realm.ask({ ...question, refused: first, reason: refusal }, asker))?.credentials).toBe(second);
    const known = { origin: 'http://a', side: 'proxy', scheme: 'Negotiate' };
    expect(questions).toEqual([
      { ...known, attempt: 1, reason: undefined },
      { ...known, attempt: 2, reason: refusal },
    ]);
  });

  test('does not take what was refused once more, in another handle either, and asks anew once that is over', async () => {
    const first = alice();
    const { realm, questions } = realmOf([first, alice(), alice('other')]);
    await realm.ask(question, asker);
    const refused = { ...question, refused: first, reason: refusal };
    expect(await realm.ask(refused, asker)).toBeUndefined();
    expect(await realm.ask(refused, asker)).toBeUndefined();
    expect(questions).toHaveLength(2);
    expect((await realm.ask(question, asker))?.credentials.username).toBe('alice');
    expect(questions.at(-1)).toMatchObject({ attempt: 1, reason: undefined });
  });

  test('keeps what is in use until it is refused itself', async () => {
    const [first, second] = [alice(), alice('other')];
    const { realm, questions } = realmOf([first, second]);
    (await realm.ask(question, asker))!.proof.withdraw();
    realm.noteRefused(second);
    expect(realm.credentials).toBe(first);
    expect((await realm.ask({ ...question, refused: second, reason: refusal }, asker))?.credentials).toBe(first);
    expect(questions).toHaveLength(1);
    realm.noteRefused(first);
    expect(realm.credentials).toBeUndefined();
  });

  test('asks anew for a handle that is wiped, and refuses one that comes wiped', async () => {
    const [first, wiped] = [alice(), alice()];
    wiped.wipe();
    const { realm } = realmOf([first, wiped]);
    await realm.ask(question, asker);
    first.wipe();
    const error = { code: 'credentials-missing', phase: 'authenticate', side: 'local', message: 'the credentials were wiped' };
    await expect(realm.ask(question, asker)).rejects.toMatchObject(error);
  });

  test('may ask for others where there are any, and what is in use was not accepted', async () => {
    const { realm } = realmOf([alice(), alice('other')]);
    expect(realmOf([], { others: false }).realm.mayAskForOthers).toBe(false);
    await realm.ask(question, asker);
    expect(realm.mayAskForOthers).toBe(true);
    realm.accepted(true);
    expect(realm.mayAskForOthers).toBe(false);
    await realm.ask({ ...question, refused: realm.credentials, reason: refusal }, asker);
    expect(realm.mayAskForOthers).toBe(true);
  });

  test('that has learned nothing knows nothing', () => {
    expect(realmOf([]).realm).toMatchObject({
      origin: 'http://a',
      side: 'proxy',
      scheme: undefined,
      prefer: 'Negotiate',
      ntlmOffered: false,
      negotiatorRefused: false,
      negotiatorFailure: undefined,
      negotiatorProven: false,
      keepsConnections: false,
      singleRequestHandshakes: 0,
      connections: 0,
      credentials: undefined,
    });
  });

  test('whose Negotiate takes no NTLM is spoken to by NTLM', () => {
    const { realm } = realmOf([]);
    realm.noteFallback();
    expect([realm.prefer, realm.scheme]).toEqual(['NTLM', 'NTLM']);
  });

  test.each([[true, 'NTLM'], [false, 'Negotiate']] as const)('that refused what goes first is spoken to by NTLM where it offers that (%s), until it is forgotten', (offered, scheme) => {
    const { realm } = realmOf([]);
    realm.scheme = 'Negotiate';
    realm.negotiatorFailure = refusal;
    realm.ntlmOffered = offered;
    realm.noteNegotiatorRefused();
    expect([realm.negotiatorRefused, realm.scheme, realm.negotiatorFailure]).toEqual([true, scheme, refusal]);
    realm.forgetNegotiatorRefused();
    expect([realm.negotiatorRefused, realm.scheme, realm.negotiatorFailure]).toEqual([false, undefined, undefined]);
    realm.scheme = 'NTLM';
    realm.forgetNegotiatorRefused();
    expect(realm.scheme).toBe('NTLM');
  });

  test('that took what goes first has proven it, and its failure before is over', () => {
    const { realm } = realmOf([]);
    realm.negotiatorFailure = refusal;
    realm.accepted(true);
    expect([realm.negotiatorProven, realm.negotiatorFailure]).toEqual([false, refusal]);
    realm.accepted(false);
    expect([realm.negotiatorProven, realm.negotiatorFailure]).toEqual([true, undefined]);
  });
});
