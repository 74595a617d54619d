/** What answers teach of requests that are like theirs, and what a status says of a proof. */
import { describe, expect, test } from 'vitest';
import { Paths, type Like } from '../../../src/http/authentication/paths.ts';
import { ProofInHand } from '../../../src/http/authentication/proof-in-hand.ts';
import type { Proof } from '../../../src/http/authentication/proofs.ts';
import type { NtlmErrorCode } from '../../../src/errors.ts';

const like = (path: string, who = 'cookie'): Like => ({ key: `GET ${path}`, identityKey: `GET ${path} ${who}` });

describe('an origin', () => {
  test('has open requests, by who asks, until one is asked', () => {
    const paths = new Paths();
    expect([paths.answeredUnasked, paths.asksAgain, paths.isOpen(like('/'))]).toEqual([false, false, false]);
    paths.noteAnswered(like('/'));
    expect([paths.answeredUnasked, paths.isOpen(like('/')), paths.isOpen(like('/', 'other')), paths.isOpen(like('/x'))]).toEqual([true, true, false, false]);
    expect(paths.hasAsked(like('/'))).toBe(false);
    paths.noteAsked(like('/'));
    expect([paths.answeredUnasked, paths.isOpen(like('/')), paths.hasAsked(like('/', 'other'))]).toEqual([true, false, true]);
    paths.noteAnswered(like('/'));
    expect([paths.isOpen(like('/')), paths.hasAsked(like('/'))]).toEqual([true, true]);
  });

  test('has requests for which stand-ins say nothing', () => {
    const paths = new Paths();
    paths.noteMisleading(like('/'));
    expect([paths.isMisleading(like('/', 'other')), paths.isMisleading(like('/x'))]).toEqual([true, false]);
  });

  test.each<[Parameters<Paths['noteStandIn']>[0][], boolean]>([
    [[], false],
    [['lost'], false],
    [['lost', 'lost'], true],
    [['lost', 'answered', 'lost'], false],
    [['timed-out'], true],
    [['lost', 'lost', 'answered'], false],
  ])('after stand-ins that were %j no more are sent: %s', (ends, gaveUp) => {
    const paths = new Paths();
    for (const end of ends) paths.noteStandIn(end);
    expect(paths.isMisleading(like('/'))).toBe(gaveUp);
  });

  test('is waited for as it does itself', () => {
    const paths = new Paths();
    expect(paths.waiting).toBe('for a 100');
    paths.noteWaitedInVain(false);
    expect(paths.waiting).toBe('for a moment');
    paths.noteWaitedInVain(true);
    expect(paths.waiting).toBe('no');
    paths.noteExpectRefused();
    expect(paths.waiting).toBe('no');
    const other = new Paths();
    other.noteExpectRefused();
    expect(other.waiting).toBe('for a moment');
  });

  test('of which 1,000 requests are known is learned anew', () => {
    const paths = new Paths();
    for (let n = 0; n < 1000; n += 1) paths.noteAnswered(like(`/${n}`));
    expect([paths.isOpen(like('/0')), paths.isOpen(like('/999'))]).toEqual([true, true]);
    paths.noteAnswered(like('/1000'));
    expect([paths.isOpen(like('/0')), paths.isOpen(like('/999')), paths.isOpen(like('/1000'))]).toEqual([false, false, true]);
  });
});

describe('a proof in hand', () => {
  const inHand = () => {
    const told: string[] = [];
    const proof: Proof = {
      accepted: (place) => void told.push(`accepted ${place}`),
      refused: (place) => void told.push(`refused ${place}`),
      lost: () => void told.push('lost'),
      withdraw: () => void told.push('withdrawn'),
    };
    const hand = new ProofInHand();
    hand.place = 'GET /';
    hand.take(proof);
    return { hand, proof, told };
  };

  test.each([
    [200, true],
    [302, true],
    [404, true],
    [499, true],
    [400, false],
    [403, false],
    [500, false],
    [503, false],
  ])('that is answered with %i is accepted: %s', (status, accepted) => {
    const { hand, told } = inHand();
    hand.answered(status);
    expect(told).toEqual(accepted ? ['accepted GET /'] : []);
  });

  test.each<[NtlmErrorCode | undefined, boolean, string]>([
    ['credentials-refused', true, 'refused GET /'],
    ['timed-out', true, 'lost'],
    ['connection-closed', true, 'lost'],
    ['timed-out', false, 'withdrawn'],
    ['connection-closed', false, 'withdrawn'],
    ['downgrade-refused', true, 'withdrawn'],
    [undefined, true, 'withdrawn'],
  ])('ends with %s, its type 3 out (%s): %s, and once', (code, sent, end) => {
    const { hand, told } = inHand();
    if (sent) hand.leaving();
    hand.settle(code);
    hand.settle(code);
    hand.answered(200);
    expect(told).toEqual([end]);
  });

  test('that is the next has not been out yet; without one nothing happens', () => {
    const { hand, proof, told } = inHand();
    hand.leaving();
    hand.take(proof);
    hand.settle('timed-out');
    expect(told).toEqual(['withdrawn']);
    for (const code of ['credentials-refused', 'timed-out', undefined] as const) hand.settle(code);
    expect(new ProofInHand().place).toBe('');
  });
});
