/** RFC 9112 6 and 7: where bodies end, however they are cut, and what is no body. */
import { describe, expect, test } from 'vitest';
import { BodyReader, announcesBody, isFramed, isSurelyEmpty, requestBodyLength, responseBodyLength, whyLast } from '../../../src/http/wire/body.ts';
import { parseHead, parseResponseHead, type ResponseHead } from '../../../src/http/wire/head.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const response = (fields: readonly string[], status = 200, version = '1.1'): ResponseHead =>
  parseResponseHead(bytes(`HTTP/${version} ${status} X\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`));
const requested = (...fields: string[]): number | 'chunked' => requestBodyLength(parseHead(`POST / HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`, 'local'));

const CHUNKED = 'Transfer-Encoding: chunked';

describe('a body in chunks', () => {
  test.each([
    '0\r\n\r\n',
    '5\r\nhello\r\n0\r\n\r\n',
    '005\r\nhello\r\n000\r\n\r\n',
    'A\r\n0123456789\r\n0\r\n\r\n',
    'a\r\n0\r\n\r\n45678\r\nf\r\n0123456789abcde\r\n0\r\n\r\n',
    '1;a\r\nx\r\n0;b\r\n\r\n',
    '1;a=b;c=d\r\nx\r\n0\r\n\r\n',
    '1;a="b c;\r"\r\nx\r\n0\r\n\r\n'.replace('\r"', '"'),
    '1;a="\\"\\\\\té";b\r\nx\r\n0\r\n\r\n',
    '1;a="";b=\r\nx\r\n0\r\n\r\n',
    '1;a=b"c"\r\nx\r\n0\r\n\r\n',
    '0\r\nX: 1\r\nY-z: a b\té\r\n\r\n',
    '0\r\nContent-Lengthy: 1\r\nEmpty:\r\n\r\n',
  ])('ends where it ends, however it comes: %j', (text) => {
    const all = bytes(`${text}HTTP/1.1`);
    for (let size = 1; size <= all.length; size++) {
      const body = new BodyReader('chunked', 'peer');
      let taken = 0;
      for (let at = 0; at < all.length; at += size) {
        expect(body.done).toBe(at >= text.length);
        taken += body.take(all.subarray(at, at + size));
      }
      expect([taken, body.done]).toEqual([text.length, true]);
    }
  });

  test.each([
    ['\r\n', 'a chunk size'],
    ['g\r\n', 'a chunk size'],
    [' 5\r\n', 'a chunk size'],
    ['5 \r\n', 'a chunk size'],
    ['-5\r\n', 'a chunk size'],
    ['0x5\r\n', 'a chunk size'],
    ['5\n', 'a chunk size'],
    ['5\rx', 'a chunk size'],
    ['20000000000000\r\n', 'a chunk size'],
    ['ffffffffffffffffff\r\n', 'a chunk size'],
    ['5;\r\n', 'a chunk extension'],
    ['5; a\r\n', 'a chunk extension'],
    ['5;a b\r\n', 'a chunk extension'],
    ['5;a\n', 'a chunk extension'],
    ['5;a=b c\r\n', 'a chunk extension'],
    ['5;a="b\r\n', 'a chunk extension'],
    ['5;a="b\u0000', 'a chunk extension'],
    ['5;a="b\u007f', 'a chunk extension'],
    ['5;a="\\\r', 'a chunk extension'],
    ['5;a="b"c\r\n', 'a chunk extension'],
    ['1\r\nxy\r\n', 'the end of a chunk'],
    ['1\r\nx\n', 'the end of a chunk'],
    ['1\r\nx\ry', 'the end of a chunk'],
    ['0\r\n\n', 'a trailer'],
    ['0\r\n\ry', 'a trailer'],
    ['0\r\n X: 1\r\n', 'a trailer'],
    ['0\r\nX : 1\r\n', 'a trailer'],
    ['0\r\nX\r\n', 'a trailer'],
    ['0\r\nX: \u0001\r\n', 'a trailer'],
    ['0\r\nX: 1\n', 'a trailer'],
    ['0\r\nX: 1\ry', 'a trailer'],
    ['0\r\nContent-Length: 1\r\n', 'a second framing in the trailers'],
    ['0\r\ntransfer-encoding: chunked\r\n', 'a second framing in the trailers'],
  ])('is none: %j', (text, what) => {
    for (const side of ['peer', 'local'] as const) {
      const who = side === 'peer' ? 'the peer' : 'the client';
      const body = new BodyReader('chunked', side);
      expect(() => [...text].forEach((character) => body.take(bytes(character)))).toThrow(
        expect.objectContaining({ code: 'malformed-token', phase: 'transport', side, message: `${who} does not speak HTTP/1.1: ${what}` }),
      );
    }
  });

  test('of the longest chunk that can be counted', () => {
    const body = new BodyReader('chunked', 'peer');
    expect(body.take(bytes('1fffffffffffff\r\nabc'))).toBe(19);
    expect(body.done).toBe(false);
  });
});

test('a body of known length takes its own and leaves the rest; one that ends with its connection takes all', () => {
  const body = new BodyReader(5, 'peer');
  expect([body.done, body.take(bytes('abc')), body.done, body.take(bytes('defg')), body.done, body.take(bytes('h'))]).toEqual([false, 3, false, 2, true, 0]);
  expect(new BodyReader(0, 'peer').done).toBe(true);
  const open = new BodyReader('until-close', 'peer');
  expect([open.take(bytes('abc')), open.take(bytes('abc')), open.done]).toEqual([3, 3, false]);
});

test.each([
  [[], 0],
  [['Content-Length: 0'], 0],
  [['Content-Length: 12'], 12],
  [[CHUNKED], 'chunked'],
  [['Transfer-Encoding: gzip, Chunked'], 'chunked'],
  [['Transfer-Encoding: gzip'], 0],
  [[CHUNKED, 'Content-Length: 5'], 'chunked'],
] as const)('the body of a request with %j: %s', (fields, length) => {
  expect(requested(...fields)).toBe(length);
});

test('the length of a request is the client\'s own to get right', () => {
  expect(() => requested('Content-Length: a')).toThrow(expect.objectContaining({ code: 'malformed-token', side: 'local' }));
});

test.each([
  [[], 'GET', 200, 'until-close'],
  [['Content-Length: 7'], 'GET', 200, 7],
  [['Content-Length: 7'], 'HEAD', 200, 0],
  [['Content-Length: 7'], 'GET', 204, 0],
  [['Content-Length: 7'], 'GET', 304, 0],
  [['Content-Length: 7'], 'GET', 100, 0],
  [['Content-Length: 7'], 'GET', 199, 0],
  [[], 'GET', 401, 'until-close'],
  [[CHUNKED], 'GET', 401, 'chunked'],
  [['Transfer-Encoding: gzip', CHUNKED], 'GET', 401, 'chunked'],
  [['Transfer-Encoding: gzip'], 'GET', 401, 'until-close'],
  [['Transfer-Encoding: chunked, gzip', 'Content-Length: 7'], 'GET', 401, 'until-close'],
] as const)('the body of a response with %j to %s, %i: %s', (fields, method, status, length) => {
  expect(responseBodyLength(response(fields, status), method)).toBe(length);
});

test.each([
  [response(['Content-Length: 0']), 'GET', undefined],
  [response(['Connection: close', 'Content-Length: 0']), 'GET', '"Connection: close"'],
  [response(['Proxy-Connection: x, Close', 'Content-Length: 0']), 'GET', '"Connection: close"'],
  [response(['Content-Length: 0'], 200, '1.0'), 'GET', 'HTTP/1.0 without "keep-alive"'],
  [response(['Content-Length: 0', 'Connection: Keep-Alive'], 200, '1.0'), 'GET', undefined],
  [response([]), 'GET', 'a body without a length'],
  [response([]), 'HEAD', undefined],
  [response([CHUNKED]), 'GET', undefined],
])('whether a response is the last, by its own word: %#', (head, method, why) => {
  expect(whyLast(head, method)).toBe(why);
});

test.each([
  [[], true, false, false],
  [['Content-Length: 0'], true, true, false],
  [['Content-Length: 3'], true, false, true],
  [[CHUNKED], true, false, true],
] as const)('with %j: framed %s, surely empty %s, announces a body %s', (fields, framed, empty, announces) => {
  const head = response(fields);
  expect([isFramed(head), isSurelyEmpty(head), announcesBody(head)]).toEqual([framed, empty, announces]);
  expect([isSurelyEmpty(response(fields, 204)), isSurelyEmpty(response(fields, 304))]).toEqual([true, true]);
});

test('a length that is none leaves the end in doubt', () => {
  expect(isFramed(response(['Content-Length: x']))).toBe(false);
});
