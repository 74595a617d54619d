import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeAuthenticate, decodeNtlmV2Response, describeTargetInfo } from '../../src/messages/index.ts';
import { makeCertificate } from '../http/support/certificate.ts';
import { HostilePeer, reply } from '../http/support/hostile.ts';
import { honest } from '../http/support/meet.ts';
import { Origin } from '../http/support/origin.ts';
import { Proxy } from '../http/support/proxy.ts';
import { redirected } from '../../src/cli/redirect.ts';
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

  it('sends a file with its length, as it was when it was looked at', async () => {
    const lengths: unknown[] = [];
    await using counting = await Origin.listen({
      handler: (request, response) => {
        lengths.push([request.headers['content-length'], request.headers['transfer-encoding']]);
        request.resume().on('end', () => response.end('in'));
      },
    });
    const file = join(directory, 'sized');
    await writeFile(file, 'x'.repeat(5000));
    const empty = join(directory, 'empty');
    await writeFile(empty, '');
    for (const data of [`@${file}`, `@${empty}`, 'ünd', '']) {
      expect(await request('-d', data, counting.url)).toMatchObject({ code: 0, stdout: 'in' });
    }
    await run(['request', '-u', 'CORP\\alice', '-d', '@-', counting.url], { env: { NTLM_PASSWORD: PASSWORD }, stdin: 'piped' });
    expect(lengths).toEqual([['5000', undefined], ['0', undefined], ['4', undefined], ['0', undefined], [undefined, 'chunked']]);
    expect((await request('-d', `@${join(directory, 'none')}`, counting.url)).code).not.toBe(0);
  });

  it('--workstation names this computer; --no-channel-bindings leaves the certificate out', async () => {
    const tls = await makeCertificate();
    const authority = join(directory, 'ca.pem');
    await writeFile(authority, tls.ca);
    const seen: unknown[] = [];
    await using peer = await HostilePeer.listen(
      (leg) => {
        if (leg.message === 3) {
          const { workstation, ntChallengeResponse } = decodeAuthenticate(leg.token);
          seen.push([workstation, describeTargetInfo(decodeNtlmV2Response(ntChallengeResponse).avPairs).channelBindings !== undefined]);
        }
        leg.socket.write(honest(leg));
      },
      { tls },
    );
    await request('--cacert', authority, '--workstation', 'DESK7', peer.url);
    await request('--cacert', authority, '--no-channel-bindings', peer.url);
    expect(seen).toEqual([['DESK7', true], ['', false]]);
  });

  it('--proxy-user is the proxy\'s, with a password of its own', async () => {
    await using proxy = await Proxy.listen();
    const file = join(directory, 'proxy-password');
    await writeFile(file, 'builder\n');
    const args = ['request', '-u', 'CORP\\alice', '--proxy', proxy.url, '--proxy-user', 'CORP\\bob'];
    const env = { NTLM_PASSWORD: PASSWORD };
    expect(await run([...args, origin.url], { env: { ...env, NTLM_PROXY_PASSWORD: 'builder' } })).toMatchObject({ code: 0, stdout: 'GET  ' });
    expect(await run([...args, '--proxy-password-file', file, origin.url], { env })).toMatchObject({ code: 0, stdout: 'GET  ' });
    expect(proxy.users).toEqual(['bob', 'bob']);
    expect(await run([...args.slice(0, 3), '--proxy-user', 'bob', origin.url], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining('--proxy') as string });
    expect((await run([...args.slice(0, 5), '--proxy-user', 'bob:builder', origin.url], { env })).stderr).not.toContain('builder');
  });

  it('--proxy environment takes that of the environment', async () => {
    await using proxy = await Proxy.listen();
    const { stdout } = await run(['request', '-u', 'CORP\\alice', '--proxy', 'environment', origin.url], {
      env: { NTLM_PASSWORD: PASSWORD, http_proxy: proxy.url.replace('//', '//CORP%5Cbob:builder@') },
    });
    expect([stdout, proxy.users]).toEqual(['GET  ', ['bob']]);
  });

  describe('--location', () => {
    const redirecting = (status: number, to: (path: string) => string): Promise<Origin> =>
      Origin.listen({
        handler: (message, response, user) => {
          let body = '';
          message.on('data', (bytes: Buffer) => (body += bytes.toString()));
          message.on('end', () => {
            if (message.url === '/end') return void response.end(`${message.method} ${user} ${body} ${message.headers.cookie ?? ''}`);
            response.writeHead(status, { location: to(message.url ?? '') }).end('moved');
          });
        },
      });

    it.each([
      [301, 'GET', 'GET alice  '],
      [302, 'POST', 'GET alice  '],
      [303, 'PUT', 'GET alice  '],
      [307, 'POST', 'POST alice a=1 '],
      [308, 'PUT', 'PUT alice a=1 '],
    ])('follows a %i of a %s', async (status, method, end) => {
      await using moving = await redirecting(status, () => '/end');
      const body = method === 'GET' ? [] : ['-d', 'a=1'];
      expect((await request('-L', '-X', method, ...body, `${moving.url}/start`)).stdout).toBe(end);
      expect((await request('-X', method, ...body, `${moving.url}/start`)).stdout).toBe('moved');
    });

    it('takes neither user nor cookie to another origin', async () => {
      await using other = await redirecting(302, () => '/');
      await using moving = await redirecting(302, () => `${other.url}/end`);
      const plain = await request('-L', '-H', 'Cookie: s=1', `${moving.url}/start`);
      expect(plain.stdout).toBe('no');
      expect(plain.stderr).toContain('origin-refused');
      expect(other.seen.every(({ message }) => message === 'none')).toBe(true);
      const headers = { accept: '*/*', authorization: 'Bearer x', cookie: 's=1', host: 'h', 'proxy-authorization': 'Basic x' };
      const first = { url: new URL(`${moving.url}/a/b`), method: 'GET', headers, body: undefined };
      expect(redirected(first, 302, '../c')).toMatchObject({ url: new URL(`${moving.url}/c`), headers });
      expect(redirected(first, 302, other.url)?.headers).toEqual({ accept: '*/*' });
    });

    it('follows nothing without a place, of another scheme, with a password, or for which the body is gone', () => {
      const first = { url: new URL('http://h/'), method: 'POST', headers: {}, body: { length: undefined, repeatable: false, open: () => Readable.from([]) } };
      const next = (status: number, location?: string) => redirected(first, status, location)?.method;
      expect([next(302, '/'), next(307, '/'), next(302), next(302, 'file:///x'), next(302, 'http://a:b@h/'), next(304, '/'), next(200, '/')]).toEqual([
        'GET', undefined, undefined, undefined, undefined, undefined, undefined,
      ]);
    });

    it('comes to an end', async () => {
      await using turning = await redirecting(302, () => '/start');
      expect(await request('-L', `${turning.url}/start`)).toMatchObject({ code: 1, stderr: expect.stringContaining('redirects') as string });
    });
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

describe('ntlmachine request --negotiate', () => {
  let negotiating: Origin;
  beforeAll(async () => {
    negotiating = await Origin.listen({ offers: ['Negotiate', 'NTLM'] });
  });
  afterAll(() => negotiating[Symbol.asyncDispose]());

  it('without the package: what to install, and nothing is sent', async () => {
    const { code, stderr } = await run(['request', '-f', '--negotiate', negotiating.url]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/unsupported: Kerberos needs the package "kerberos": npm install kerberos/);
  });

  it('without the package and with a user: NTLM follows', async () => {
    const { code, stdout } = await request('--negotiate', negotiating.url);
    expect({ code, stdout }).toMatchObject({ code: 0 });
  });

  it('NTLM is forbidden by --no-ntlm', async () => {
    expect((await request('-f', '--negotiate', '--no-ntlm', negotiating.url)).stderr).toMatch(/unsupported/);
  });

  it.each([
    [['--no-ntlm'], '--no-ntlm wants --negotiate'],
    [['--unbound'], '--unbound wants --negotiate'],
    [['--negotiate', '--ntlm-after-refusal', '--no-ntlm'], '--ntlm-after-refusal and --no-ntlm exclude each other'],
  ])('%s is said to be a mistake', async (args, message) => {
    expect(await request(...args, negotiating.url)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it('without a user NTLM cannot follow', async () => {
    for (const option of ['--ntlm', '--ntlm-after-refusal']) {
      expect(await run(['request', '--negotiate', option, negotiating.url])).toMatchObject({ code: 2, stderr: expect.stringContaining(`${option} wants --user`) });
    }
  });
});
