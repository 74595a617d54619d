/** Which scheme an answer offers, and the token that came with it. */
import { describe, expect, test } from 'vitest';
import { lastWordOf, offerOf, readOffer } from '../../../src/http/authentication/fields.ts';
import { parseResponseHead } from '../../../src/http/wire/head.ts';

const head = (...fields: readonly string[]) => parseResponseHead(Buffer.from(['HTTP/1.1 401 No', ...fields, '', ''].join('\r\n'), 'latin1'));

describe('a 401 or 407', () => {
  test.each([
    [['WWW-Authenticate: Negotiate, NTLM'], [], { scheme: 'NTLM', token68: undefined, ntlmOffered: true }],
    [['WWW-Authenticate: Negotiate', 'www-authenticate: ntlm'], ['Negotiate'], { scheme: 'Negotiate', token68: undefined, ntlmOffered: true }],
    [['WWW-Authenticate: Negotiate AQID'], ['NTLM', undefined], { scheme: 'Negotiate', token68: 'AQID', ntlmOffered: false }],
    [['WWW-Authenticate: NTLM, NTLM AQID'], [undefined, 'NTLM'], { scheme: 'NTLM', token68: 'AQID', ntlmOffered: true }],
    [['WWW-Authenticate: NTLM AQID, NTLM AQIE'], [], { scheme: 'NTLM', token68: 'AQID', ntlmOffered: true }],
    [['WWW-Authenticate: Basic realm="NTLM"', 'Proxy-Authenticate: NTLM', 'Authentication-Info: NTLM'], ['NTLM'], undefined],
    [[], ['NTLM'], undefined],
  ] as const)('with %j, where %j is wanted', (fields, wanted, offer) => {
    expect(offerOf(head(...fields), 'server', ...wanted)).toEqual(offer);
    const ofProxy = fields.map((field) => field.replace(/^Proxy-/i, 'X-').replace(/^www-/i, 'Proxy-'));
    expect(offerOf(head(...ofProxy), 'proxy', ...wanted)).toEqual(offer);
  });
});

describe('any other answer', () => {
  test.each([
    [['WWW-Authenticate: Negotiate AQID'], 'AQID'],
    [['Authentication-Info: Negotiate AQID'], 'AQID'],
    [['Authentication-Info: Negotiate AQIE', 'WWW-Authenticate: Negotiate'], 'AQIE'],
    [['WWW-Authenticate: NTLM AQID'], 'none'],
    [['Proxy-Authentication-Info: Negotiate AQID'], 'none'],
    [[], 'none'],
  ])('with %j', (fields, token) => {
    expect(lastWordOf(head(...fields), 'server', 'Negotiate')?.token68 ?? 'none').toBe(token);
    const ofProxy = fields.map((field) => field.replace(/^Proxy-/i, 'X-').replace(/^www-/i, 'Proxy-').replace(/^Authentication-/, 'Proxy-Authentication-'));
    expect(lastWordOf(head(...ofProxy), 'proxy', 'Negotiate')?.token68 ?? 'none').toBe(token);
  });

  test('has no last word where no scheme was spoken', () => {
    expect(lastWordOf(head('WWW-Authenticate: NTLM AQID'), 'server', undefined)).toBeUndefined();
  });
});

test('a token is read, or said to be none', () => {
  const offer = { scheme: 'NTLM', ntlmOffered: true } as const;
  expect(readOffer({ ...offer, token68: 'AQID' })).toEqual({ scheme: 'NTLM', token: Uint8Array.of(1, 2, 3) });
  expect(readOffer({ ...offer, token68: undefined })).toEqual({ scheme: 'NTLM', token: undefined });
  const error = { code: 'malformed-token', phase: 'challenge', side: 'peer', message: 'the challenge of the server is not base64' };
  expect(readOffer({ ...offer, token68: 'A' })).toMatchObject({ scheme: 'NTLM', error });
});
