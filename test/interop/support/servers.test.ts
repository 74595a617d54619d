/** Apache and Squid against other people's clients: what fails here is not our library's doing. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessLogEntry } from './access-log.ts';
import { startApache } from './apache.ts';
import type { Apache, Whoami } from './apache.ts';
import { makeSelfSignedCertificate } from './certificates.ts';
import { NtlmAuthClient } from './ntlm-auth.ts';
import { run, TemporaryDirectory } from './processes.ts';
import { startSquid } from './squid.ts';
import type { Squid } from './squid.ts';
import { alice, ntlmUserFile, testUsers } from './users.ts';
import type { TestUser } from './users.ts';

/** The entries of one connection, once there are as many as that. */
async function connection(server: Apache | Squid, port: number, count: number): Promise<readonly AccessLogEntry[]> {
  const own = (entries: readonly AccessLogEntry[]): AccessLogEntry[] => entries.filter((entry) => entry.port === port);
  return own(await server.accessLog((entries) => own(entries).length >= count));
}

/** Raw NTLM on one connection, with the messages of Samba's client. */
async function handshake(
  user: TestUser,
  url: string,
  proxy?: string,
): Promise<{ readonly statuses: readonly unknown[]; readonly body: string }> {
  await using client = await NtlmAuthClient.start(user);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = async (token: Uint8Array): Promise<readonly [IncomingMessage, string]> => {
    const credential = `NTLM ${Buffer.from(token).toString('base64')}`;
    const sent =
      proxy === undefined
        ? request(url, { agent, headers: { authorization: credential } })
        : request(proxy, { agent, path: url, headers: { 'proxy-authorization': credential } });
    const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
    return [response, await readText(response)];
  };
  const [first] = await send(await client.negotiate());
  const offers = first.headers[proxy === undefined ? 'www-authenticate' : 'proxy-authenticate'];
  const [, challenge = ''] = /NTLM (\S+)/u.exec(String(offers)) ?? [];
  const [second, body] = await send(await client.authenticate(new Uint8Array(Buffer.from(challenge, 'base64'))));
  agent.destroy();
  return { statuses: [first.statusCode, second.statusCode], body };
}

describe('Apache', () => {
  let apache: Apache;
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    apache = await startApache();
    directory = new TemporaryDirectory('curl');
    writeFileSync(directory.file('ca.pem'), apache.ca);
    writeFileSync(directory.file('users.txt'), ntlmUserFile());
    writeFileSync(directory.file('body'), Buffer.alloc(3_000_000, 'ntlm'));
  });
  afterAll(async () => {
    await apache.close();
    await directory.close();
  });

  /** curl's Negotiate is gss-ntlmssp's, which takes alice's password from the file. */
  function curl(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, NTLM_USER_FILE: directory.file('users.txt'), _NO_WINBINDD: '1' };
    return run('curl', ['-sS', '--noproxy', '*', '--cacert', directory.file('ca.pem'), ...args], { env });
  }
  const alices = ['--negotiate', '-u', 'TESTDOM\\alice:'];

  it.each(['http', 'https'] as const)('lets alice in by %s, on the connection she authenticated', async (scheme) => {
    const answer = JSON.parse(await curl(...alices, '-H', 'X-Test: yes', `${apache[scheme]}/cgi/whoami?a=b`)) as Whoami;
    expect(answer).toMatchObject({ user: 'TESTDOM\\alice', method: 'GET', target: '/cgi/whoami?a=b', length: 0 });
    expect(answer.secure).toBe(scheme === 'https');
    expect(answer.headers).toMatchObject({ 'x-test': 'yes' });
    const entries = await connection(apache, answer.port, 2);
    expect(entries.map(({ status }) => status)).toEqual([401, 200]);
    expect(entries.at(-1)).toMatchObject({ method: 'GET', target: '/cgi/whoami?a=b', user: 'TESTDOM\\alice' });
  });

  it('gives the certificate to localhost too', async () => {
    expect(await curl(`${apache.https.replace('127.0.0.1', 'localhost')}/public/`)).toContain('public');
  });

  it.each(['/', '/cgi/whoami', '/index.html', '/nowhere'])('asks for Negotiate or NTLM at %s', async (path) => {
    const head = await curl('-i', `${apache.http}${path}`);
    expect(head).toMatch(/^HTTP\/1\.1 401 /u);
    expect(head).toMatch(/^WWW-Authenticate: Negotiate\r$/mu);
    expect(head).toMatch(/^WWW-Authenticate: NTLM\r$/mu);
  });

  it.each(testUsers)('lets $username in by raw NTLM', async (user) => {
    const { statuses, body } = await handshake(user, `${apache.http}/cgi/whoami`);
    expect(statuses).toEqual([401, 200]);
    const { user: identity, port } = JSON.parse(body) as Whoami;
    expect(identity).toBe(`TESTDOM\\${user.username}`);
    expect((await connection(apache, port, 2)).at(-1)?.user).toBe(identity);
  });

  it('refuses a wrong password', async () => {
    expect((await handshake({ ...alice, password: 'wrong' }, `${apache.http}/`)).statuses).toEqual([401, 401]);
  });

  it('leaves /public/ open', async () => {
    expect(await curl(`${apache.http}/public/`)).toContain('public');
    expect(JSON.parse(await curl(`${apache.http}/public/cgi/whoami`))).toMatchObject({ user: null });
  });

  it('takes a body with the credentials and echoes it', async () => {
    const body = directory.file('body');
    const negotiate = [...alices, '-H', 'Expect:']; // Apache's 401 to `Expect: 100-continue` closes the connection
    const answer = JSON.parse(await curl(...negotiate, '-T', body, `${apache.http}/cgi/whoami`)) as Whoami;
    const sha256 = createHash('sha256').update(Buffer.alloc(3_000_000, 'ntlm')).digest('hex');
    expect(answer).toMatchObject({ method: 'PUT', length: 3_000_000, sha256 });
    await curl(...negotiate, '--data-binary', `@${body}`, '-o', directory.file('echo'), `${apache.http}/cgi/echo`);
    await run('cmp', [body, directory.file('echo')]);
  });

  it('takes and echoes 100 MB', async () => {
    const length = 100 * 1024 * 1024;
    const body = Buffer.alloc(length, 'ntlmachine');
    const response = await fetch(`${apache.http}/public/cgi/echo`, { method: 'POST', body });
    const echoed = createHash('sha256');
    for await (const chunk of response.body ?? []) echoed.update(chunk);
    expect(echoed.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
  });

  it('answers slowly when asked to', async () => {
    const start = performance.now();
    expect(await curl(`${apache.http}/public/cgi/slow?300`)).toBe('slow\n');
    expect(performance.now() - start).toBeGreaterThanOrEqual(300);
  });

  it('is gone, with its files, after close', async () => {
    const certificate = await makeSelfSignedCertificate('ecdsa-p256-sha256');
    const other = await startApache({ certificate });
    expect(other.ca).toBe(certificate.pem);
    expect((await fetch(`${other.http}/public/`)).status).toBe(200);
    await other.close();
    await expect(fetch(`${other.http}/public/`)).rejects.toThrow();
  });
});

describe('Squid', () => {
  let squid: Squid;
  beforeAll(async () => {
    squid = await startSquid();
  });
  afterAll(() => squid.close());

  async function origin(): Promise<AsyncDisposable & { readonly url: string }> {
    const server = createServer(({ method, url }, response) => response.end(`${method} ${url}`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  }

  function curl(...args: readonly string[]): Promise<string> {
    return run('curl', ['-sS', '-x', squid.proxy, '--noproxy', '', ...args]);
  }
  const ntlm = (password: string): string[] => ['--proxy-ntlm', '-U', `TESTDOM\\alice:${password}`];
  /** The entry of the request that went through. */
  async function forwarded(target: string): Promise<AccessLogEntry> {
    const through = (entry: AccessLogEntry): boolean => entry.target === target && entry.status === 200;
    const entries = await squid.accessLog((all) => all.some(through));
    return entries.find(through) as AccessLogEntry;
  }

  it('asks for Negotiate and NTLM with 407', async () => {
    const head = await curl('-i', 'http://127.0.0.1:1/');
    expect(head).toMatch(/^HTTP\/1\.1 407 /u);
    expect(head).toMatch(/^Proxy-Authenticate: Negotiate\r$/mu);
    expect(head).toMatch(/^Proxy-Authenticate: NTLM\r$/mu);
  });

  it('forwards a plain request of an authenticated client, on the connection authenticated', async () => {
    await using server = await origin();
    const url = `${server.url}/path`;
    expect(await curl(...ntlm(alice.password), url)).toBe('GET /path');
    const { user, method, port } = await forwarded(url);
    expect({ user, method }).toEqual({ user: 'TESTDOM\\alice', method: 'GET' });
    expect((await connection(squid, port, 2)).map(({ status }) => status)).toEqual([407, 200]);
  });

  it('lets a user outside ASCII through', async () => {
    await using server = await origin();
    const url = `${server.url}/path`;
    const { statuses, body } = await handshake({ ...alice, username: 'Jürgen' }, url, squid.proxy);
    expect({ statuses, body }).toEqual({ statuses: [407, 200], body: 'GET /path' });
    expect((await forwarded(url)).user).toBe('TESTDOM\\Jürgen');
  });

  it('opens a tunnel for an authenticated client, to any port', async () => {
    await using server = await origin();
    expect(await curl(...ntlm(alice.password), '--proxytunnel', `${server.url}/tunnel`)).toBe('GET /tunnel');
    const { method, port } = await forwarded(server.url.slice('http://'.length));
    expect(method).toBe('CONNECT');
    expect((await connection(squid, port, 2)).map(({ status }) => status)).toEqual([407, 200]);
  });

  it('refuses a wrong password', async () => {
    const status = ['-o', '/dev/null', '-w', '%{http_code}'];
    expect(await curl(...ntlm('wrong'), ...status, 'http://127.0.0.1:1/')).toBe('407');
  });
});
