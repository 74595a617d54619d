import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RefusalLimits } from '../../../src/http/server/refusal-limits.ts';

test('however a client writes the name and the domain of an account, its guesses count as guesses at one', async () => {
  const word = fc.stringMatching(/^[A-Za-z0-9.-]{1,8}$/);
  const around = fc.record({ domain: fc.option(word), realm: fc.option(word), upper: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(around, { minLength: 3, maxLength: 3 }), around, async (guesses, last) => {
      const limits = new RefusalLimits({ account: 3 });
      const written = ({ domain, realm, upper }: typeof last): string => {
        const name = upper ? 'ALICE' : 'alice';
        return `${domain === null ? '' : `${domain}\\`}${name}${realm === null ? '' : `@${realm}`}`;
      };
      for (const guess of guesses) {
        const begun = await limits.begin(written(guess), undefined, () => false);
        if (typeof begun === 'number') throw new RangeError('blocked too early');
        begun.settle('refused');
      }
      expect(await limits.begin(written(last), undefined, () => false)).toBeTypeOf('number');
      expect(await limits.begin('bob', undefined, () => false)).toBeTypeOf('object');
    }),
  );
});

test.each(['\\', 'CASTLE\\', '@', '@castle'])('a name that is none is one of its own: %s', async (name) => {
  const limits = new RefusalLimits({ account: 1 });
  const begun = await limits.begin(name, undefined, () => false);
  if (typeof begun !== 'number') begun.settle('refused');
  expect(await limits.begin(name, undefined, () => false)).toBeTypeOf('number');
  expect(await limits.begin('alice', undefined, () => false)).toBeTypeOf('object');
});
