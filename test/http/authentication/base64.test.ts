import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeToken68 } from '../../../src/http/authentication/schemes.ts';
import { thrown } from '../../support/thrown.ts';

const padding = fc.constantFrom('', '=', '==', '===');

describe('the token of a challenge', () => {
  test('is read whatever its padding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), padding, (bytes, pad) => {
        const text = Buffer.from(bytes).toString('base64').replace(/=+$/, '');
        expect(Array.from(decodeToken68(text + pad))).toEqual(Array.from(bytes));
      }),
    );
  });

  test('is refused where its bytes would be written otherwise', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'ABCQgwxyz019+/-_.~='), maxLength: 9 });
    fc.assert(
      fc.property(letters, padding, (text, pad) => {
        const token = text + pad;
        const canonical = Buffer.from(token, 'base64').toString('base64').replace(/=+$/, '');
        if (canonical === token.replace(/=+$/, '')) decodeToken68(token);
        else expect(thrown(() => decodeToken68(token))).toMatchObject({ code: 'malformed-token', phase: 'challenge', side: 'peer' });
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['A', 'AB', 'AAB', 'AAAAA', 'AA==AA', 'TlR-', 'TlR_', 'TlR NTAA', 'TlRM\n'])('%j is none', (token) => {
    expect(thrown(() => decodeToken68(token))).toMatchObject({ code: 'malformed-token' });
  });
});
