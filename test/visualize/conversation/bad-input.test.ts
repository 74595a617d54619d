/** Whatever the input: a typed error or a conversation, in a time and a memory that go with its size. */
import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NtlmError } from '../../../src/errors.ts';
import { explain, findTokens, readConversation } from '../../../src/visualize/index.ts';
import { recordingsOf, type Leg } from '../../support/recordings.ts';

const MIB = 1024 * 1024;

/** Of the processor: a loaded machine takes longer, and no more work. */
function work(task: () => unknown): { readonly milliseconds: number; readonly code: string } {
  const start = process.cpuUsage();
  let code = 'read';
  try {
    task();
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    ({ code } = error);
  }
  const { user, system } = process.cpuUsage(start);
  return { milliseconds: (user + system) / 1000, code };
}

const filled = (size: number, write: (bytes: Buffer, at: number) => void, step: number): Uint8Array => {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + step <= size; at += step) write(bytes, at);
  return new Uint8Array(bytes);
};
const signature = (bytes: Buffer, at: number): void => void bytes.write('NTLMSSP\0', at, 'latin1');

describe('large and crafted', () => {
  test.each<[string, () => unknown]>([
    ['envelopes that promise all of it', () => findTokens(filled(4 * MIB, (bytes, at) => { bytes.set([0x60, 0x83, 0x3f, 0xff, 0xff, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02], at); signature(bytes, at + 13); }, 24))],
    ['envelopes within envelopes', () => findTokens(filled(4 * MIB, (bytes, at) => { bytes.set([0xa1, 0x82, 0xff, 0x00, 0x30, 0x82, 0xfe, 0xfc], at); signature(bytes, at + 8); }, 16))],
    ['nothing but signatures', () => findTokens(filled(4 * MIB, signature, 8))],
    ['noise', () => readConversation(new Uint8Array(randomFillSync(Buffer.alloc(16 * MIB))))],
    ['one line', () => readConversation('A'.repeat(16 * MIB))],
    ['heads without end', () => readConversation('HTTP/1.1 401 x\r\nWWW-Authenticate: NTLM\r\n\r\n'.repeat(200_000))],
    ['a head without end', () => readConversation(`HTTP/1.1 401 x\r\nWWW-Authenticate: NTLM ${'A'.repeat(8 * MIB)}\r\n\r\n`)],
    ['schemes without end', () => readConversation(`HTTP/1.1 401 x\r\nWWW-Authenticate: ${',a"'.repeat(MIB)}\r\n\r\n`)],
    ['a literal without end', () => readConversation(`send: b'GET / HTTP/1.1\\r\\n${' '.repeat(4 * MIB)}x\nreply: '${"' ".repeat(2 * MIB)}x\n`)],
    ['pairs without end', () => readConversation(`FINE: sun.net.www.MessageHeader@1 pairs: {GET / HTTP/1.1: null}${'}{a: b'.repeat(MIB)}\n`)],
    ["a logger's lines", () => readConversation(`${JSON.stringify({ msg: 'x'.repeat(100) })}\n`.repeat(100_000))],
    ['two lines', () => readConversation(`${'a '.repeat(4 * MIB)}\n${'a '.repeat(4 * MIB)}\n`)],
    ['a net-export of many events', () => readConversation(`{"constants":{"logEventTypes":{"HTTP_TRANSACTION_SEND_REQUEST_HEADERS":1},"logSourceType":{},"logEventPhase":{},"netError":{},"timeTickOffset":0},"events":[\n${Array.from({ length: 200_000 }, (_, id) => `{"type":1,"time":"1","phase":0,"source":{"id":${id},"type":1},"params":{"line":"GET / HTTP/1.1","headers":[]}},`).join('\n')}`)],
    ['connections without end', () => readConversation(Array.from({ length: 100_000 }, (_, id) => `DEBUG wire - http-outgoing-${id} >> "GET / HTTP/1.1[\\r][\\n]"\n`).join(''))],
    ['a dump of nothing', () => readConversation('0000  00 11 22 33 44 55 66 77 88 99 aa bb 08 00 45 ff\n\n'.repeat(100_000))],
  ])('%s', (_, task) => {
    expect(work(task).milliseconds).toBeLessThan(8000);
  });

  test('more than 64 MiB is refused before it is looked at', () => {
    expect(work(() => readConversation(new Uint8Array(64 * MIB + 1)))).toMatchObject({ code: 'too-long' });
  });
});

describe('strange', () => {
  test.each<[string, string | Uint8Array, string]>([
    ['nothing', '', 'malformed-token'],
    ['JSON of another kind', '{"name":"x"}', 'malformed-token'],
    ['a HAR that breaks off', '{"log":{"version":"1.2","entries":[{"request":', 'malformed-token'],
    ['a conversation of another version', '{"format":"ntlmachine-conversation","version":9}', 'unsupported'],
    ['a conversation without connections', '{"format":"ntlmachine-conversation","version":1,"connections":5}', 'invalid-argument'],
    ['a trace of another version', '{"format":"ntlmachine-trace","version":9}', 'unsupported'],
    ['a zip', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0), 'malformed-token'],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), 'malformed-token'],
    ['an empty capture', new Uint8Array(Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex')), 'malformed-token'],
  ])('%s', (_, input, code) => {
    expect(work(() => readConversation(input)).code).toBe(code);
  });

  test('a HAR of another site is read, and says that nobody asked', () => {
    const har = JSON.stringify({ log: { creator: { name: 'WebInspector' }, entries: [{ startedDateTime: 'never', request: { method: 'GET', url: 'https://example.com/?q=1', headers: null }, response: { status: 200, headers: [{}] } }, null, 5] } });
    expect(explain(readConversation(har))).toMatchObject({ outcome: 'not-asked', causes: [] });
  });

  const leg: Leg = { connection: '1', time: Date.UTC(2026, 0, 1), request: { headers: [['Authorization', 'NTLM TlRMTVNTUAABAAAAB4KIogAAAAAoAAAAAAAAACgAAAAKAAAAAAAADw==']] }, response: { status: 401, headers: [['WWW-Authenticate', 'NTLM']] } };
  test.each(Object.entries(recordingsOf([leg])))('%s, broken anywhere: an error of ours or an explanation, never another', (_, recording) => {
    const bytes = typeof recording === 'string' ? Buffer.from(recording, 'latin1') : Buffer.from(recording);
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 }), (end, changes) => {
        const broken = Buffer.from(bytes.subarray(0, end));
        for (const [at, byte] of changes) if (at < broken.length) broken[at] = byte;
        const input = typeof recording === 'string' ? broken.toString('latin1') : new Uint8Array(broken);
        work(() => expect(explain(readConversation(input)).sentence).toMatch(/^[A-Z].*\.$/s));
      }),
      { numRuns: 150 },
    );
  });
});
