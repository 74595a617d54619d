/** One request as a client writes it, and what goes out in its name. */
import { describe, expect, test } from 'vitest';
import { ClientRequest, type RequestForm } from '../../../src/http/wire/request.ts';

const KEPT = 10;
const request = (text: string, form: RequestForm = {}): ClientRequest => new ClientRequest(text.replaceAll('\n', '\r\n'), false, form, KEPT);
const shown = (text: string): string => text.replaceAll('\r\n', '\n');
const GET = 'GET /a?b HTTP/1.1\nHost: h\nConnection: keep-alive\n\n';
const POST = 'POST /a HTTP/1.1\nHost: h\nContent-Length: 4\n\n';
const CHUNKED = 'POST /a HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n';
const LARGE = 'POST /a HTTP/1.1\nHost: h\nContent-Length: 11\n\n';
const TYPE1 = [{ name: 'Authorization', value: 'NTLM a' }];

test.each([
  [GET, '/a', 'GET /a'],
  ['GET http://h:1/a?b HTTP/1.1\n\n', '/a', 'GET http://h:1/a'],
  ['GET HTTPS://h HTTP/1.1\n\n', '/', 'GET HTTPS://h'],
  ['OPTIONS * HTTP/1.1\n\n', '*', 'OPTIONS *'],
  ['GET /?a\n\n', '/', 'GET /'],
])('its place: %j', (text, path, key) => {
  const { path: ownPath, key: ownKey, identityKey } = request(text);
  expect([ownPath, ownKey, identityKey]).toEqual([path, key, key]);
});

test('who comes with a cookie is somebody of their own, and the cookie is not kept', () => {
  const [alice, again, bob, nobody] = ['sid=alice', 'sid=alice', 'sid=bob', undefined].map((value) => request(`GET / HTTP/1.1\n${value === undefined ? '' : `cookie: ${value}\n`}\n`));
  expect(alice!.cookies).toEqual(['sid=alice']);
  expect(alice!.identityKey).toBe(again!.identityKey);
  expect(new Set([alice, bob, nobody].map((each) => each!.identityKey)).size).toBe(3);
  expect(alice!.identityKey).not.toContain('sid');
});

test.each([
  ['authorization', 'AUTHORIZATION: x\n', true],
  ['proxy-authorization', 'authorization: x\n', false],
  ['authorization', 'proxy-authorization: x\n', false],
  ['authorization', 'x-authorization: x\n', false],
  ['authorization', '', false],
  ['expect', 'Expect: 100-continue\n', true],
  ['expect', '', false],
])('whether it brings %s with %j: %s', (name, field, brings) => {
  expect(request(`GET / HTTP/1.1\nHost: h\n${field}\n`).brings(name)).toBe(brings);
});

test.each([
  ['x\n\n'],
  ['\n\n'],
  ['GET\nHost: h\n\n'],
  ['POST / HTTP/1.1\nContent-Length: x\n\n'],
])('%j is none', (text) => {
  expect(() => request(text)).toThrow(expect.objectContaining({ code: 'malformed-token', side: 'local' }));
});

test.each([
  // text, has a body, once, chunked, safe
  [GET, false, false, false, true],
  ['HEAD / HTTP/1.1\n\n', false, false, false, true],
  ['OPTIONS / HTTP/1.1\n\n', false, false, false, true],
  ['TRACE / HTTP/1.1\n\n', false, false, false, true],
  ['CONNECT h:1 HTTP/1.1\n\n', false, false, false, true],
  ['DELETE / HTTP/1.1\n\n', false, false, false, false],
  ['POST / HTTP/1.1\nContent-Length: 0\n\n', false, false, false, false],
  ['POST / HTTP/1.1\nContent-Length: 10\n\n', true, false, false, false],
  [LARGE, true, true, false, false],
  [CHUNKED, true, true, true, false],
  ['GET / HTTP/1.1\nTransfer-Encoding: chunked\n\n', true, true, true, true],
])('what may become of %j', (text, hasBody, once, chunked, safe) => {
  const made = request(text);
  expect([made.hasBody, made.bodyHeld, made.once, made.chunked, made.safe, made.repeatable]).toEqual([hasBody, hasBody, once, chunked, safe, true]);
});

test('a body that is kept can be sent again; one that is not, cannot', () => {
  const kept = request(POST);
  kept.noteSent(Buffer.from('ab'));
  kept.noteSent(Buffer.from('cd'));
  expect([kept.repeatable, kept.bodyHeld, Buffer.concat(kept.sentBefore).toString()]).toEqual([true, false, 'abcd']);
  kept.letGo();
  expect([kept.repeatable, kept.sentBefore]).toEqual([false, []]);
  const gone = request(LARGE);
  expect([gone.repeatable, gone.sentBefore]).toEqual([true, []]);
  gone.noteSent(Buffer.from('ab'));
  expect([gone.repeatable, gone.safe, gone.sentBefore]).toEqual([false, false, []]);
});

test.each([
  ['1\r\na\r\n', '0\r\n\r\n', false],
  ['0\r\n', '\r\n', true],
])('a body in chunks, %j and %j, can be sent again where its end is out, and it fits: %j', (first, last, fits) => {
  const chunked = request(CHUNKED.replace('POST', 'OPTIONS'));
  expect([chunked.repeatable, chunked.once, chunked.safe]).toEqual([true, true, true]);
  for (const [part, done] of [[first, false], [last, true]] as const) {
    const bytes = Buffer.from(part);
    expect(chunked.body.take(bytes)).toBe(bytes.length);
    chunked.noteSent(bytes);
    const kept = done && fits;
    expect([chunked.repeatable, chunked.once, chunked.safe]).toEqual([kept, !kept, kept]);
  }
  expect(Buffer.concat(chunked.sentBefore).toString()).toBe(fits ? first + last : '');
});

test('a 100 is taken once, by who waits for one', () => {
  const expecting = request(POST.replace('Host', 'Expect: 100-continue\nHost'));
  expect([expecting.expects, expecting.takeContinue(), expecting.takeContinue()]).toEqual([true, true, false]);
  expecting.noteSent(Buffer.from('a'));
  expect(expecting.expects).toBe(false);
  expect(request(POST).takeContinue()).toBe(false);
  expect(request('GET / HTTP/1.1\nExpect: 100-continue\n\n').takeContinue()).toBe(false);
});

describe('its head on the wire', () => {
  test.each([
    ['as it came', GET, [], { keepAlive: false }, GET],
    ['as it came, where it is to stay anyway', GET, [], { keepAlive: true }, GET],
    ['kept open against its will', 'GET / HTTP/1.1\nConnection: close\n\n', [], { keepAlive: true }, 'GET / HTTP/1.1\nConnection: keep-alive\n\n'],
    ['closed as it wishes', 'GET / HTTP/1.1\nConnection: close\n\n', [], { keepAlive: false }, 'GET / HTTP/1.1\nConnection: close\n\n'],
    ['with credentials', 'GET / HTTP/1.1\nX: 1\n\n', TYPE1, { keepAlive: true }, 'GET / HTTP/1.1\nX: 1\nConnection: keep-alive\nAuthorization: NTLM a\n\n'],
    ['with credentials in place of others', 'GET / HTTP/1.1\nauthorization: x\n\n', TYPE1, { keepAlive: false }, 'GET / HTTP/1.1\nAuthorization: NTLM a\n\n'],
    ['an upgrade keeps its own word', 'GET / HTTP/1.1\nConnection: Upgrade\nUpgrade: x\n\n', TYPE1, { keepAlive: true }, 'GET / HTTP/1.1\nConnection: Upgrade\nUpgrade: x\nAuthorization: NTLM a\n\n'],
    ['a cookie of which nothing is left', 'GET / HTTP/1.1\nCookie: a=b\n\n', [{ name: 'Cookie', value: '' }], { keepAlive: false }, 'GET / HTTP/1.1\n\n'],
    ['with a body in chunks', POST, [], { keepAlive: false, chunked: true }, 'POST /a HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n'],
    ['with its own chunks', CHUNKED, TYPE1, { keepAlive: false, chunked: true }, 'POST /a HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\nAuthorization: NTLM a\n\n'],
    ['waiting for a 100', POST, [], { keepAlive: false, expect: true }, 'POST /a HTTP/1.1\nHost: h\nContent-Length: 4\nExpect: 100-continue\n\n'],
    ['waiting for a moment', POST.replace('Host', 'Expect: 100-continue\nHost'), [], { keepAlive: false, expect: false }, POST],
  ] as const)('%s', (_what, text, credentials, form, head) => {
    expect(shown(request(text).render(credentials, form))).toBe(head);
  });

  test('to a proxy: with the whole URL, once', () => {
    const form = { absolute: 'http://h:1' };
    expect(shown(request(GET, form).render([], { keepAlive: true }))).toBe('GET http://h:1/a?b HTTP/1.1\nHost: h\nConnection: keep-alive\nProxy-Connection: keep-alive\n\n');
    expect(shown(request('GET http://x/ HTTP/1.1\n\n', form).render([], { keepAlive: false }))).toBe('GET http://x/ HTTP/1.1\nProxy-Connection: keep-alive\n\n');
    expect(shown(request('CONNECT h:1 HTTP/1.1\n\n').render(TYPE1, { keepAlive: false }))).toBe('CONNECT h:1 HTTP/1.1\nProxy-Connection: keep-alive\nAuthorization: NTLM a\n\n');
  });

  test('of a stand-in: HEAD, with nothing that is of a body or sets a condition', () => {
    const own = ['Content-Type: a', 'Content-MD5: a', 'Transfer-Encoding: chunked', 'Trailer: a', 'TE: a', 'Expect: a', 'If-Match: a', 'If-None-Match: a', 'Range: a'];
    const text = `PUT /a HTTP/1.1\nHost: h\n${own.join('\n')}\nX-Content: a\nAccept-Range: a\n\n`;
    expect(shown(request(text).renderStandIn(TYPE1))).toBe('HEAD /a HTTP/1.1\nHost: h\nX-Content: a\nAccept-Range: a\nConnection: keep-alive\nAuthorization: NTLM a\n\n');
  });
});

test('a body of known length in chunks', () => {
  const made = request(POST);
  const part = (text: string): string => {
    const bytes = Buffer.from(text);
    made.body.take(bytes);
    return made.chunk(bytes).toString();
  };
  expect([part('abc'), part('d')]).toEqual(['3\r\nabc\r\n', '1\r\nd\r\n0\r\n\r\n']);
  const own = Buffer.from('1\r\na\r\n');
  expect(request(CHUNKED).chunk(own)).toBe(own);
});
