/** A net-export, as chrome://net-export and --log-net-log write it: Chromium records itself, and its file is read. Over the built package. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Credentials } from 'ntlmachine';
import { createNtlmServer } from 'ntlmachine/http';
import { explain, readConversation, type Conversation } from 'ntlmachine/visualize';
import type { BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApache, type Apache } from '../interop/support/apache.ts';
import { makeServerCertificate } from '../interop/support/certificates.ts';
import { startRealm, type Realm } from '../interop/support/realm.ts';
import { startSquid, type Squid } from '../interop/support/squid.ts';
import { alice } from '../interop/support/users.ts';
import { startChromium, startChromiumProfile } from './support/chromium.ts';

const right = { username: `${alice.domain}\\${alice.username}`, password: alice.password };
const wrong = { ...right, password: 'another' };
const folder = mkdtempSync(join(tmpdir(), 'net-export-'));
let own: Server;
let behindTls: Server;
let apache: Apache;
let squid: Squid;

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
async function listening<S extends Server>(server: S): Promise<S> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

beforeAll(async () => {
  const { server: { pem: cert, keyPem: key } } = await makeServerCertificate();
  own = await listening(createNtlmServer({ credentials: Credentials.fromPassword(alice), target: { nbDomainName: alice.domain, nbComputerName: 'KEEP' } }));
  behindTls = await listening(createTlsServer({ cert, key }, (_, response) => response.end('the page')));
  [apache, squid] = await Promise.all([startApache(), startSquid()]);
});
afterAll(async () => {
  for (const server of [own, behindTls]) {
    server?.close();
    server?.closeAllConnections();
  }
  await Promise.all([apache?.close(), squid?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
/** What Chromium writes of one page, with the noise of its own requests. */
async function recorded(url: string, mode: 'Default' | 'IncludeSensitive', options: BrowserContextOptions, ...more: readonly string[]): Promise<string> {
  const file = join(folder, `${(files += 1)}.json`);
  const browser = await startChromium(`--log-net-log=${file}`, `--net-log-capture-mode=${mode}`, ...more);
  try {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true, ...options })).newPage();
    await page.goto(url).catch(() => undefined); // a refusal is what is recorded
  } finally {
    await browser.close();
  }
  return readFileSync(file, 'utf8');
}

/** Of the connections to one place, what was sent and answered. */
function legsTo(place: string, { connections }: Conversation) {
  return connections
    .filter(({ exchanges }) => exchanges.some(({ request }) => request?.fields.some(({ name, value }) => name === 'host' && value === place)))
    .map(({ exchanges, tls }) => [tls, ...exchanges.map(({ request, response }) => `${request?.method} ${request?.credentials[0]?.token?.message ?? request?.credentials[0]?.scheme ?? '-'} ${response?.status}`)]);
}

describe.each(['Default', 'IncludeSensitive'] as const)('%s', (mode) => {
  const [type1, type3] = mode === 'Default' ? ['NTLM', 'NTLM'] : ['NEGOTIATE', 'AUTHENTICATE'];
  const who = mode === 'Default' ? 'the response' : '"TESTDOM\\alice"';
  const hint = mode === 'Default' ? / "Include cookies and credentials" / : /^(?!.*Include cookies)/;

  test.each([['right', right, 200], ['wrong', wrong, 401]] as const)('our own server, with the %s password', async (name, httpCredentials, status) => {
    const conversation = readConversation(await recorded(`http://127.0.0.1:${portOf(own)}/page?query=1`, mode, { httpCredentials }));
    expect(legsTo(`127.0.0.1:${portOf(own)}`, conversation)[0]?.slice(0, 4)).toEqual([undefined, 'GET - 401', `GET ${type1} 401`, `GET ${type3} ${status}`]);
    const { sentence } = explain(conversation);
    if (name === 'right') expect(sentence).toBe(`The server accepted ${who} and answered 200.`);
    else {
      expect(sentence).toMatch(/^The server refused .*: most likely the password is wrong/);
      expect(sentence).toMatch(hint);
    }
  });

  test('Apache over TLS, whose NTLM takes no type 1 of Chromium', async () => {
    const conversation = readConversation(await recorded(`${apache.https}/cgi/whoami`, mode, { httpCredentials: right }));
    expect(legsTo(new URL(apache.https).host, conversation).find(({ length }) => length > 2)?.slice(0, 3)).toEqual([true, 'GET - 401', `GET ${type1} 401`]);
    expect(explain(conversation).causes[0]).toMatchObject({ id: 'short-negotiate', likelihood: 'likely' });
  });

  test('Squid, a tunnel with a user', async () => {
    const proxy = { server: squid.proxy, ...right };
    const conversation = readConversation(await recorded(`https://127.0.0.1:${portOf(behindTls)}/`, mode, { proxy }, '--proxy-bypass-list=<-loopback>'));
    const legs = legsTo(`127.0.0.1:${portOf(behindTls)}`, conversation);
    expect(legs).toContainEqual(expect.arrayContaining([`CONNECT ${type1} 407`, `CONNECT ${type3} 200`, 'GET - 200']));
    // and not what the proxy thinks of the browser's own requests, which have no user
    expect(explain(conversation).sentence).toBe(`The proxy accepted ${who} and answered 200.`);
  });
});

describe('tickets', () => {
  let realm: Realm;
  let kerberized: Apache;
  beforeAll(async () => {
    realm = await startRealm();
    kerberized = await startApache({ kerberos: { keytab: await realm.keytab('HTTP/localhost'), environment: realm.environment } });
  });
  afterAll(async () => {
    await kerberized?.close();
    await realm?.close();
  });

  const explained = async (mode: 'Default' | 'IncludeSensitive', cache: string): Promise<string> => {
    const url = `${kerberized.http.replace('127.0.0.1', 'localhost')}/tickets/cgi/whoami`;
    const file = join(folder, `${(files += 1)}.json`);
    // a profile of its own: the contexts that are steered otherwise use no tickets, as private windows use none
    const profile = await startChromiumProfile(`${file}.profile`, { ...realm.environment, KRB5CCNAME: cache }, '--auth-server-allowlist=localhost', `--log-net-log=${file}`, `--net-log-capture-mode=${mode}`);
    const page = await profile.newPage();
    for (let visit = 1; visit <= 2; visit += 1) await page.goto(url).catch(() => undefined); // the first finds GSSAPI not loaded yet
    await profile.close();
    return explain(readConversation(readFileSync(file, 'utf8'))).sentence;
  };

  test.each([
    ['Default', /^The server accepted a (?:token of Kerberos, not NTLM,|first token of Negotiate, which NTLM does not come to an end by,) and answered 200\.$/],
    ['IncludeSensitive', /^The server accepted a Kerberos ticket for "HTTP\/localhost" of the realm "CASTLE\.TEST", not NTLM, and answered 200\.$/],
  ] as const)('%s: one that is taken', async (mode, sentence) => {
    expect(await explained(mode, await realm.kinit('alice'))).toMatch(sentence);
  });

  test('none at hand, where NTLM is offered as well and no password is', async () => {
    expect(await explained('IncludeSensitive', realm.emptyCache())).toMatch(/^The server asked for authentication \(401\) and nothing was sent: most likely the client had no credentials for it/);
  });
});

test('a page of many parts: as many connections as the server saw, each with what went over it', async () => {
  const seen = new Map<number, string[]>();
  const server = await listening(
    createNtlmServer({ credentials: Credentials.fromPassword(alice) }, (request, response) => {
      const port = request.socket.remotePort!;
      if (request.url !== '/favicon.ico') seen.set(port, [...(seen.get(port) ?? []), request.url!]); // asked for when the page is done, if the browser lives as long
      const parts = Array.from({ length: 12 }, (_, index) => `<script src="/part-${index}.js"></script>`).join('');
      if (request.url === '/') response.setHeader('Content-Type', 'text/html').end(`<!doctype html><title>page</title>${parts}`);
      else setTimeout(() => response.setHeader('Content-Type', 'text/javascript').end('1'), 30);
    }),
  );
  const place = `127.0.0.1:${portOf(server)}`;
  const conversation = readConversation(await recorded(`http://${place}/`, 'IncludeSensitive', { httpCredentials: right }));
  server.close();
  server.closeAllConnections();
  const read = conversation.connections
    .filter(({ exchanges }) => exchanges.some(({ request }) => request?.fields.some(({ name, value }) => name === 'host' && value === place)))
    .map(({ exchanges }) => exchanges.filter(({ response }) => response?.status === 200).map(({ request }) => request?.target).filter((target) => target !== '/favicon.ico'))
    .filter(({ length }) => length > 0);
  const byFirst = (a: readonly unknown[], b: readonly unknown[]): number => String(a[0]).localeCompare(String(b[0]));
  expect(read.toSorted(byFirst)).toEqual([...seen.values()].toSorted(byFirst));
  expect(seen.size).toBeGreaterThan(1);
});

test('the file of a browser that was killed is read up to where it breaks off', async () => {
  const place = `127.0.0.1:${portOf(own)}`;
  const whole = await recorded(`http://${place}/`, 'IncludeSensitive', { httpCredentials: right });
  const type3 = [...whole.matchAll(/"Authorization: NTLM /g)][1]!.index;
  const cut = readConversation(whole.slice(0, whole.indexOf('\n', type3)));
  expect(legsTo(place, cut)[0]).toEqual([undefined, 'GET - 401', 'GET NEGOTIATE 401', 'GET AUTHENTICATE undefined']);
  expect(cut.blind).toContain('incomplete');
  expect(explain(cut).sentence).toMatch(/^Type 3 of "TESTDOM\\alice" was sent, and its answer is not in here/);
});
