/** RFC 9112 2 to 6: where heads end, what is refused at once, behind which responses nobody goes on. */
import { describe, expect, test } from 'vitest';
import { responseBodyLength } from '../../../src/http/wire/body.ts';
import { HeadReader, MAX_HEAD_LENGTH, hasField, listOf, parseHead, parseResponseHead, renderHead, valuesOf, withoutInterims } from '../../../src/http/wire/head.ts';

const HEAD = 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 2\r\n\r\n';
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Seconds of the processor's own time, which waits for nobody: what looks at every byte again and again takes minutes. */
function worked(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

describe('a head is found', () => {
  test.each([1, 2, 3, 7, 64, 1000])('in pieces of %i bytes, and what is behind it', (size) => {
    const reader = new HeadReader('peer');
    const all = bytes(`${HEAD}no`);
    for (let at = 0; at < all.length; at += size) {
      const whole = reader.read(all.subarray(at, at + size));
      expect(whole === undefined).toBe(at + size < HEAD.length);
      if (whole === undefined) continue;
      expect(whole.raw.toString('latin1')).toBe(HEAD);
      expect(whole.rest).toEqual(all.subarray(HEAD.length, at + size));
      break;
    }
    expect(reader.take()).toHaveLength(0);
    expect(reader.read(bytes(HEAD))?.raw).toHaveLength(HEAD.length);
  });

  test('of 250 kB that come byte by byte, in the time of one look at each', () => {
    const reader = new HeadReader('peer');
    const seconds = worked(() => {
      for (const byte of bytes(`HTTP/1.1 401 No\r\nX: ${'x'.repeat(250_000)}`)) reader.read(Buffer.from([byte]));
      expect(reader.read(bytes('\r\n\r\n'))?.raw).toHaveLength(250_000 + 24);
    });
    expect(seconds).toBeLessThan(10);
  });
});

describe('a head is refused', () => {
  test.each([
    ['HTTP/1.1 401 No\n', 'peer'],
    ['HTTP/1.1 401 No\r\nContent-Type: a\n\nx', 'peer'],
    ['GET / HTTP/1.1\r\nHost: a\n', 'local'],
    ['\n', 'peer'],
  ] as const)('at its first bare LF: %j', (text, side) => {
    const error = { code: 'malformed-token', side, message: expect.stringContaining('bare LF') };
    expect(() => new HeadReader(side).read(bytes(text))).toThrow(expect.objectContaining(error));
    const reader = new HeadReader(side);
    expect(() => [...text].forEach((character) => reader.read(bytes(character)))).toThrow(expect.objectContaining(error));
  });

  test('where it is too long, whole or not', () => {
    const long = `HTTP/1.1 401 No\r\nX: ${'x'.repeat(MAX_HEAD_LENGTH)}`;
    for (const text of [long, `${long}\r\n\r\n`]) {
      expect(() => new HeadReader('peer').read(bytes(text))).toThrow(expect.objectContaining({ code: 'too-long', side: 'peer' }));
    }
  });
});

describe('fields', () => {
  test.each([
    ['X:a', 'a'],
    ['X: a', 'a'],
    ['X:\t a \t', 'a'],
    ['X:  a\tb  ', 'a\tb'],
    ['X:', ''],
    ['X: \t ', ''],
    ['X: \u00a0a\u00a0', '\u00a0a\u00a0'],
    ['X: a:b', 'a:b'],
    ['X: a\r\n\t b ', 'a b'],
  ])('have values without the blanks around them: %j', (line, value) => {
    expect(parseHead(`GET / HTTP/1.1\r\n${line}\r\n\r\n`, 'local')).toEqual({ startLine: 'GET / HTTP/1.1', fields: [{ name: 'X', value }] });
  });

  test.each([': a', 'a', 'a b: c', ' a: b', 'X : a', '\u00e9: a', 'a\tb: c'])('have names: %j has none', (line) => {
    for (const side of ['local', 'peer'] as const) {
      const message = `${side === 'peer' ? 'the peer' : 'the client'} does not speak HTTP/1.1: a field line without a name`;
      expect(() => parseHead(`X\r\n${line}\r\n\r\n`, side)).toThrow(expect.objectContaining({ code: 'malformed-token', side, message }));
    }
  });

  test('are found by name, in whatever case, and rendered as they came', () => {
    const text = 'HTTP/1.1 401 No\r\nA: 1\r\na: 2, X ,\tY\r\nB: \r\n\r\n';
    const head = parseHead(text, 'peer');
    expect([valuesOf(head, 'a'), listOf(head, 'a'), valuesOf(head, 'c')]).toEqual([['1', '2, X ,\tY'], ['1', '2', 'x', 'y'], []]);
    expect([hasField(head, 'a'), hasField(head, 'b'), hasField(head, 'c')]).toEqual([true, true, false]);
    expect(renderHead(head)).toBe(text);
  });

  test.each(['HTTP/1.1 099 X', 'HTTP/1.1 2000', 'HTTP/1.1  200', 'HTTP/1.2 200 OK', 'HTTP/2 200', 'http/1.1 200 OK', 'xHTTP/1.1 200 OK', 'HTTP/1.1 200OK', ''])('below no status line are nobody\'s: %j', (line) => {
    const error = { code: 'malformed-token', side: 'peer', message: 'the peer does not speak HTTP/1.1: no HTTP/1.x status line' };
    expect(() => parseResponseHead(bytes(`${line}\r\n\r\n`))).toThrow(expect.objectContaining(error));
  });

  test.each(['HTTP/1.1 401', 'HTTP/1.1 401 ', 'HTTP/1.1 401 No way'])('below a status line: %j', (line) => {
    expect(parseResponseHead(bytes(`${line}\r\nX: 1\r\n\r\n`))).toEqual({ startLine: line, fields: [{ name: 'X', value: '1' }], status: 401, persistent: true });
  });
});

describe('no request follows a response', () => {
  test.each([
    ['Connection: close'],
    ['Connection: keep-alive\r\nConnection: close'],
    ['Proxy-Connection: close'],
    ['X: a\r\n folded'],
    ['X: a\rb'],
    ['X: \u0001'],
    ['X: \u007f'],
    ['Content-Length: 2\r\nTransfer-Encoding: chunked'],
  ])('with %j', (field) => {
    const text = `HTTP/1.1 401 No\r\n${field}\r\n\r\n`;
    if (field.includes('\rb')) expect(() => parseResponseHead(bytes(text))).toThrow('control character');
    else expect(parseResponseHead(bytes(text)).persistent).toBe(false);
  });

  test('of HTTP/1.0, unless it says keep-alive', () => {
    expect(parseResponseHead(bytes('HTTP/1.0 401 No\r\n\r\n')).persistent).toBe(false);
    expect(parseResponseHead(bytes('HTTP/1.0 401 No\r\nConnection: Keep-Alive\r\n\r\n')).persistent).toBe(true);
  });

  test.each([
    ['Content-Length: 2\r\nContent-Length: 2', 'given twice'],
    ['Content-Length: 2, 2', 'no number'],
    ['Content-Length: 0x2', 'no number'],
    ['Content-Length: 99999999999999999999', 'no number'],
  ])('whose length cannot be read: %j', (field, why) => {
    const head = parseResponseHead(bytes(`HTTP/1.1 401 No\r\n${field}\r\n\r\n`));
    expect(() => responseBodyLength(head, 'GET')).toThrow(expect.objectContaining({ code: 'malformed-token', message: expect.stringContaining(why) }));
  });
});

describe('interim responses that nobody asked for', () => {
  const interims = ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 100\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: 1\r\n\r\n'];

  test.each(['', 'HTTP/1.1 200 OK\r\n\r\n', 'HTTP/1.1 101 Switching\r\n\r\n', 'HTTP/1.1 100 Continue\r\n', 'junk', '\r\n'])('are taken from before %j, which stays', (rest) => {
    for (const count of [0, 1, 2, 3]) {
      expect(withoutInterims(bytes(interims.slice(0, count).join('') + rest)).toString('latin1')).toBe(rest);
    }
  });

  test('in numbers cost their length', () => {
    expect(worked(() => expect(withoutInterims(bytes(interims[0]!.repeat(10_000))).length).toBe(0))).toBeLessThan(5);
  });
});
