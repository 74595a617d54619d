/** What of a head is told: names on a list, without queries and users, tokens masked; and nothing else of it. */
import { describe, expect, test } from 'vitest';
import { TOLD_OF_RESPONSES, toldRequest, toldResponse, withoutSecrets } from '../../../src/http/wire/told-head.ts';
import { NtlmClient } from '../../../src/index.ts';
import { decodeAuthenticate, decodeNtlmV2Response } from '../../../src/messages/index.ts';
import { ALICE } from '../support/origin.ts';
import { challengeToken } from '../../support/handshake.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A type 3, which holds what is worth guessing at. */
function answerOf(): Uint8Array {
  const client = new NtlmClient({ credentials: ALICE });
  client.negotiate();
  return client.respond(challengeToken());
}

test.each([
  ['/a/b', '/a/b'],
  ['/a?b=c', '/a?…'],
  ['/a#b', '/a?…'],
  ['/?', '/?…'],
  ['http://alice:secret@host:1/a', 'http://host:1/a'],
  ['HTTPS://alice@host/a?b', 'HTTPS://host/a?…'],
  ['/a@b', '/a@b'],
  ['http://host/a@b', 'http://host/a@b'],
  ['host:443', 'host:443'],
  [`/${'x'.repeat(600)}`, `/${'x'.repeat(511)}`],
])('of the target %j, %j', (target, told) => {
  expect(withoutSecrets(target)).toBe(told);
});

describe('a request', () => {
  test('is told by its first line, its host and the names of its credentials', () => {
    const text = 'GET /a?secret HTTP/1.1\r\nHost: h\r\nCookie: c=secret\r\nX: secret\r\nUser-Agent: a\r\nAuthorization: Basic c2VjcmV0\r\n\r\n';
    const told = { startLine: 'GET /a?… HTTP/1.1', fields: [{ name: 'host', value: 'h' }, { name: 'authorization', value: 'Basic' }] };
    expect(toldRequest(bytes(text), false)).toEqual(told);
    expect(toldRequest(bytes(text), true)).toEqual(told);
  });

  test('with a token: masked, or whole to who may', () => {
    const answer = answerOf();
    const token = Buffer.from(answer).toString('base64');
    const text = `GET / HTTP/1.1\r\nhost:  h\r\nproxy-authorization : NTLM ${token}\r\n\r\n`;
    expect(toldRequest(bytes(text), true).fields).toEqual([{ name: 'host', value: 'h' }, { name: 'proxy-authorization', value: `NTLM ${token}` }]);
    const masked = Buffer.from(toldRequest(bytes(text), false).fields[1]!.value.slice('NTLM '.length), 'base64');
    const proof = Buffer.from(decodeNtlmV2Response(decodeAuthenticate(answer).ntChallengeResponse).ntProofStr);
    expect(Buffer.from(answer).includes(proof)).toBe(true);
    expect(masked.includes(proof)).toBe(false);
    expect([masked.length, masked.toString('latin1', 0, 7)]).toEqual([answer.length, 'NTLMSSP']);
  });

  test.each(['NTLM not*base64', 'Negotiate a=b', 'NTLM \u0001\u0002'])('whose token is none: %j', (value) => {
    const [field] = toldRequest(bytes(`GET / HTTP/1.1\r\nAuthorization: ${value}\r\n\r\n`), false).fields;
    expect(field!.value).toMatch(/^(?:NTLM|Negotiate) \?{1,8}$/);
  });
});

describe('a response', () => {
  const fields = TOLD_OF_RESPONSES.map((name) => `${name.toUpperCase()}: of ${name}\r\n`).join('');

  test('of success is told by its first line alone', () => {
    for (const status of [200, 204, 299]) expect(toldResponse(bytes(`HTTP/1.1 ${status} OK\r\n${fields}\r\n`), true).fields).toEqual([]);
    expect(toldResponse(bytes('HTTP/1.1 200 OK\r\nServer: a\r\n\r\n'), false).startLine).toBe('HTTP/1.1 200 OK');
  });

  test('of another kind with what is on the list, each cut where it is long', () => {
    const told = toldResponse(bytes(`HTTP/1.1 401 No\r\nSet-Cookie: secret\r\n${fields}X-Server: a\r\nServer: ${'s'.repeat(600)}\r\n\r\n`), false);
    expect(told.fields).toEqual([...TOLD_OF_RESPONSES.map((name) => ({ name, value: `of ${name}` })), { name: 'server', value: 's'.repeat(512) }]);
    expect(toldResponse(bytes(`HTTP/1.1 401 ${'N'.repeat(600)}\r\n\r\n`), false).startLine).toHaveLength(512);
  });

  test('whose other fields have questions in them keeps them', () => {
    expect(toldResponse(bytes('HTTP/1.1 401 No\r\nServer: what?no\r\n\r\n'), false).fields).toEqual([{ name: 'server', value: 'what?no' }]);
  });

  test('that leads elsewhere tells where to, and no more', () => {
    expect(toldResponse(bytes('HTTP/1.1 302 Found\r\nLocation: https://u:p@h/a?secret\r\n\r\n'), true).fields).toEqual([{ name: 'location', value: 'https://h/a?…' }]);
  });

  test.each([
    ['NTLM', 'NTLM'],
    ['Negotiate, NTLM', 'Negotiate, NTLM'],
    ['Basic realm="a, b", NTLM', 'Basic, NTLM'],
    ['Basic realm="secret \\" , NTLM x"', 'Basic'],
    ['Digest nonce=secret', 'Digest'],
    ['Bearer secret', 'Bearer'],
    ['X-NTLM secret', 'X-NTLM'],
    ['NTLMv9 secret', 'NTLMv9'],
    ['Basic realm="a, NTLM secret', 'Basic'],
    ['realm=secret', ''],
    ['', ''],
    [',, NTLM', 'NTLM'],
    [`${'S'.repeat(40)}`, 'S'.repeat(32)],
  ])('whose challenge is %j: %j', (value, told) => {
    expect(toldResponse(bytes(`HTTP/1.1 401 No\r\nWWW-Authenticate: ${value}\r\nProxy-Authenticate: ${value}\r\n\r\n`), true).fields).toEqual([
      { name: 'www-authenticate', value: told },
      { name: 'proxy-authenticate', value: told },
    ]);
  });
});
