import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Credentials, createNtlmActor } from '../../src/index.ts';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { trace } from '../../src/visualize/index.ts';
import { challengeToken } from '../support/handshake.ts';
import { run, start } from './command.ts';

const base64 = (token: Uint8Array): string => Buffer.from(token).toString('base64');
const CHALLENGE = `WWW-Authenticate: NTLM ${base64(challengeToken())}`;

/** A whole handshake of alice's, as header lines and as a trace. */
function handshake() {
  const credentials = Credentials.fromPassword({ username: 'alice', domain: 'WORKGROUP', password: 'drawbridge-41' });
  const actor = createNtlmActor({ credentials });
  const tracer = trace(actor);
  actor.send({ type: 'negotiate' });
  const negotiate = actor.getSnapshot().context.token!;
  const challenge = new NtlmAcceptor({ credentials }).challenge(negotiate);
  actor.send({ type: 'challenge', token: challenge });
  const authenticate = actor.getSnapshot().context.token!;
  actor.send({ type: 'rejected' });
  const lines = [`Authorization: NTLM ${base64(negotiate)}`, `WWW-Authenticate: NTLM ${base64(challenge)}`, `Authorization: NTLM ${base64(authenticate)}`];
  return { text: lines.join('\n'), trace: JSON.stringify(tracer) };
}

describe('decode', () => {
  it('prints each field of a header line, from standard input or an operand, without colours in a pipe', async () => {
    const { code, stdout, stderr } = await run(['decode', '--all'], { stdin: CHALLENGE });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^CHALLENGE, \d+ bytes {2}WWW-Authenticate: NTLM\n/);
    expect(stdout).toMatch(/ServerChallenge +(?:31){8}\n +MS-NLMP 2\.2\.1\.2\n +31 31 31 31 31 31 31 31\n/);
    expect(stdout).not.toContain('\u001b');
    expect((await run(['decode', '--all', CHALLENGE])).stdout).toBe(stdout);
  });

  it('gives plain data on demand', async () => {
    const { stdout } = await run(['decode', '--json'], { stdin: CHALLENGE });
    expect(JSON.parse(stdout)).toMatchObject({ tokens: [{ message: 'CHALLENGE', problems: [] }] });
  });

  it('takes bytes as they are', async () => {
    expect((await run(['decode'], { stdin: challengeToken() })).stdout).toMatch(/^CHALLENGE/);
  });

  it.each([
    ['drawbridge-41', /NT response +right/, /MIC +right/],
    ['portcullis-41', /NT response +wrong +another password/, /MIC +unchecked/],
  ])('verifies response and MIC with the password %s', async (password, response, mic) => {
    const { code, stdout } = await run(['decode', '--user', 'WORKGROUP\\alice'], { stdin: handshake().text, env: { NTLM_PASSWORD: password } });
    expect(code).toBe(0);
    expect(stdout).toMatch(response);
    expect(stdout).toMatch(mic);
    expect(stdout).not.toContain(password);
  });

  it.each(['', 'nothing here', 'NTLM', '4e544c4d', Uint8Array.from({ length: 500 }, (_, i) => (i * 197) & 0xff)])(
    'says in one sentence with an offset that there is no token, exit code 2',
    async (stdin) => {
      const { code, stdout, stderr } = await run(['decode'], { stdin });
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^ntlmachine decode: malformed-token: [^\n]+ \(at character \d+\)\n$/);
    },
  );

  it('shows the fields before the place where a message breaks, exit code 2', async () => {
    const { code, stdout, stderr } = await run(['decode'], { stdin: base64(challengeToken().subarray(0, 60)) });
    expect([code, stderr]).toEqual([2, '']);
    expect(stdout).toContain('ServerChallenge');
    expect(stdout).toMatch(/byte 12: TargetName leaves the message/);
  });
});

describe('explain', () => {
  it.each(['text', 'trace'] as const)('opens with one sentence on a handshake as %s, and names at most three other causes', async (form) => {
    const { code, stdout } = await run(['explain', '--tls'], { stdin: handshake()[form] });
    expect(code).toBe(0);
    const [sentence = ''] = stdout.split('\n   why:');
    expect(sentence.replaceAll('\n', ' ')).toMatch(/most likely the password is wrong, or the server demands channel bindings \(Extended Protection\)[^.]*\.$/);
    expect(stdout.split('\n').filter((line) => /^\d+\. /.test(line))).toHaveLength(3);
    expect(stdout.split('\n').every((line) => line.length <= 80)).toBe(true);
  });

  it('reads what gzip has made smaller, with an end or without, and nothing that is too large', async () => {
    const { stdout } = await run(['explain'], { stdin: handshake().text });
    const packed = gzipSync(`${handshake().text}\n${'x'.repeat(100_000)}`);
    const sentence = (text: string): string => text.split('\n   why:')[0]!;
    expect(sentence((await run(['explain'], { stdin: gzipSync(handshake().text) })).stdout)).toBe(sentence(stdout));
    expect(sentence((await run(['explain'], { stdin: packed.subarray(0, packed.length - 20) })).stdout)).toBe(sentence(stdout));
    expect(await run(['explain'], { stdin: gzipSync(Buffer.alloc(65 * 1024 * 1024)) })).toMatchObject({ code: 2, stderr: expect.stringContaining('more than 64 MiB') as string });
    expect(await run(['explain'], { stdin: Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]) })).toMatchObject({ code: 2, stderr: expect.stringContaining('gzip') as string });
  });

  it('refuses a trace of another version politely', async () => {
    const { code, stderr } = await run(['explain'], { stdin: handshake().trace.replace('"version":1', '"version":7') });
    expect(code).toBe(2);
    expect(stderr).toContain('the trace has version 7; this release reads version 1');
  });
});

describe('diagram', () => {
  it.each([
    ['mermaid', /^stateDiagram-v2\n/],
    ['svg', /^<svg /],
    ['table', /^\| State \|/],
    ['json', /^\{\n {2}"id": "ntlm"/],
  ])('draws the handshake as %s', async (format, beginning) => {
    expect((await run(['diagram', 'handshake', '--format', format])).stdout).toMatch(beginning);
  });

  it('knows the machines by name only', async () => {
    const { code, stderr } = await run(['diagram', 'toaster']);
    expect(code).toBe(2);
    expect(stderr).toContain('the machine must be one of handshake, ');
  });
});

describe('visualize', () => {
  it('prints the address of its page and serves it until it is stopped', async () => {
    const child = start(['visualize']);
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    const url = chunk.toString().trim();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('<title>NTLM flow</title>');
    for (const name of ['__proto__', 'constructor', 'nothing']) expect((await fetch(url + name)).status).toBe(404);
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
  });
});
