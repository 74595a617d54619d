import { describe, expect, test } from 'vitest';
import { NtlmError } from '../../src/index.ts';
import { MechType, encodeNegTokenInit, encodeNegTokenResp } from '../../src/spnego/index.ts';
import { findTokens } from '../../src/visualize/index.ts';
import { challengeToken } from '../support/handshake.ts';

const challenge = challengeToken();
const base64 = Buffer.from(challenge).toString('base64');
const wrapped = encodeNegTokenResp({ negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP, responseToken: challenge });

/** Lines as the tool of that name prints them. */
const dumps: Record<string, (bytes: Uint8Array) => string> = {
  xxd: (bytes) => rows(bytes, (at, row) => `${hex8(at)}: ${row.map((b, i) => h2(b) + (i % 2 === 1 ? ' ' : '')).join('').padEnd(40)} ${ascii(row)}`),
  'hexdump -C': (bytes) => rows(bytes, (at, row) => `${hex8(at)}  ${row.map((b, i) => `${h2(b)} ${i === 7 ? ' ' : ''}`).join('').padEnd(49)} |${ascii(row)}|`),
  'tcpdump -X': (bytes) => rows(bytes, (at, row) => `\t0x${hex8(at).slice(4)}:  ${row.map((b, i) => h2(b) + (i % 2 === 1 ? ' ' : '')).join('').padEnd(40)} ${ascii(row)}`),
  Wireshark: (bytes) => rows(bytes, (at, row) => `${hex8(at).slice(4)}   ${row.map(h2).join(' ').padEnd(47)}   ${ascii(row)}`),
};
const h2 = (byte: number): string => byte.toString(16).padStart(2, '0');
const hex8 = (at: number): string => at.toString(16).padStart(8, '0');
const ascii = (row: readonly number[]): string => row.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '.')).join('');
function rows(bytes: Uint8Array, line: (at: number, row: readonly number[]) => string): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(line(at, [...bytes.subarray(at, at + 16)]));
  return lines.join('\n');
}

describe('finding tokens', () => {
  test.each<readonly [string, string | Uint8Array]>([
    ['base64', base64],
    ['base64 in lines', base64.replace(/(.{40})/g, '$1\r\n')],
    ['hexadecimal', Buffer.from(challenge).toString('hex')],
    ['hexadecimal in groups', [...challenge].map(h2).join(':')],
    ['C escapes', [...challenge].map((b) => `\\x${h2(b)}`).join('')],
    ['a header line', `WWW-Authenticate: NTLM ${base64}`],
    ['curl -v', `< HTTP/1.1 401 Unauthorized\r\n< Www-Authenticate: Negotiate\r\n< Www-Authenticate: NTLM ${base64}\r\n`],
    ['JSON around it', `{"token":"${base64}"}`],
    ['the bytes themselves', challenge],
    ...Object.entries(dumps).map(([name, dump]) => [name, dump(challenge)] as const),
  ])('a challenge in %s', (_, input) => {
    expect(findTokens(input).map(({ token }) => [...token])).toEqual([[...challenge]]);
  });

  test('all the headers of an exchange, in their order, with their names', () => {
    const found = findTokens(`Authorization: NTLM TlRMTVNTUAABAAAAAAAAAA==\nWWW-Authenticate: NTLM ${base64}\nAuthorization: Basic Ym9iOnNlY3JldA==`);
    expect(found.map(({ where }) => where)).toEqual(['Authorization: NTLM', 'WWW-Authenticate: NTLM']);
  });

  test.each(Object.entries(dumps))('a message in the midst of a packet (%s), cut at its last field', (_, dump) => {
    const packet = Buffer.concat([Buffer.alloc(54, 0x45), challenge, Buffer.from('trailer')]);
    const [found] = findTokens(dump(packet));
    expect([...found!.token]).toEqual([...challenge]);
    expect(found!.where).toContain('byte 54');
  });

  test('a SPNEGO token, bare and in the midst of a packet, with its envelope', () => {
    expect([...findTokens(Buffer.from(wrapped).toString('base64'))[0]!.token]).toEqual([...wrapped]);
    expect([...findTokens(Buffer.concat([Buffer.alloc(100), wrapped, Buffer.alloc(3)]))[0]!.token]).toEqual([...wrapped]);
    const offer = encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] });
    expect(findTokens(`Negotiate ${Buffer.from(offer).toString('base64')}`)).toHaveLength(1);
  });

  test('an HTTP header inside a packet dump', () => {
    const request = Buffer.from(`HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM ${base64}\r\n\r\n`);
    expect([...findTokens(dumps['Wireshark']!(request))[0]!.token]).toEqual([...challenge]);
  });

  test.each([['', 0], ['  hello', 2], ['WWW-Authenticate: Basic realm="NTLM"', 0], ['4e544c', 0], ['Negotiate', 0]])(
    'nothing in %j ends in one sentence with an offset',
    (input, offset) => {
      expect(() => findTokens(input)).toThrow(expect.objectContaining({ name: 'NtlmError', code: 'malformed-token', offset }));
      expect(() => findTokens(input)).toThrow(NtlmError);
    },
  );

  const LONG = 400_000;
  test.each([
    ['letters', 'a'.repeat(LONG)],
    ['header names', 'www-authenticate:'.repeat(LONG / 16)],
    ['blanks in a dump', `0000  aa${' '.repeat(LONG)}`],
    ['base64 of nothing', 'TlRMTVNTUA'.repeat(LONG / 10)],
    ['headers in one line', `WWW-Authenticate: ${'NTLM TlRMTVNTUAB '.repeat(LONG / 17)}`],
  ])('is quick, whatever the input: %s', (_, input) => {
    const started = performance.now();
    try {
      findTokens(input);
    } catch (error) {
      expect(error).toBeInstanceOf(NtlmError);
    }
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test('the name of a header is found before any of its tokens, on its own line only', () => {
    const ntlm = 'NTLM TlRMTVNTUAABAAAAAAAAAA==';
    const where = (text: string): string[] => findTokens(text).map((token) => token.where);
    expect(where(`Proxy-Authenticate: Basic realm="x", ${ntlm}`)).toEqual(['Proxy-Authenticate: NTLM']);
    expect(where(`X-WWW-Authenticate : ${ntlm}, ${ntlm}`)).toEqual(['X-WWW-Authenticate: NTLM', 'NTLM']);
    expect(where(`Authorization: Basic\n${ntlm}`)).toEqual(['NTLM']);
  });
});
