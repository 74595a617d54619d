import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostilePeer, reply } from '../http/support/hostile.ts';
import { Origin } from '../http/support/origin.ts';
import { Proxy } from '../http/support/proxy.ts';
import { run, type Outcome } from './command.ts';

const PASSWORD = 'wonderland';
let directory: string;
let origin: Origin;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'request-'));
  origin = await Origin.listen({
    handler: (request, response, user) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => (body += part));
      request.on('end', () => {
        response.writeHead(request.url === '/missing' ? 404 : 200, { 'x-user': user });
        response.end(`${request.method} ${request.headers['x-extra'] ?? ''} ${body}`);
      });
    },
  });
});
afterAll(async () => {
  await origin[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const request = (...args: string[]): Promise<Outcome> =>
  run(['request', '-u', 'CORP\\alice', ...args], { env: { NTLM_PASSWORD: PASSWORD } });

describe('ntlmachine request', () => {
  it('prints the body, whatever it took to get it', async () => {
    expect(await request(origin.url)).toMatchObject({ code: 0, stdout: 'GET  ', stderr: '' });
  });

  it('takes -X, -H, -d and -i as curl does', async () => {
    const { stdout } = await request('-X', 'PUT', '-H', 'X-Extra: more', '-d', 'a=1', '-d', 'b=2', '-i', origin.url);
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\nx-user: alice\r\n[^]*\r\n\r\nPUT more a=1&b=2$/);
  });

  it('streams a body from a file and the answer to one', async () => {
    const [from, to] = [join(directory, 'in'), join(directory, 'out')];
    await writeFile(from, 'x'.repeat(100_000));
    expect(await request('-d', `@${from}`, '-o', to, origin.url)).toMatchObject({ code: 0, stdout: '' });
    expect(await readFile(to, 'utf8')).toBe(`POST  ${'x'.repeat(100_000)}`);
  });

  it('-v tells the legs in their order, the states passed through, and no secret', async () => {
    const { stderr } = await request('-v', `${origin.url}/orders?secret`);
    const lines = stderr.split('\n').map((line) => line.replace(/^([<>*]) +\+\d+ ms/, '$1'));
    expect(lines.filter((line) => /^[<>]  (?:GET|\d)/.test(line))).toEqual([
      '>  GET /orders?…',
      expect.stringMatching(/^<  401 Unauthorized  NTLM$/),
      expect.stringMatching(/^>  GET \/orders\?…  NTLM NEGOTIATE, \d+ bytes$/),
      expect.stringMatching(/^<  401 Unauthorized  NTLM CHALLENGE from \S+, \d+ bytes$/),
      expect.stringMatching(/^>  GET \/orders\?…  NTLM AUTHENTICATE as CORP\/alice, \d+ bytes$/),
      '<  200 OK',
    ]);
    const states = lines.filter((line) => line.startsWith('*    server: ')).map((line) => line.slice(13));
    expect(states).toEqual(expect.arrayContaining(['asking', 'handshaking.negotiating', 'authenticated']));
    expect(stderr).toContain('< HTTP/1.1 200 OK');
    expect(stderr).not.toContain(PASSWORD);
  });

  it('--trace saves the conversation, masked, for its owner alone; --trace-tokens whole, and says so', async () => {
    const file = join(directory, 'trace.json');
    await writeFile(file, 'old', { mode: 0o644 });
    await request('--trace', file, origin.url);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const masked = JSON.parse(await readFile(file, 'utf8')) as { tokens: string; warning?: string };
    expect(masked).toMatchObject({ format: 'ntlmachine-conversation', tokens: 'masked' });
    expect(masked.warning).toBeUndefined();
    expect((await run(['explain', file])).stdout).toContain('The server accepted "CORP\\alice" and answered 200.');
    await request('--trace', file, '--trace-tokens', origin.url);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ tokens: 'whole', warning: expect.stringContaining('keep it to yourself') });
    const verified = await run(['decode', '-u', 'CORP\\alice', file], { env: { NTLM_PASSWORD: PASSWORD } });
    expect(verified.stdout).toMatch(/NT response +right/);
    const { stdout } = await run(['explain', '-u', 'CORP\\alice', file], { env: { NTLM_PASSWORD: PASSWORD } });
    expect(stdout).toContain('accepted');
  });

  it('--fail makes the status the exit code; without it the answer is printed', async () => {
    expect(await request('--fail', `${origin.url}/missing`)).toMatchObject({ code: 22, stdout: '' });
    expect(await request(`${origin.url}/missing`)).toMatchObject({ code: 0, stdout: 'GET  ' });
  });

  it('says why it was refused', async () => {
    const wrong = await run(['request', '-u', 'CORP\\alice', '-f', origin.url], {
      env: { NTLM_PASSWORD: 'looking glass' },
    });
    expect(wrong.code).toBe(22);
    expect(wrong.stderr).toContain('credentials-refused');
    expect(await run(['request', origin.url])).toMatchObject({ code: 0, stdout: 'no' });
  });

  it('goes through a proxy that asks', async () => {
    await using proxy = await Proxy.listen();
    expect(await request('--proxy', proxy.url, origin.url)).toMatchObject({ code: 0, stdout: 'GET  ' });
    expect(proxy.seen.at(-1)?.message).toBe(3);
  });

  it('prints nothing of a proxy that steers the terminal', async () => {
    const steering = reply({ status: 407, challenge: 'Basic realm="\u001b[2J\u009b31m"' });
    await using proxy = await HostilePeer.listen(({ socket }) => socket.write(steering, 'latin1'));
    const { code, stderr } = await request('--proxy', proxy.url, 'https://server.invalid/');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ntlmachine request: proxy-refused: [\x20-\x7e]+\n$/);
  });

  it.each([
    [['ftp://intranet'], 'URL must be of http or https'],
    [['http://alice:wonderland@intranet/'], 'URL must not hold a user or password'],
    [['-H', 'nonsense', 'http://127.0.0.1:9'], '--header must be'],
    [[], 'takes 1 operand'],
  ])('%j: one line and exit code 2', async (args, message) => {
    const { code, stderr } = await request(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain(PASSWORD);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('a server that is not there is one line', async () => {
    const { code, stderr } = await request('http://127.0.0.1:9/');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ntlmachine request: [^\n]*ECONNREFUSED[^\n]*\n$/);
  });
});
