import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NtlmError } from '../../src/index.ts';
import { encodeChallenge, NegotiateFlags as F } from '../../src/messages/index.ts';
import { encodeNegTokenResp } from '../../src/spnego/index.ts';
import { decodeToken, findTokens, parseTrace, renderToken, traceToken } from '../../src/visualize/index.ts';
import { avPairs, bytes, uint32, unicodeText } from '../support/arbitraries.ts';

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');
const challenge = fc
  .record({ negotiateFlags: uint32.map((flags) => (flags | F.NEGOTIATE_UNICODE) >>> 0), targetName: unicodeText(), serverChallenge: bytes(8), targetInfo: avPairs })
  .map(encodeChallenge);
const damaged = fc.tuple(challenge, fc.nat(), fc.nat(255), fc.nat()).map(([token, at, byte, cut]) => {
  token[at % token.length] = byte;
  return token.subarray(0, token.length - (cut % 20));
});
const message = fc.tuple(fc.nat(4), bytes(0, 200)).map(([type, rest]) => Uint8Array.from([...SIGNATURE, type, 0, 0, 0, ...rest]));
const wrapped = fc.oneof(challenge, damaged, message).map((responseToken) => encodeNegTokenResp({ responseToken }));
const anything = fc.oneof(bytes(0, 300), challenge, damaged, message, wrapped, bytes(0, 80).map((rest) => Uint8Array.from([0x60, ...rest])));

describe('whatever the bytes are', () => {
  test('each belongs to exactly one field, in order, or is named unread', () => {
    fc.assert(
      fc.property(anything, (token) => {
        const { fields, length } = decodeToken(token);
        let at = 0;
        for (const field of fields) {
          expect(field.offset).toBe(at);
          expect(field.length).toBeGreaterThan(0);
          at += field.length;
        }
        expect(at).toBe(length);
        expect(fields.map(({ hex }) => hex).join('')).toBe(Buffer.from(token).toString('hex'));
      }),
    );
  });

  test('a well-formed challenge has no unread byte and no problem', () => {
    fc.assert(
      fc.property(challenge, (token) => {
        const { fields, problems } = decodeToken(token);
        expect(problems).toEqual([]);
        expect(fields.filter(({ name }) => name === 'unread')).toEqual([]);
      }),
    );
  });

  test('they are shown without a control character', () => {
    fc.assert(
      fc.property(anything, (token) => {
        expect(renderToken(decodeToken(token), 'x')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      }),
    );
  });

  test('a traced token has their length, and zeros in masked places only', () => {
    fc.assert(
      fc.property(anything, (token) => {
        const { base64, masked } = traceToken(token, 'masked');
        const shown = Buffer.from(base64, 'base64');
        expect(shown.length).toBe(token.length);
        token.forEach((byte, at) => {
          if (shown[at] !== byte) expect(masked.some(({ offset, length }) => at >= offset && at < offset + length)).toBe(true);
        });
      }),
    );
  });
});

test('whatever the text is, there are tokens or one typed error with an offset', () => {
  const text = fc.oneof(fc.string(), anything.map((token) => Buffer.from(token).toString('base64')), anything.map((token) => Buffer.from(token).toString('hex')), anything);
  fc.assert(
    fc.property(text, (input) => {
      try {
        expect(findTokens(input).length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(NtlmError);
        expect((error as NtlmError).offset).toBeTypeOf('number');
      }
    }),
  );
});

test('whatever the file is, a trace or a typed error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.json().map((entries) => `{"format":"ntlmachine-trace","version":1,"machine":"x","entries":[${entries}]}`)), (text) => {
      try {
        parseTrace(text);
      } catch (error) {
        expect(error).toBeInstanceOf(NtlmError);
      }
    }),
  );
});
