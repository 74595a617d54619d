import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseChallenges } from '../../../src/http/index.ts';

const summary = (...lines: string[]): unknown[] =>
  parseChallenges(lines).map(({ scheme, token68, parameters }) => [scheme, token68, Object.fromEntries(parameters)]);

describe('challenges of RFC 9110 11.6.1', () => {
  test.each([
    ['NTLM', [['NTLM', undefined, {}]]],
    [
      'Negotiate, NTLM',
      [
        ['Negotiate', undefined, {}],
        ['NTLM', undefined, {}],
      ],
    ],
    ['NTLM TlRMTVNTUAAC==', [['NTLM', 'TlRMTVNTUAAC==', {}]]],
    ['Basic realm="NTLM"', [['Basic', undefined, { realm: 'NTLM' }]]],
    [
      'Basic realm="a, NTLM TlRM, b", ntlm',
      [
        ['Basic', undefined, { realm: 'a, NTLM TlRM, b' }],
        ['ntlm', undefined, {}],
      ],
    ],
    ['Basic realm="say \\"hi\\", NTLM"', [['Basic', undefined, { realm: 'say "hi", NTLM' }]]],
    // RFC 9110 11.6.1
    [
      'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
      [
        ['Basic', undefined, { realm: 'simple' }],
        ['Newauth', undefined, { realm: 'apps', type: '1', title: 'Login to "apps"' }],
      ],
    ],
    [
      ' , ,NTLM\t,, Digest nonce = "x" , qop="auth,auth-int"',
      [
        ['NTLM', undefined, {}],
        ['Digest', undefined, { nonce: 'x', qop: 'auth,auth-int' }],
      ],
    ],
    [
      'NTLM abc=, Negotiate def',
      [
        ['NTLM', 'abc=', {}],
        ['Negotiate', 'def', {}],
      ],
    ],
    ['', []],
    ['"', []],
  ])('%s', (line, expected) => {
    expect(summary(line)).toEqual(expected);
  });

  test('several lines', () => {
    expect(summary('Negotiate', 'NTLM', 'Basic realm=x')).toHaveLength(3);
  });

  test('no input makes it throw or take long', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (line) => void parseChallenges([line])));
    const started = performance.now();
    parseChallenges(['"'.repeat(300_000), 'a='.repeat(300_000), '\\"'.repeat(300_000), 'NTLM '.repeat(300_000)]);
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});
