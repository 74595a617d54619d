/** Programs that speak no NTLM, through the gateway: Squid with ntlm_auth in front of them, Apache with gss-ntlmssp. */
import { execFile, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { channelBindings } from '../../src/crypto/channel-bindings-sources.ts';
import { createGateway, type Gateway, type GatewayEntry, type GatewayOptions } from '../../src/gateway/index.ts';
import { requireNtlm } from '../../src/http/index.ts';
import { Credentials } from '../../src/index.ts';
import { kerberos, kerberosPackage } from '../../src/kerberos/index.ts';
import { makeCertificate } from '../http/support/certificate.ts';
import { startApache, type Apache } from './support/apache.ts';
import { named, startKerberosSite, type KerberosSite } from './support/kerberos-site.ts';
import { REALM } from './support/realm.ts';
import { startSquid, type Squid } from './support/squid.ts';
import { alice } from './support/users.ts';

const run = promisify(execFile);
const credentials = Credentials.fromPassword(alice);
const wrong = Credentials.fromPassword({ ...alice, password: 'wrong' });

let apache: Apache;
let squid: Squid;
let directory: string;
beforeAll(async () => {
  [apache, squid] = await Promise.all([startApache(), startSquid()]);
  directory = mkdtempSync(join(tmpdir(), 'gateway-'));
});
afterAll(async () => {
  await Promise.all([apache?.close(), squid?.close()]);
  rmSync(directory, { recursive: true, force: true });
});

class Running implements AsyncDisposable {
  readonly entries: GatewayEntry[] = [];
  readonly #server: Gateway;

  private constructor(options: GatewayOptions) {
    this.#server = createGateway({ onExchange: (entry) => this.entries.push(entry), ...options });
  }

  static async start(options: GatewayOptions): Promise<Running> {
    const running = new Running(options);
    running.#server.listen(0, '127.0.0.1');
    await once(running.#server, 'listening');
    return running;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a program takes that is set to use a proxy. */
  get environment(): NodeJS.ProcessEnv {
    const { PATH } = process.env;
    const proxies = { http_proxy: this.url, https_proxy: this.url, HTTP_PROXY: this.url, HTTPS_PROXY: this.url };
    return { PATH, HOME: directory, ...proxies, no_proxy: '', GIT_CONFIG_NOSYSTEM: '1', XDG_CONFIG_HOME: directory };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('forward, through Squid', () => {
  let origin: ReturnType<typeof createServer>;
  let url: string;
  beforeAll(async () => {
    origin = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (bytes: Buffer) => chunks.push(bytes)).on('end', () => response.end(`${request.method} ${Buffer.concat(chunks).length}`));
    }).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`;
  });
  afterAll(() => void (origin.close(), origin.closeAllConnections()));

  test('curl, plain and through a tunnel, up and down', async () => {
    await using gateway = await Running.start({ upstream: squid.proxy, credentials });
    const curl = async (...args: string[]): Promise<string> => (await run('curl', ['-sS', '--noproxy', '', '-x', gateway.url, ...args])).stdout;
    expect(await curl(url)).toBe('GET 0');
    const file = join(directory, 'body');
    writeFileSync(file, Buffer.alloc(2_000_000, 'x'));
    expect(await curl('-T', file, url)).toBe('PUT 2000000');
    expect(await curl('--data-binary', `@${file}`, '-H', 'Expect:', url)).toBe('POST 2000000');
    expect(await curl('-p', url)).toBe('GET 0');
    expect(gateway.entries.every(({ status }) => status === 200)).toBe(true);
  });

  test('wget', async () => {
    await using gateway = await Running.start({ upstream: squid.proxy, credentials });
    const { stdout } = await run('wget', ['-q', '-O', '-', url], { env: gateway.environment });
    expect(stdout).toBe('GET 0');
  });

  test('git clones and pushes over HTTP', async () => {
    await using gateway = await Running.start({ upstream: squid.proxy, credentials });
    await using server = await gitServer();
    await cloneAndPush(server.url, gateway.environment);
    expect(gateway.entries.length).toBeGreaterThan(3);
    expect(gateway.entries.every(({ status }) => status === 200)).toBe(true);
  });

  test('npm installs from a registry', async () => {
    await using gateway = await Running.start({ upstream: squid.proxy, credentials });
    await using registry = await npmRegistry();
    const project = mkdtempSync(join(directory, 'npm-'));
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', private: true }));
    await run('npm', ['install', 'tiny', '--registry', registry.url, '--proxy', gateway.url, '--no-audit', '--no-fund', '--no-update-notifier', '--cache', join(project, 'cache')], {
      cwd: project,
      env: gateway.environment,
    });
    expect(registry.seen()).toEqual(['/tiny', '/tiny-1.0.0.tgz']);
    expect(gateway.entries.map(({ status }) => status)).toEqual([200, 200]);
  });

  test('1,000 requests at once on 8 connections, each its own answer', async () => {
    await using gateway = await Running.start({ upstream: squid.proxy, credentials, maxUpstreamConnections: 8 });
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    const { port } = new URL(gateway.url);
    const bodies = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const out = request({ agent, host: '127.0.0.1', port, method: 'POST', path: url, headers: { Host: new URL(url).host } });
        out.end(Buffer.alloc(i));
        const [answer] = await once(out, 'response');
        let text = '';
        for await (const part of answer) text += part;
        return text;
      }),
    );
    agent.destroy();
    expect(bodies).toEqual(bodies.map((_, i) => `POST ${i}`));
    const log = await squid.accessLog((entries) => entries.length >= 1000);
    expect(log.length).toBeGreaterThanOrEqual(1000);
  });

  test('Squid stopped and started under load: each its own answer or a typed refusal, then all is well', async () => {
    await using own = await startSquid();
    await using gateway = await Running.start({ upstream: own.proxy, credentials, maxUpstreamConnections: 8 });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const { port } = new URL(gateway.url);
    const ask = async (i: number): Promise<string> => {
      const out = request({ agent, host: '127.0.0.1', port, method: 'POST', path: url, headers: { Host: new URL(url).host } });
      out.end(Buffer.alloc(i));
      const [answer] = await once(out, 'response');
      let text = '';
      for await (const part of answer) text += part;
      if (answer.statusCode === 200) return text === `POST ${i}` ? 'own' : `another's: ${text}`;
      if (answer.headers['x-squid-error'] !== undefined) return "Squid's"; // it still answers while it ends
      return /^ntlmachine; error=/.test(String(answer.headers['proxy-status'])) ? String(answer.statusCode) : `an untyped ${answer.statusCode}`;
    };
    const fates: string[] = [];
    let over = false;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let i = client; !over; i += 8) fates.push(await ask(i));
    });
    const until = async (fate: string): Promise<void> => {
      for (const from = fates.length; !fates.slice(from).includes(fate); ) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    for (let restart = 0; restart < 2; restart += 1) {
      await until('own');
      await own.stop();
      await until('502');
      await own.start();
    }
    await until('own');
    over = true;
    await Promise.all(clients);
    expect(fates.filter((fate) => !['own', '502', '504', "Squid's"].includes(fate))).toEqual([]);
    expect(await Promise.all(Array.from({ length: 50 }, (_, i) => ask(i)))).toEqual(Array(50).fill('own'));
    agent.destroy();
  });

  test('a refused password is said in words', async () => {
    await using gateway = await Running.start({ upstream: squid.proxy, credentials: wrong });
    const { stdout } = await run('curl', ['-sS', '--noproxy', '', '-i', '-x', gateway.url, url]);
    expect(stdout).toMatch(/^HTTP\/1\.1 502 /);
    expect(stdout).toMatch(/proxy-status: ntlmachine; error=http_request_denied; details="credentials-refused: /i);
  });
});

describe('reverse, in front of Apache', () => {
  test.each(['http', 'https'] as const)('curl without a word of NTLM, %s', async (scheme) => {
    const to = scheme === 'http' ? apache.http : apache.https;
    await using gateway = await Running.start({ to, credentials, ca: apache.ca });
    const { stdout } = await run('curl', ['-sS', '--noproxy', '*', `${gateway.url}/cgi/whoami`]);
    expect(stdout).toContain(alice.username);
    const posted = await run('curl', ['-sS', '--noproxy', '*', '--data-binary', 'x'.repeat(100_000), `${gateway.url}/cgi/echo`]);
    expect(posted.stdout.length).toBeGreaterThanOrEqual(100_000);
  });
});

describe('Kerberos, in a realm of its own', () => {
  let site: KerberosSite;
  beforeAll(async () => {
    site = await startKerberosSite();
  }, 180_000);
  afterAll(() => site?.close());
  beforeEach(() => {
    for (const [name, value] of Object.entries(site.environment)) vi.stubEnv(name, value);
  });
  afterEach(() => vi.unstubAllEnvs());

  test('curl, which knows nothing of it, through Squid and to Apache', async () => {
    const { apache, squid, module } = site;
    const provider = kerberosPackage({ module });
    await using forward = await Running.start({ upstream: named(squid.proxy), credentials: kerberos({ provider, mutual: false }) });
    await run('curl', ['-sS', '--fail', '--noproxy', '', '-x', forward.url, `${apache.http}/public/cgi/whoami`]);
    const known = (entries: readonly { readonly user: string | undefined }[]): boolean => entries.some(({ user }) => user === `alice@${REALM}`);
    expect(known(await squid.accessLog(known))).toBe(true);
    await using reverse = await Running.start({ to: named(apache.http), credentials: kerberos({ provider }) });
    expect((await run('curl', ['-sS', '--noproxy', '*', `${reverse.url}/tickets/cgi/whoami`])).stdout).toContain(`alice@${REALM}`);
  });
});

test('reverse, in front of a server that demands channel bindings', async () => {
  const tls = await makeCertificate();
  const server = createTlsServer(
    { key: tls.key, cert: tls.cert },
    requireNtlm(
      { credentials: () => credentials, channelBindings: channelBindings.fromCertificate(new X509Certificate(tls.cert).raw), requireChannelBindings: true },
      (request, response) => response.end(request.ntlm.username),
    ),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using gateway = await Running.start({ to: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, credentials, ca: tls.ca });
  for (let i = 0; i < 3; i += 1) {
    expect((await run('curl', ['-sS', '--noproxy', '*', gateway.url])).stdout).toBe(alice.username);
  }
  server.close();
  server.closeAllConnections();
});

/** A server of git's own smart HTTP. */
async function gitServer(): Promise<{ readonly url: string } & AsyncDisposable> {
  const root = mkdtempSync(join(directory, 'repositories-'));
  await run('git', ['init', '-q', '--bare', '-b', 'main', join(root, 'project.git')]);
  await run('git', ['-C', join(root, 'project.git'), 'config', 'http.receivepack', 'true']);
  const backend = join((await run('git', ['--exec-path'])).stdout.trim(), 'git-http-backend');
  const server = createServer((incoming, response) => {
    const { pathname, search } = new URL(incoming.url ?? '', 'http://x');
    const cgi = spawn(backend, {
      env: {
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: incoming.method,
        CONTENT_TYPE: incoming.headers['content-type'],
        HTTP_CONTENT_ENCODING: incoming.headers['content-encoding'],
        REMOTE_USER: 'someone',
        PATH: process.env['PATH'],
      },
    });
    incoming.pipe(cgi.stdin);
    const chunks: Buffer[] = [];
    cgi.stdout.on('data', (bytes: Buffer) => chunks.push(bytes)).on('end', () => {
      const output = Buffer.concat(chunks);
      const end = output.indexOf('\r\n\r\n');
      const fields = output.toString('latin1', 0, end).split('\r\n').map((line) => line.split(': ') as [string, string]);
      const status = fields.find(([name]) => name === 'Status')?.[1];
      response.writeHead(Number(status?.slice(0, 3) ?? 200), Object.fromEntries(fields.filter(([name]) => name !== 'Status')));
      response.end(output.subarray(end + 4));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/project.git`,
    [Symbol.asyncDispose]: async () => void (server.close(), server.closeAllConnections()),
  };
}

async function cloneAndPush(url: string, env: NodeJS.ProcessEnv): Promise<void> {
  const clone = mkdtempSync(join(directory, 'clone-'));
  const git = (...args: string[]): Promise<unknown> => run('git', args, { cwd: clone, env });
  await git('clone', '-q', url, '.');
  writeFileSync(join(clone, 'file'), Buffer.alloc(3_000_000, 'content '));
  await git('add', 'file');
  await git('-c', 'user.name=a', '-c', 'user.email=a@example', 'commit', '-q', '-m', 'first');
  await git('push', '-q', 'origin', 'HEAD:main');
  const again = mkdtempSync(join(directory, 'again-'));
  await run('git', ['clone', '-q', url, again], { env });
  expect((await run('git', ['-C', again, 'log', '--format=%s'], { env })).stdout.trim()).toBe('first');
}

/** One package of one file. */
async function npmRegistry(): Promise<{ readonly url: string; seen(): string[] } & AsyncDisposable> {
  const source = mkdtempSync(join(directory, 'tiny-'));
  writeFileSync(join(source, 'package.json'), JSON.stringify({ name: 'tiny', version: '1.0.0' }));
  await run('npm', ['pack', '--pack-destination', source], { cwd: source });
  const tarball = readFileSync(join(source, 'tiny-1.0.0.tgz'));
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    if (request.url === '/tiny-1.0.0.tgz') return void response.end(tarball);
    const url = `http://${request.headers.host}/tiny-1.0.0.tgz`;
    const version = { name: 'tiny', version: '1.0.0', dist: { tarball: url } };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ name: 'tiny', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    seen: () => seen,
    [Symbol.asyncDispose]: async () => void (server.close(), server.closeAllConnections()),
  };
}
