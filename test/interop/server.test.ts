/** Our server's end, asked by the clients that people have. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import http, { createServer, type Server } from 'node:http';
import https, { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { WebSocket as UndiciWebSocket } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import type { Verifier } from '../../src/acceptor/index.ts';
import { NtlmDispatcher } from '../../src/http/fetch.ts';
import {
  NtlmAgent,
  createNtlmServer,
  guardUpgrades,
  identityOf,
  parseChallenges,
  requireNtlm,
  type NtlmRequestListener,
  type NtlmServerOptions,
  type NtlmServerVerdict,
} from '../../src/http/index.ts';
import { Credentials, NtlmClient } from '../../src/index.ts';
import { lmAndNtlmv1 } from '../../src/legacy/index.ts';
import { startChromium } from '../browser/support/chromium.ts';
import { makeServerCertificate } from './support/certificates.ts';
import { startFirefox, type Firefox } from './support/firefox.ts';
import { gitBackend } from './support/git-server.ts';
import { run, TemporaryDirectory } from './support/processes.ts';
import { startSambaAd } from './support/samba-ad.ts';
import { alice, ntlmUserFile, testUsers } from './support/users.ts';

const users = new Map(testUsers.map((user) => [user.username, Credentials.fromPassword(user)]));
const login = `${alice.domain}\\${alice.username}:${alice.password}`;

const directory = new TemporaryDirectory('server');
const closers: (() => unknown)[] = [() => directory.close()];
let verdicts: NtlmServerVerdict[] = [];
/** How the last client was taken: its response, whether it had a MIC, whether it was bound; or why not. */
function lastVerdict(): unknown[] {
  const verdict = verdicts.at(-1);
  if (verdict === undefined || !('ok' in verdict)) return [verdict];
  return verdict.ok && verdict.mechanism === 'NTLM' ? [verdict.response, verdict.mic, verdict.channelBindings] : [verdict.ok ? verdict.mechanism : verdict.reason];
}

const options: NtlmServerOptions = {
  credentials: ({ username }) => users.get(username),
  target: { nbDomainName: alice.domain, nbComputerName: 'KEEP', dnsDomainName: 'testdom.example', dnsComputerName: 'keep.testdom.example' },
  schemes: ['Negotiate', 'NTLM'],
  refusalLimit: { account: Infinity },
  onVerdict: (verdict) => void verdicts.push(verdict),
};

/** Says who came and what was sent. */
const echo: NtlmRequestListener = (request, response) => {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  request.on('end', () => response.end(`${request.method} ${request.ntlm.username} ${hash.digest('hex')}\n`));
};
const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const nothing = sha256('');

async function listen(server: Server): Promise<string> {
  new WebSocketServer({ server }).on('connection', (socket, request) => {
    socket.send(`hello ${identityOf(request)?.username}`);
  });
  server.listen(0, '127.0.0.1');
  closers.unshift(() => (server.closeAllConnections(), server.close()));
  await once(server, 'listening');
  const scheme = server instanceof https.Server ? 'https' : 'http';
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

let ca = '';
let cert = '';
let key = '';
const tls = (given: Partial<NtlmServerOptions>, listener = echo): Promise<string> => {
  const gate = requireNtlm({ ...options, ...given }, listener);
  return listen(guardUpgrades(createTlsServer({ cert, key }, gate), gate));
};

/** Where everybody goes: plain, over TLS with bindings looked at where they are stated, and with bindings demanded. */
const places = { plain: '', allowed: '', demanded: '', ntlm: '', weak: '', weakTls: '', proxy: '', git: '', gitTls: '' };
let chromium: Browser;
let firefox: Firefox;

beforeAll(async () => {
  const { authority, server } = await makeServerCertificate();
  ca = authority.pem;
  cert = server.pem;
  key = server.keyPem;
  writeFileSync(directory.file('ca.pem'), ca);
  writeFileSync(directory.file('users.txt'), ntlmUserFile());
  mkdirSync(directory.file('repositories'));
  places.plain = await listen(createNtlmServer(options, echo));
  places.allowed = await tls({ channelBindings: 'allowed' });
  places.demanded = await tls({ channelBindings: 'required' });
  places.ntlm = await listen(createNtlmServer({ ...options, schemes: ['NTLM'] }, echo));
  places.weak = await listen(createNtlmServer({ ...options, schemes: ['NTLM'], policy: lmAndNtlmv1 }, echo));
  places.git = await listen(createNtlmServer({ ...options, schemes: ['NTLM'] }, gitBackend(directory.file('repositories'))));
  places.gitTls = await tls({ schemes: ['NTLM'], channelBindings: 'allowed' }, gitBackend(directory.file('repositories')));
  places.weakTls = await tls({ schemes: ['NTLM'], policy: lmAndNtlmv1 });
  places.proxy = await listen(startProxy());
  [chromium, firefox] = await Promise.all([startChromium(), startFirefox()]);
  closers.unshift(() => chromium.close(), () => firefox[Symbol.asyncDispose]());
});
afterAll(async () => {
  for (const close of closers) await close();
});

function startProxy(): Server {
  const proxy = createNtlmServer({ ...options, side: 'proxy' }, (request, response) => {
    const forwarded = http.request(request.url ?? '', { method: request.method, headers: { connection: 'close' } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
  });
  proxy.on('connect', (request, client, head) => {
    const { hostname, port } = new URL(`http://${request.url}`);
    const target = connect(Number(port), hostname, () => {
      client.write(`HTTP/1.1 200 to ${identityOf(request)?.username}\r\n\r\n`);
      target.write(head);
      client.pipe(target).pipe(client);
    });
    target.on('error', () => client.destroy());
    client.on('error', () => target.destroy());
  });
  return proxy;
}

const gssEnvironment = () => ({
  ...process.env,
  NTLM_USER_FILE: directory.file('users.txt'),
  LM_COMPAT_LEVEL: '3',
  _NO_WINBINDD: '1',
});
const curl = (...args: string[]): Promise<string> =>
  run('curl', ['--silent', '--show-error', '--max-time', '30', '--cacert', directory.file('ca.pem'), ...args], { env: gssEnvironment() });

describe('curl', () => {
  test.each(['plain', 'allowed', 'ntlm'] as const)('--ntlm, at %s', async (place) => {
    expect(await curl('--ntlm', '-u', login, places[place])).toBe(`GET alice ${nothing}\n`);
    expect(lastVerdict()).toEqual(['ntlmv2', false, false]);
  });

  test.each(['plain', 'allowed'] as const)('--negotiate by gss-ntlmssp, at %s', async (place) => {
    expect(await curl('--negotiate', '-u', ':', places[place])).toBe(`GET alice ${nothing}\n`);
    expect(lastVerdict()).toEqual(['ntlmv2', true, false]);
  });

  test('is refused where bindings are demanded: it states none', async () => {
    expect(await curl('--ntlm', '-u', login, places.demanded)).toBe('Unauthorized\n');
    expect(lastVerdict()).toEqual(['channel-bindings-missing']);
  });

  test.each(['--ntlm', '--anyauth'])('%s, an upload whole and once', async (authentication) => {
    const big = Buffer.alloc(3_000_000, 'x');
    writeFileSync(directory.file('big'), big);
    expect(await curl(authentication, '-u', login, '-T', directory.file('big'), places.ntlm)).toBe(`PUT alice ${sha256(big)}\n`);
    const posted = await curl(authentication, '-u', login, '--data-binary', `@${directory.file('big')}`, places.ntlm);
    expect(posted).toBe(`POST alice ${sha256(big)}\n`);
  });

  test('several requests on one connection cost one handshake', async () => {
    verdicts = [];
    const answers = await curl('--ntlm', '-u', login, places.plain, places.plain, places.plain);
    expect(answers).toBe(`GET alice ${nothing}\n`.repeat(3));
    expect(verdicts).toHaveLength(1);
  });

  test('a wrong password is refused once', async () => {
    verdicts = [];
    expect(await curl('--ntlm', '-u', `${login}x`, places.plain)).toBe('Unauthorized\n');
    expect(verdicts).toMatchObject([{ ok: false, reason: 'wrong-credentials', identity: { username: 'alice', domain: alice.domain } }]);
  });

  test.each([
    ['--proxy-ntlm', login],
    ['--proxy-negotiate', ':'],
  ])('%s, plain and through a tunnel, to a server that asks, too', async (authentication, user) => {
    const proxied = (...args: string[]) => curl('--proxy', places.proxy, authentication, '--proxy-user', user, ...args);
    const open = createServer((_, response) => response.end('open'));
    const origin = await listen(open);
    expect(await proxied(origin)).toBe('open');
    expect(await proxied('--ntlm', '-u', login, places.allowed)).toBe(`GET alice ${nothing}\n`);
    expect(await proxied('--proxytunnel', '--ntlm', '-u', login, places.plain)).toBe(`GET alice ${nothing}\n`);
  });

  test('a proxy lets nobody through without a password', async () => {
    expect(await curl('--proxy', places.proxy, '--write-out', '%{http_code}', places.plain)).toBe('Proxy Authentication Required\n407');
    await expect(curl('--proxy', places.proxy, places.allowed)).rejects.toThrow('407');
  });
});

test.each(['git', 'gitTls'] as const)('git clones and pushes, at %s', async (place) => {
  const bare = directory.file(`repositories/${place}.git`);
  const work = directory.file(place);
  const url = new URL(`${place}.git`, places[place]);
  url.username = `${alice.domain}\\${alice.username}`;
  url.password = alice.password;
  const env = {
    ...process.env, HOME: directory.path, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', GIT_SSL_CAINFO: directory.file('ca.pem'),
    GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b',
  };
  const git = (...args: string[]) => run('git', args, { env, cwd: directory.path });
  await git('init', '-q', '--bare', '-b', 'main', bare);
  await git('-C', bare, 'config', 'http.receivepack', 'true');
  await git('clone', '-q', url.href, work);
  writeFileSync(`${work}/big`, Buffer.alloc(2_000_000, 'git'));
  await git('-C', work, 'add', '.');
  await git('-C', work, 'commit', '-qm', 'a drawbridge');
  await git('-C', work, 'push', '-q', 'origin', 'HEAD:main');
  const head = await git('-C', work, 'rev-parse', 'HEAD');
  expect(await git('-C', bare, 'rev-parse', 'main')).toBe(head);
  await git('clone', '-q', url.href, directory.file(`${place}-again`));
  expect(await git('-C', directory.file(`${place}-again`), 'rev-parse', 'HEAD')).toBe(head);
  url.password = 'wrong';
  await expect(git('ls-remote', url.href)).rejects.toThrow(/Authentication failed/);
});

test.each(['weak', 'weakTls'] as const)('wget, which has NTLMv1 alone and claims another charset than it writes, at %s', async (weak) => {
  const wget = (place: string, user: string) =>
    run('wget', [`--ca-certificate=${directory.file('ca.pem')}`, '--quiet', '--tries=1', '--timeout=30', '--output-document=-', `--user=${user}`, `--password=${alice.password}`, place]);
  expect(await wget(places[weak], `${alice.domain}\\${alice.username}`)).toBe(`GET alice ${nothing}\n`);
  expect(verdicts.at(-1)).toMatchObject({ ok: true, response: 'lm-and-ntlmv1', identity: { username: 'alice', domain: alice.domain } });
  expect(await wget(places[weak], alice.username)).toBe(`GET alice ${nothing}\n`);
  await expect(wget(places.ntlm, alice.username)).rejects.toThrow();
  expect(lastVerdict()).toEqual(['response-refused']);
});

describe('requests_ntlm', () => {
  const python = async (place: string, password = alice.password): Promise<string> => {
    // its NTLM takes MD4 from OpenSSL, which has it in a provider of its own
    writeFileSync(directory.file('openssl.cnf'), 'openssl_conf = a\n[a]\nproviders = p\n[p]\ndefault = d\nlegacy = d\n[d]\nactivate = 1\n');
    const script = [
      'import sys, requests',
      'from requests_ntlm import HttpNtlmAuth',
      'url, user, password, ca = sys.argv[1:]',
      'session = requests.Session()',
      'session.auth = HttpNtlmAuth(user, password)',
      'session.verify = ca',
      'first = session.get(url, timeout=30)',
      'second = session.post(url, data="x" * 100000, timeout=30)',
      'print(first.status_code, first.text.strip(), second.status_code, second.text.strip())',
    ].join('\n');
    const args = ['-c', script, place, `${alice.domain}\\${alice.username}`, password, directory.file('ca.pem')];
    // an authority of the environment would win over the session's own
    const env = { ...process.env, OPENSSL_CONF: directory.file('openssl.cnf'), REQUESTS_CA_BUNDLE: directory.file('ca.pem') };
    return (await run('env', ['/usr/bin/python3', ...args], { env })).trim();
  };

  test.each([
    ['plain', false],
    ['allowed', true],
    ['demanded', true],
  ] as const)('at %s', async (place, bound) => {
    expect(await python(places[place])).toBe(`200 GET alice ${nothing} 200 POST alice ${sha256('x'.repeat(100_000))}`);
    expect(lastVerdict()).toEqual(['ntlmv2', true, bound]);
  });

  test('with a wrong password', async () => {
    expect(await python(places.plain, 'wrong')).toContain('401 Unauthorized');
  });
});

describe('browsers', () => {
  test.each([
    ['plain', false],
    ['ntlm', false],
    ['allowed', true],
    ['demanded', true],
  ] as const)('Chromium at %s, and its WebSocket', async (place, bound) => {
    const httpCredentials = { username: `${alice.domain}\\${alice.username}`, password: alice.password };
    const context = await chromium.newContext({ ignoreHTTPSErrors: true, httpCredentials });
    const page = await context.newPage();
    const response = await page.goto(places[place]);
    expect([response?.status(), await response?.text()]).toEqual([200, `GET alice ${nothing}\n`]);
    expect(lastVerdict()).toEqual(['ntlmv2', true, bound]);
    expect(await page.evaluate(webSocketSays(places[place]))).toBe('hello alice');
    await context.close();
  });

  test.each(['plain', 'ntlm', 'allowed'] as const)('Firefox at %s, and its WebSocket', async (place) => {
    expect(await firefox.read(places[place], alice)).toBe(`GET alice ${nothing}\n`);
    expect(lastVerdict()).toEqual(['ntlmv2', false, false]);
    expect(await firefox.evaluate(webSocketSays(places[place]))).toBe('hello alice');
  });

  test('Firefox posts', async () => {
    await firefox.read(places.plain, alice);
    const body = 'x'.repeat(300_000);
    const said = await firefox.evaluate(`fetch('/post', { method: 'POST', body: 'x'.repeat(300000) }).then((r) => r.text())`);
    expect(said).toBe(`POST alice ${sha256(body)}\n`);
  });
});

function webSocketSays(place: string): string {
  return `new Promise((resolve) => {
    const socket = new WebSocket(${JSON.stringify(place.replace('http', 'ws'))});
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => resolve('an error');
  })`;
}

describe('WebSockets of programs', () => {
  const credentials = Credentials.fromPassword(alice);

  test.each([
    ['plain', false],
    ['allowed', true],
    ['demanded', true],
  ] as const)('ws and undici at %s', async (place, bound) => {
    const url = places[place].replace('http', 'ws');
    const agent = new NtlmAgent({ credentials, ca });
    const socket = new WebSocket(url, { agent });
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(message.toString()).toBe('hello alice');
    expect(lastVerdict()).toEqual(['ntlmv2', true, bound]);
    socket.terminate();
    agent.destroy();
    const dispatcher = new NtlmDispatcher({ credentials, connect: { ca } });
    const other = new UndiciWebSocket(url, { dispatcher });
    const said = await new Promise((resolve, reject) => {
      other.addEventListener('message', ({ data }) => resolve(data));
      other.addEventListener('error', ({ error }) => reject(error as Error));
    });
    expect(said).toBe('hello alice');
    expect(lastVerdict()).toEqual(['ntlmv2', true, bound]);
    other.close();
    await dispatcher.destroy();
  });

  test('a stranger gets none', async () => {
    const stranger = new WebSocket(places.plain.replace('http', 'ws'));
    const [, response] = (await once(stranger, 'unexpected-response')) as [unknown, http.IncomingMessage];
    expect([response.statusCode, await text(response)]).toEqual([401, 'Unauthorized\n']);
  });
});

describe('a domain controller that verifies (Samba AD through ntlm_auth)', () => {
  test('takes the domain’s users, with its key and MIC, and refuses others with a reason', async () => {
    const domain = await startSambaAd();
    closers.push(() => domain.close()); // also where the test's time is over before it is
    const sample = new URL('../../examples/server/ntlm-auth-verifier.mjs', import.meta.url).href;
    const { NtlmAuthVerifier } = (await import(sample)) as {
      NtlmAuthVerifier: new (options: { configFile: string }) => Verifier & { close(): void };
    };
    const verifier = new NtlmAuthVerifier({ configFile: domain.smbConf });
    closers.unshift(() => verifier.close());
    const place = await listen(createNtlmServer({ ...options, credentials: verifier }, echo));
    const ask = async (username: string, domainName: string, password: string): Promise<unknown[]> => {
      const agent = new NtlmAgent({ credentials: Credentials.fromPassword({ username, domain: domainName, password }) });
      const sent = http.get(place, { agent });
      const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
      await text(response);
      agent.destroy();
      return [response.statusCode, ...lastVerdict()];
    };
    /** With a name that no client of ours sends. */
    const askAs = async (username: string): Promise<unknown[]> => {
      const stand = username.replaceAll('\n', '~');
      const client = new NtlmClient({ credentials: Credentials.fromPassword({ username: stand, domain: alice.domain, password: alice.password }) });
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const leg = async (token: Uint8Array): Promise<http.IncomingMessage> => {
        const headers = { authorization: `NTLM ${Buffer.from(token).toString('base64')}` };
        const [response] = (await once(http.get(place, { agent, headers }), 'response')) as [http.IncomingMessage];
        await text(response);
        return response;
      };
      const { headers } = await leg(client.negotiate());
      const offers = parseChallenges([headers['www-authenticate'] ?? []].flat());
      const challenge = offers.find(({ scheme, token68 }) => scheme === 'NTLM' && token68 !== undefined);
      const message = Buffer.from(client.respond(Buffer.from(challenge?.token68 ?? '', 'base64')));
      const { statusCode } = await leg(Buffer.from(message.toString('latin1').replaceAll('~\0', '\n\0'), 'latin1'));
      agent.destroy();
      const verdict = verdicts.at(-1);
      expect(verdict !== undefined && 'identity' in verdict && verdict.identity?.username).toBe(username);
      return [statusCode, ...lastVerdict()];
    };
    const accepted = [200, 'ntlmv2', true, false];
    expect(await ask(alice.username, alice.domain, alice.password)).toEqual(accepted);
    expect(await ask(alice.username, '', alice.password)).toEqual(accepted);
    expect(await ask(`${alice.username}@testdom.example`, '', alice.password)).toEqual(accepted);
    expect(await ask(alice.username, alice.domain, 'wrong')).toEqual([401, 'wrong-credentials']);
    expect(await ask('nobody', alice.domain, alice.password)).toEqual([401, 'unknown-user']);
    expect(await askAs('evil\nUsername: alice')).toEqual([401, 'unknown-user']);
    expect(await curl('--ntlm', '-u', login, place)).toBe(`GET alice ${nothing}\n`);
    expect(await curl('--negotiate', '-u', ':', place)).toBe(`GET alice ${nothing}\n`);
    const app = spawn(process.execPath, [fileURLToPath(new URL('../../examples/server/express-domain.mjs', import.meta.url))], {
      env: { ...process.env, PORT: '0', SMB_CONF: domain.smbConf },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [url] = (await once(createInterface(app.stdout), 'line', { signal: AbortSignal.timeout(30_000) })) as [string];
      expect(await curl('--ntlm', '-u', login, url)).toBe('hello alice\n');
      expect(await curl('--ntlm', '-u', `${login}x`, url)).toBe('Unauthorized\n');
    } finally {
      app.kill();
    }
    const all = await Promise.all(Array.from({ length: 8 }, () => ask(alice.username, alice.domain, alice.password)));
    expect(all.map(([status]) => status)).toEqual(Array(8).fill(200));
    await run('samba-tool', ['user', 'disable', alice.username, '-H', domain.smbConf.replace('smb.conf', 'private/sam.ldb'), '-s', domain.smbConf]);
    expect(await ask(alice.username, alice.domain, alice.password)).toEqual([401, 'account-refused']);
  }, 180_000);
});
