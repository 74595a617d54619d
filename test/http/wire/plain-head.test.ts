import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPlainHead } from '../../../src/http/wire/plain-head.ts';

/** The same, said by regular expressions. */
const WHOLE = /^[^\r\n\u0100-\uffff]+\r\n(?:[^\r\n:\u0100-\uffff]*:[^\r\n\u0100-\uffff]*\r\n)*\r\n$/;
const NOTABLE = /\r\n(?:authorization|proxy-authorization|content-length|transfer-encoding):/i;
const CLOSE = /\r\nconnection:[^\r]*\bclose\b/i;

const names = ['Host', 'host', 'Authorization', 'AUTHORIZATION', 'Proxy-Authorization', 'content-length', 'Transfer-Encoding', 'Connection', 'connection', 'If-None-Match', 'x'];
const values = ['a', '', 'close', 'keep-alive', 'Keep-Alive', 'keep-alive, close', 'upgrade', 'é', 'ā', 'a:b', 'a\rb', 'a\nb'];
const line = fc.tuple(fc.constantFrom(...names), fc.constantFrom(':', ': ', ' ', ' :'), fc.constantFrom(...values)).map((parts) => parts.join(''));
const head = fc
  .tuple(fc.constantFrom('GET / HTTP/1.1', 'GET http://a:1/ HTTP/1.1', '', 'x'), fc.array(line, { maxLength: 4 }), fc.constantFrom('\r\n', '\n'), fc.constantFrom('\r\n', '', '\n', '\r', '\r\nbody', '\r\n\r\n'))
  .map(([start, lines, end, last]) => [start, ...lines].map((each) => each + (each === lines.at(-1) ? end : '\r\n')).join('') + last);

describe('a head that is passed on as it is', () => {
  test('is whole, and has no field that has to be read', () => {
    let plain = 0;
    fc.assert(
      fc.property(head, (text) => {
        const is = isPlainHead(text);
        if (is) plain += 1;
        if (is) expect(WHOLE.test(text) && !NOTABLE.test(text) && !CLOSE.test(text)).toBe(true);
        // And the other way about, but for what else may be said of a connection.
        else expect(WHOLE.test(text) && !NOTABLE.test(text) && !/\r\nconnection:/i.test(text)).toBe(false);
      }),
      { numRuns: 5000 },
    );
    expect(plain).toBeGreaterThan(100);
  });

  test.each([
    ['GET / HTTP/1.1\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nHost: a\r\nConnection:keep-alive\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nHost: a\r\nconnection: upgrade\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nHost: a\r\nCookie-abc: 1\r\nIf-None-Match: 2\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nauthoriZation: NTLM a\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nproxy-authoriZation: NTLM a\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', false],
    ['GET / HTTP/1.1\r\nHost: a\r\n', false],
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n', false],
    ['\r\n', false],
    ['', false],
    [`GET / HTTP/1.1\r\na: ${'x'.repeat(256 * 1024)}\r\n\r\n`, false],
  ])('%j: %s', (text, plain) => {
    expect(isPlainHead(text)).toBe(plain);
  });
});
