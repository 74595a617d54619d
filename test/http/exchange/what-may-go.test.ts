/** The rule over everything that can vary: 4 × 3 × 2 × 2 × 2 situations. */
import { describe, expect, test } from 'vitest';
import { whatMayGo, type Known } from '../../../src/http/exchange/what-may-go.ts';

const situations: Known[] = (['settled', 'unknown', 'opening', 'answering'] as const).flatMap((sides) =>
  (['none', 'repeatable', 'held'] as const).flatMap((body) =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
      sides,
      body,
      standIns: (bits & 1) !== 0,
      waitingHelps: (bits & 2) !== 0,
      mayAskAgain: (bits & 4) !== 0,
    })),
  ),
);
const all = (holds: (known: Known) => boolean): Known[] => situations.filter(holds);
const uncertain = ({ sides }: Known): boolean => sides === 'unknown' || sides === 'opening';

describe('what may be sent when', () => {
  test('a request without a body is whole, whatever else is known', () => {
    for (const known of all(({ body }) => body === 'none')) expect(whatMayGo(known)).toBe('whole');
  });

  test('a stand-in goes only for a body, only where nobody knows or type 1 goes out, and only where it is to be trusted', () => {
    for (const known of situations) {
      expect(whatMayGo(known) === 'stand-in').toBe(known.body !== 'none' && uncertain(known) && known.standIns);
    }
  });

  test('a body that can be sent again never waits', () => {
    for (const known of all(({ body }) => body === 'repeatable')) expect(whatMayGo(known)).toBe(uncertain(known) && known.standIns ? 'stand-in' : 'whole');
  });

  test('a body that cannot be had again goes at once only where no 401 is to come, or where waiting is of no use', () => {
    for (const known of all(({ body }) => body === 'held')) {
      const safe = !uncertain(known) && !known.mayAskAgain;
      const standIn = uncertain(known) && known.standIns;
      expect(whatMayGo(known)).toBe(standIn ? 'stand-in' : safe || !known.waitingHelps ? 'whole' : 'waiting');
    }
  });
});
