import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/messages/index.ts';
import { run } from './command.ts';

describe('ntlmachine demo', async () => {
  const { code, stdout, stderr } = await run(['demo']);
  const states = stdout.match(/(?<=● )[a-z]+(\.[a-z]+)?(?= )/g) ?? [];

  it('ends well and says nothing beside', () => {
    expect([code, stderr]).toEqual([0, '']);
  });

  it('passes the states of a handshake that succeeds, of one that is rejected, and of a retry', () => {
    const answered = [
      ...['negotiated.encoding', 'negotiated.waiting'],
      ...['challenged.decoding', 'challenged.deciding', 'challenged.responding', 'responded'],
    ];
    expect(states).toEqual([
      ...['idle', ...answered, 'authenticated'],
      ...['idle', ...answered, 'failed.rejected'],
      ...['idle', ...answered, 'authenticated'],
    ]);
  });

  it('shows the requests and responses in their order', () => {
    const arrows = stdout.match(/(?<=[─]) (GET|401|200)[^─]*(?= ─)/g)?.map((arrow) => arrow.trim());
    const legs = [
      'GET /  Authorization: NTLM <type 1 NEGOTIATE>',
      '401  WWW-Authenticate: NTLM <type 2 CHALLENGE>',
      'GET /  Authorization: NTLM <type 3 AUTHENTICATE>',
    ];
    expect(arrows).toEqual([...legs, '200 OK', ...legs, '401  WWW-Authenticate: NTLM', ...legs, '200 OK']);
  });

  it('shows the head of each token as it went over the wire', () => {
    const heads = stdout.match(/(?<=0000 {3})[0-9a-f ]{35}/g) ?? [];
    const types = heads.map((head) => Buffer.from(head.replaceAll(' ', ''), 'hex').readUInt32LE(8));
    expect(types).toEqual([1, 2, 3]);
    const negotiate = (stdout.match(/(?<=00[01]0 {3})[0-9a-f ]{35}/g) ?? []).slice(0, 2).join('');
    const bytes = new Uint8Array(Buffer.from(negotiate.replaceAll(' ', ''), 'hex'));
    expect(decodeMessage(bytes).type).toBe('NEGOTIATE'); // 32 bytes are an old form of it
  });

  it.each([
    /flags +[0-9a-f]{8} UNICODE .*REQUEST_TARGET/,
    /NetBIOS +CASTLE\\KEEP/,
    /DNS +castle\.example, keep\.castle\.example/,
    new RegExp(`time +${new Date().getUTCFullYear()}-`),
    /user +CASTLE\\alice/,
    /response +NTLMv2, \d+ bytes \(not shown\)/,
    /MIC +yes/,
    /SPN +HTTP\/127\.0\.0\.1/,
    /verified: alice by ntlmv2, MIC right/,
    /refused: wrong-credentials/,
    /on rejected, tag needs-credentials/,
    /The server says:\s+\{"username":"alice","domain":"CASTLE","workstation/,
  ])('tells %s', (line) => {
    expect(stdout).toMatch(line);
  });

  it('keeps passwords to itself, and colours out of a pipe', () => {
    expect(stdout).not.toMatch(/drawbridge|portcullis/i);
    expect(stdout).not.toContain('\u001b');
  });
});
