/** What a request brings along, told by its envelope alone. */
import { describe, expect, test } from 'vitest';
import { readAuthorization, stepOf } from '../../../src/http/server/authorization.ts';
import { MechType, encodeNegTokenInit, encodeNegTokenResp } from '../../../src/spnego/index.ts';
import { kerberosToken } from '../../vectors/kerberos.ts';

const both = ['Negotiate', 'NTLM'] as const;

describe('the header', () => {
  test.each([
    ['NTLM AQID', 'NTLM', [1, 2, 3]],
    ['ntlm AQI=', 'NTLM', [1, 2]],
    ['NEGOTIATE   AQ==', 'Negotiate', [1]],
    ['NTLM', 'NTLM', undefined],
    ['NTLM ', 'NTLM', undefined],
    ['NTLM AQID====', 'NTLM', []],
    ['NTLM AQI', 'NTLM', []],
    ['NTLM =AQI', 'NTLM', []],
    ['NTLM AQ=I', 'NTLM', []],
    ['NTLM AQ ID', 'NTLM', []],
    ['NTLM A', 'NTLM', []],
    ['NTLM ====', 'NTLM', []],
    ['NTLM AQID, Negotiate AQID', 'NTLM', []],
  ])('%j is of %s', (header, scheme, token) => {
    const read = readAuthorization(both, header);
    expect([read?.scheme, read?.token && [...read.token]]).toEqual([scheme, token]);
  });

  test.each([undefined, '', ' ', 'Basic AQID', 'NTLMX AQID', 'XNTLM AQID', ' NTLM AQID'])('%j is none', (header) => {
    expect(readAuthorization(both, header)).toBeUndefined();
    expect(readAuthorization(['Negotiate'], 'NTLM AQID')).toBeUndefined();
  });
});

const raw = (type: number, length = 12): Uint8Array => {
  const message = new Uint8Array(length);
  message.set([...Buffer.from('NTLMSSP\0'), type].slice(0, length));
  return message;
};
const init = (mechTypes: (typeof MechType)[keyof typeof MechType][], mechToken?: Uint8Array) => encodeNegTokenInit({ mechTypes, ...(mechToken && { mechToken }) });
const { NTLMSSP, KERBEROS } = MechType;
const LIMIT = 8192; // what Windows takes, names of 255 characters included, is far below
const TOO_LONG = `the NTLM message is longer than ${LIMIT} bytes`;

describe('the step', () => {
  test.each([
    ['a type 1', raw(1), 'first'],
    ['a type 3', raw(3), 'next'],
    ['a type 1 as long as may be', raw(1, LIMIT), 'first'],
    ['a type 3 as long as may be', raw(3, LIMIT), 'next'],
    ['SPNEGO that begins with NTLM', init([NTLMSSP], raw(1, LIMIT)), 'first'],
    ['SPNEGO that begins with NTLM, and no message', init([NTLMSSP, KERBEROS]), 'first'],
    ['SPNEGO that begins with something else, however long', init([KERBEROS, NTLMSSP], raw(1, LIMIT + 1)), 'first'],
    ['SPNEGO that goes on', encodeNegTokenResp({ responseToken: raw(3, LIMIT) }), 'next'],
    ['SPNEGO that goes on without a token', encodeNegTokenResp({ negState: 'accept-incomplete' }), 'next'],
  ])('%s', (_what, token, kind) => {
    for (const kerberos of [true, false]) expect(stepOf(token, 'Negotiate', kerberos)).toEqual({ kind });
  });

  test.each([
    ['a type 2', raw(2), 'the token is not an NTLM message of a client'],
    ['a message that ends before its type', raw(1, 11), 'the token is not an NTLM message of a client'],
    ['a type 1 of one byte more', raw(1, LIMIT + 1), TOO_LONG],
    ['a type 3 of one byte more', raw(3, LIMIT + 1), TOO_LONG],
    ['a type 1 of one byte more in SPNEGO', init([NTLMSSP], raw(1, LIMIT + 1)), TOO_LONG],
    ['a type 3 of one byte more in SPNEGO', encodeNegTokenResp({ responseToken: raw(3, LIMIT + 1) }), TOO_LONG],
  ])('%s is none', (_what, token, message) => {
    for (const kerberos of [true, false]) {
      expect(stepOf(token, 'Negotiate', kerberos)).toMatchObject({ kind: 'other', error: { code: 'malformed-token', phase: 'authenticate', side: 'peer', message } });
    }
  });

  test('under NTLM there is no SPNEGO', () => {
    expect(stepOf(raw(1), 'NTLM', true)).toEqual({ kind: 'first' });
    expect(stepOf(init([NTLMSSP]), 'NTLM', true)).toMatchObject({ kind: 'other', error: { message: 'the token is no NTLM message', side: 'peer' } });
  });

  test('tickets are of any length, and are steps where somebody takes them', () => {
    const answer = encodeNegTokenResp({ responseToken: new Uint8Array(LIMIT + 1) });
    expect(stepOf(answer, 'Negotiate', true)).toEqual({ kind: 'next' });
    expect(stepOf(answer, 'Negotiate', false)).toMatchObject({ kind: 'other' });
    expect(stepOf(kerberosToken('AP-REQ'), 'Negotiate', true)).toEqual({ kind: 'first' });
    expect(stepOf(kerberosToken('AP-REQ'), 'Negotiate', false)).toMatchObject({ kind: 'other' });
  });
});
