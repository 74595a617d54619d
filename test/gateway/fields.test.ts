import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asksForConnection, endToEnd, pairsOf } from '../../src/gateway/fields.ts';
import { renderEntry } from '../../src/gateway/log.ts';

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/);
const HOP = ['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Proxy-Authorization'];

test('what goes on is what neither is nor was named a field of the connection, in its order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.oneof(name, fc.constantFrom(...HOP)), fc.string())), fc.array(name), (fields, named) => {
      const raw = [...fields.flat(), 'connection', named.join(' , ')];
      const left = new Set([...HOP, ...named].map((each) => each.toLowerCase()));
      for (const [key, value] of fields) if (key.toLowerCase() === 'connection') value.split(',').forEach((each) => left.add(each.trim().toLowerCase()));
      const expected = fields.filter(([key]) => !left.has(key.toLowerCase())).flat();
      expect(endToEnd(raw)).toEqual(expected);
      expect(Array.from(pairsOf(raw))).toHaveLength(fields.length + 1);
    }),
  );
});

describe('a 401 asks for the connection', () => {
  test.each([
    [401, ['NTLM'], true],
    [401, ['Negotiate'], true],
    [401, ['ntlm TlRM'], true],
    [401, ['Basic realm="NTLM"'], false],
    [401, ['Basic realm="x", NTLM'], true],
    [401, ['Basic realm="x"', 'Negotiate'], true],
    [401, [], false],
    [403, ['NTLM'], false],
  ] as const)('%s %s: %s', (statusCode, values, asks) => {
    expect(asksForConnection({ statusCode, rawHeaders: values.flatMap((value) => ['WWW-Authenticate', value]) })).toBe(asks);
  });
});

test('a line of the log', () => {
  const entry = { time: 0, method: 'GET', host: 'a.example', status: 200, legs: 2, milliseconds: 14, way: 'pooled' } as const;
  expect(renderEntry(entry)).toBe('GET a.example 200 2 legs 14 ms');
  expect(renderEntry({ ...entry, status: 0, legs: 1, way: 'pinned', reason: 'the client left' })).toBe('GET a.example - 1 leg 14 ms pinned: the client left');
});
