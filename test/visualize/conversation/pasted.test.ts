/** What a person has at hand at two in the morning: a recording through a shell, a terminal, a mail, a log; and what holds none. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { Credentials, NtlmClient } from '../../../src/index.ts';
import { decodeToken, explain, readConversation, tokensIn } from '../../../src/visualize/index.ts';
import { asCurl, recordingsOf, type Leg } from '../../support/recordings.ts';
import { encodings, ways } from '../../support/ways.ts';
import { thrown } from '../../support/thrown.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });

const legs = ((): Leg[] => {
  const client = new NtlmClient({ credentials });
  const acceptor = new NtlmAcceptor({ credentials, target: { nbDomainName: 'CASTLE', nbComputerName: 'KEEP', dnsDomainName: 'castle.example', dnsComputerName: 'keep.castle.example' } });
  const base64 = (token: Uint8Array): string => Buffer.from(token).toString('base64');
  const type1 = client.negotiate();
  const type2 = acceptor.challenge(type1);
  const type3 = client.respond(type2);
  const common = [['Host', 'keep.castle.example'], ['Accept', '*/*']] as const;
  return [
    { connection: '0', time: 0, request: { headers: [...common, ['Authorization', `NTLM ${base64(type1)}`]] }, response: { status: 401, headers: [['WWW-Authenticate', `NTLM ${base64(type2)}`], ['Content-Type', 'text/plain']] } },
    { connection: '0', time: 9, request: { headers: [...common, ['Authorization', `NTLM ${base64(type3)}`]] }, response: { status: 401, headers: [['WWW-Authenticate', 'NTLM'], ['WWW-Authenticate', 'Negotiate']], body: 'Unauthorized' } },
  ];
})();

const TRUTH = explain(readConversation(asCurl(legs))).sentence;
const texts = Object.entries(recordingsOf(legs)).filter((one): one is [string, string] => typeof one[1] === 'string' && !one[1].startsWith('{'));
/** A dump's columns do not survive a page's breaks. */
const lineByLine = (name: string): boolean => ['curl', 'heads', 'mitmdump'].includes(name);

const told = (input: string | Uint8Array): string => explain(readConversation(typeof input === 'string' ? input : new Uint8Array(input))).sentence;

describe.each(texts)('%s', (name, text) => {
  const own = told(text);

  test.each(Object.entries(encodings))('as %s', (_, encode) => {
    expect(told(encode(text))).toBe(own);
    expect(tokensIn(encode(text)).map(({ token }) => decodeToken(token).message)).toEqual(['NEGOTIATE', 'CHALLENGE', 'AUTHENTICATE']);
  });

  test.each(lineByLine(name) ? Object.entries(ways) : [])('%s', (_, way) => {
    expect(told(way(text))).toBe(own);
    expect(tokensIn(way(text)).map(({ token }) => decodeToken(token).message)).toEqual(['NEGOTIATE', 'CHALLENGE', 'AUTHENTICATE']);
  });
});

test('several of them, one around the other', () => {
  const around = Object.keys(ways).slice(0, -1); // a page is written last
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...around), { maxLength: 3 }), fc.constantFrom(...Object.values(encodings)), (chain, encode) => {
      expect(told(encode(chain.reduce((text, way) => ways[way]!(text), asCurl(legs))))).toBe(TRUTH);
    }),
    { numRuns: 300 },
  );
});

test.each([40, 64, 72, 76, 80, 120])('lines broken after %i characters, as a mail and a terminal do, are put together', (width) => {
  const broken = asCurl(legs).replace(RegExp(`.{${width}}(?=.)`, 'g'), '$&\n');
  expect(told(broken)).toBe(TRUTH);
  const beforeTheToken = asCurl(legs).replace(/NTLM (?=T)/g, 'NTLM\n');
  expect(told(beforeTheToken)).toBe(TRUTH);
});

test('one string of JSON', () => {
  expect(told(JSON.stringify(asCurl(legs)))).toBe(TRUTH);
});

test('in the encoding of a mail', () => {
  const printable = asCurl(legs).replace(/=/g, '=3D').replace(/.{70}(?=.{3})/g, (line) => (/=.?$/.test(line) ? line : `${line}=\n`));
  expect(told(printable)).toBe(TRUTH);
});

test('a HAR with a word of its sender', () => {
  const har = recordingsOf(legs)['HAR'] ?? Object.values(recordingsOf(legs)).find((one) => typeof one === 'string' && one.startsWith('{'));
  expect(told(`Hello,\nthis is the HAR:\n${har as string}\nRegards`)).toBe(told(har!));
});

test('what is cut where the recording ends is not called malformed', () => {
  const curl = asCurl(legs);
  const start = curl.lastIndexOf('Authorization: NTLM ') + 20;
  for (const kept of [8, 16, 64, 90, 200]) {
    const { sentence, causes } = explain(readConversation(curl.slice(0, start + kept)));
    expect(sentence).not.toMatch(/: type 3 does not follow its format\.$/);
    expect(causes.filter(({ id, likelihood }) => id === 'malformed' && likelihood === 'certain')).toEqual([]);
  }
});

test('a HAR of nothing tells when to begin', () => {
  expect(told('{"log":{"version":"1.2","creator":{"name":"Firefox"},"entries":[]}}')).toBe('There is no request and no answer in here: begin to record before the request is made.');
});

test('a log and a HAR in one file: neither is passed over', () => {
  const har = Object.values(recordingsOf(legs)).find((one): one is string => typeof one === 'string' && one.startsWith('{"log"'))!;
  for (const both of [asCurl(legs) + har, har + asCurl(legs)]) expect(thrown(() => readConversation(both))).toMatchObject({ code: 'malformed-token', message: expect.stringMatching(/give each recording whole, in a file of its own$/) as string });
});

describe('a response as an app prints it', () => {
  const hidden = /^It ended with 401 and (?:Negotiate, )?NTLM is offered: .* (?:only|alone)/;
  test.each([
    ['an error of axios', "AxiosError: Request failed with status code 401\n  code: 'ERR_BAD_REQUEST',\n  response: {\n    status: 401,\n    headers: Object [AxiosHeaders] {\n      'www-authenticate': 'Negotiate, NTLM',\n      'content-length': '0'\n    }\n"],
    ['headers of node', "{\n  'www-authenticate': [ 'Negotiate', 'NTLM' ],\n  date: 'Thu, 26 Nov 2026 11:06:11 GMT'\n}"],
    ['a log of JSON', '{\n  "status": 401,\n  "headers": {\n    "www-authenticate": "Negotiate, NTLM"\n  }\n}'],
    ['JSON', 'response {"status":401,"headers":{"www-authenticate":"NTLM"}}'],
  ])('%s', (_, text) => {
    expect(told(text)).toMatch(hidden);
  });

  test('with the reason that this library wrote', () => {
    const field = `'proxy-status': \`ntlmachine; error=http_request_denied; details="not-tried-again: these credentials were not sent"\``;
    const { outcome, sentence } = explain(readConversation(`{\n  status: 401,\n  'www-authenticate': 'NTLM',\n  ${field}\n}`));
    expect({ outcome, sentence }).toEqual({ outcome: 'refused', sentence: 'It ended with 401: these credentials were not sent.' });
  });

  test('a 407', () => {
    expect(told("headers: { 'proxy-authenticate': 'NTLM' }")).toMatch(/^It ended with 407/);
  });
});

const IIS = '#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n';
const iis = (...ends: string[]): string => IIS + ends.map((end) => `2026-11-26 10:20:31 10.0.0.5 GET /api - 443 - 10.0.0.9 axios/1.7.9 - ${end} 3\n`).join('');

describe('what holds no conversation is named, and what to give instead', () => {
  test.each<[string, string | Uint8Array, RegExp]>([
    ['IIS: a wrong password', iis('401 2 5', '401 1 2148074254', '401 1 1326'), /401 1 1326 means: the user name or the password is wrong; for more, record with/],
    ['IIS: locked', iis('401 1 2148074254', '401 1 1909', '401 2 5'), /the account is locked/],
    ['IIS: Extended Protection', iis('401 1 2148074254', '401 1 2148074310'), /channel bindings do not match/],
    ['IIS: no right', iis('401 1 2148074254', '401 3 5'), /may not read the page/],
    ['IIS: nobody tried', iis('401 2 5'), /nobody had authenticated yet/],
    ['IIS: the first leg alone', iis('401 2 5', '401 1 2148074254'), /the first leg of a handshake/],
    ['an event of Windows', 'Failure Information:\r\n\tStatus:\t\t\t0xC000006D\r\n\tSub Status:\t\t0xC0000234\r\n', /0xC0000234 means: the account is locked$/],
    ['a log of Apache', '10.0.0.9 - - [26/Nov/2026:10:20:31 +0000] "GET /api HTTP/1.1" 401 381 "-" "axios/1.7.9"\n', /the log of a server, .*curl -v/],
    ['an error log of Apache', '[Thu Nov 26 10:20:31.123 2026] [auth_gssapi:error] [pid 12:tid 3] GSS ERROR\n', /the log of a server/],
    ['a log of nginx', '2026/11/26 10:20:31 [error] 12#12: *1 upstream prematurely closed\n', /the log of a server/],
    ['a log of Squid', '1732616431.123      5 10.0.0.9 TCP_DENIED/407 4097 CONNECT intranet.corp:443 - HIER_NONE/- text/html\n', /the log of a server/],
    ["an error of got", "HTTPError: Request failed with status code 401 (Unauthorized): GET http://keep.castle.example/\n    code: 'ERR_NON_2XX_3XX_RESPONSE',\n", /error without the headers.*explainRefusal\(error\.response\)/],
    ['prose', 'my call answers 401\n', /no token .*record with `ntlmachine request --trace FILE`/],
    ['a picture', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), /a picture/],
    ['a PDF', '%PDF-1.4\n', /a PDF/],
    ['an event log', Buffer.from('ElfFile\0\x01\xff', 'latin1'), /event 4625/],
    ['a flow file', '8734:9:websocket;0:~8:response;', /hardump/],
    ['an archive', Buffer.from('7z\xbc\xaf\x27\x1c', 'latin1'), /an archive/],
    ['two HARs in one file', '{"log":{"entries":[]}}{"log":{"entries":[]}}', /each recording whole, in a file of its own/],
    ['a page', '<!doctype html><html><head><title>401 - Unauthorized: Access is denied due to invalid credentials.</title></head></html>', /a page, without the head/],
    ['keys of TLS', `CLIENT_RANDOM ${'ab'.repeat(32)} ${'cd'.repeat(48)}\n`, /keys of TLS.*Wireshark/],
    ['a net-export of nothing', '{"constants":{"logEventTypes":{}},"events":[]}', /no request in this net-export/],
  ])('%s', (_, input, said) => {
    expect(thrown(() => readConversation(input))).toMatchObject({ code: 'malformed-token', message: expect.stringMatching(said) as string });
  });
});
