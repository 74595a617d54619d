import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostilePeer, reply } from '../http/support/hostile.ts';
import { Origin } from '../http/support/origin.ts';
import { Upstream } from '../gateway/support/upstream.ts';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let directory: string;
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gateway-'));
  file('password', 'wonderland\n');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [COMMAND, 'gateway', ...args], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes) => (stdout += bytes));
  child.stderr.on('data', (bytes) => (stderr += bytes));
  const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  const ready = async (): Promise<string> => {
    while (!stdout.includes('\n')) await Promise.race([once(child.stdout, 'data'), ended.then((end) => Promise.reject(new Error(end.stderr)))]);
    return stdout.trim();
  };
  return { child, ended, ready };
}

const user = (): string[] => ['-u', 'CORP\\alice', '--password-file', join(directory, 'password')];

test('tickets alone need no password, and say what is missing', async () => {
  await using proxy = await HostilePeer.listen(({ socket }) => void socket.write(reply({ status: 407, challenge: 'Negotiate' })));
  const { code, stdout } = await start(['--upstream', proxy.url, '--negotiate', '--test', 'http://intranet.example/']).ended;
  expect(code).toBe(1);
  expect(stdout).toMatch(/kerberos/i);
  expect(proxy.seen.every((message) => message === 'none')).toBe(true);
  const without = await start(['--upstream', proxy.url, '--unbound', ...user()]).ended;
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--unbound wants --negotiate')]);
});

test('listens, relays, logs a line without path or query, and drains on a signal', async () => {
  await using upstream = await Upstream.listen();
  await using origin = await Origin.listen({
    protects: () => false,
    handler: (request, response) => setTimeout(() => response.end('slow'), request.url === '/slow' ? 500 : 0),
  });
  const gateway = start(['--upstream', upstream.url, '--port', '0', ...user()]);
  const { port } = new URL(await gateway.ready());
  const { request } = await import('node:http');
  const ask = async (path: string): Promise<number> => {
    const out = request({ host: '127.0.0.1', port, path: `${origin.url}${path}`, headers: { Host: new URL(origin.url).host }, agent: false }).end();
    const [answer] = await once(out, 'response');
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode;
  };
  expect(await ask('/fast?secret=1')).toBe(200);
  const slow = ask('/slow');
  await expect.poll(() => origin.seen.length).toBe(2);
  gateway.child.kill('SIGINT');
  expect(await slow).toBe(200);
  const { code, stderr } = await gateway.ended;
  expect(code).toBe(0);
  expect(stderr).toMatch(new RegExp(`GET 127\\.0\\.0\\.1:${origin.port} 200 \\d legs? \\d+ ms\\n`));
  expect(stderr).not.toMatch(/secret|wonderland|fast/);
});

test('every option may stand in the environment or in a file', async () => {
  await using origin = await Origin.listen();
  const config = file('config.json', JSON.stringify({ to: origin.url, user: 'CORP\\alice', 'password-file': join(directory, 'password'), port: 1, json: true }));
  const gateway = start([], { NTLMACHINE_CONFIG: config, NTLMACHINE_PORT: '0' });
  const url = await gateway.ready();
  const answer = await fetch(url);
  expect([answer.status, await answer.text()]).toEqual([200, 'alice']);
  gateway.child.kill('SIGTERM');
  const { stderr } = await gateway.ended;
  expect(JSON.parse(stderr.split('\n')[0]!)).toMatchObject({ method: 'GET', host: new URL(origin.url).host, status: 200, way: 'pooled' });
});

describe('--test asks once and says what happened', () => {
  test('an answer', async () => {
    await using upstream = await Upstream.listen();
    await using origin = await Origin.listen({ protects: () => false });
    const { code, stdout } = await start(['--test', '--upstream', upstream.url, ...user(), `${origin.url}/`]).ended;
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([`${upstream.url} answered 200 for ${origin.url}`, expect.stringMatching(/^The proxy accepted /), '']);
  });

  test('a refusal', async () => {
    await using upstream = await Upstream.listen();
    const wrong = file('wrong', 'looking glass');
    const { code, stdout } = await start(['--test', '--upstream', upstream.url, '-u', 'CORP\\alice', '--password-file', wrong]).ended;
    expect(code).toBe(1);
    expect(stdout).toContain('credentials-refused: the proxy asks for authentication: the proxy refused the credentials');
    expect(stdout.split('\n')[1]).toMatch(/^The proxy refused .*most likely the password is wrong/);
  });

  test('nobody there', async () => {
    const { code, stdout } = await start(['--test', '--to', 'http://127.0.0.1:1', ...user()]).ended;
    expect(code).toBe(1);
    expect(stdout).toContain('ECONNREFUSED');
  });
});

const usage: [string, string[], Record<string, string>, RegExp][] = [
  ['no mode', [], {}, /give --upstream or --to/],
  ['both modes', ['--upstream', 'http://a', '--to', 'http://b'], {}, /and not both/],
  ['no user', ['--to', 'http://b.example'], {}, /--user is missing/],
  ['a password', ['--to', 'http://b.example', '--password', 'x'], {}, /other users can read/],
  ['a port that is none', ['--to', 'http://b.example', '-u', 'a', '--port', 'x'], { NTLM_PASSWORD: 'x' }, /--port must be a number/],
  ['half of TLS', ['--to', 'http://b.example', '-u', 'a', '--tls-cert', '/x'], { NTLM_PASSWORD: 'x' }, /go together/],
  ['a PAC file in the clear', ['--upstream', 'http://b.example', '-u', 'a', '--pac', 'http://x/'], { NTLM_PASSWORD: 'x' }, /https URL/],
  ['a file that is none', ['--config', '/nowhere'], {}, /cannot be read/],
  ['an environment that is no switch', ['--to', 'http://b.example'], { NTLMACHINE_JSON: 'perhaps' }, /NTLMACHINE_JSON must be true or false/],
];
test.each(usage)('%s: one line and exit code 2', async (_name, args, env, said) => {
  const { code, stdout, stderr } = await start(args, env).ended;
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(said);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

test.each([
  [{ password: 'x' }, /must not hold a password/],
  [{ upstreams: 'x' }, /"upstreams" in the file of --config is no option/],
  [{ json: 'yes' }, /must be true or false/],
])('a file with %j is refused', async (config, said) => {
  const { code, stderr } = await start(['--config', file('bad.json', JSON.stringify(config))]).ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(said);
});

test('a taken port, and an address that needs tokens: one line, exit code 1', async () => {
  await using origin = await Origin.listen();
  const taken = await start(['--to', 'http://b.example', '--port', String(origin.port), ...user()]).ended;
  expect([taken.code, taken.stderr.trim().split('\n').length]).toEqual([1, 1]);
  expect(taken.stderr).toContain('EADDRINUSE');
  const open = await start(['--to', 'http://b.example', '--port', '0', '--listen', '0.0.0.0', ...user()]).ended;
  expect([open.code, open.stderr.trim().split('\n').length]).toEqual([1, 1]);
  expect(open.stderr).toContain('give --client-tokens, or'); // by the names that they have here
  const plain = await start(['--to', 'http://b.example', '--port', '0', '--listen', '0.0.0.0', '--client-tokens', file('tokens', 'a-token-of-a-client-that-is-long-enough\n'), ...user()]).ended;
  expect(plain.stderr).toContain('give --tls-cert and --tls-key, or say --insecure-listen');
});
