/** Where a handshake may go, and where a request goes. */
import http from 'node:http';
import https from 'node:https';
import { mkdtempSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { NtlmError } from '../../../src/errors.ts';
import { NtlmAgent, explainRefusal, type CredentialsQuestion, type HttpOptions } from '../../../src/http/index.ts';
import { NtlmDispatcher } from '../../../src/http/fetch.ts';
import { originRule } from '../../../src/http/routes/origins.ts';
import { hostOf, httpUrl, originUrl, portOf } from '../../../src/http/routes/urls.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';

let tls: Awaited<ReturnType<typeof makeCertificate>>;
beforeAll(async () => {
  tls = await makeCertificate();
});

const get = (options: http.RequestOptions): Promise<number | string> =>
  new Promise((resolve) => {
    const outgoing = http.get(options, (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)));
    outgoing.on('error', (error: NtlmError) => resolve(`${error.name} ${error.code}`));
  });

describe('hosts', () => {
  const SPOILERS = ['#', '?', '/', '\\', '@', '%2e', '\t', ' ', '<', '|', '。', '%', ':', ']', '\n', ''];

  test('what a URL makes another host of is connected to by nobody', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SPOILERS), fc.constantFrom('intranet.corp', 'a'), fc.constantFrom('', '.evil.example'), (spoiler, before, after) => {
        const host = `${before}${spoiler}${after}`;
        let url: URL | undefined;
        try {
          url = originUrl('http:', host, 8080);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(/^"host" /) as string });
        }
        if (url !== undefined) expect(url.origin).toBe(`http://${host}:8080`);
      }),
    );
  });

  test.each([
    ['intranet.corp', 'http://intranet.corp:81'],
    ['INTRANET.corp', 'http://intranet.corp:81'],
    ['intranet.corp.', 'http://intranet.corp.:81'],
    ['my_host', 'http://my_host:81'],
    ['127.0.0.1', 'http://127.0.0.1:81'],
    ['::1', 'http://[::1]:81'],
    ['[::1]', 'http://[::1]:81'],
    ['0:0:0:0:0:0:0:1', 'http://[::1]:81'],
    ['xn--bcher-kva.example', 'http://xn--bcher-kva.example:81'],
  ])('%s stays what it is', (host, origin) => {
    expect(originUrl('http:', host, 81).origin).toBe(origin);
  });

  test.each(['127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433', 'bücher.example', 'fe80::1%eth0', 'a b', '', '::1]#['])('%j does not', (host) => {
    expect(() => originUrl('http:', host, 81)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', phase: 'transport', message: `"host" is none that a URL can hold as it is: ${JSON.stringify(host)}` }),
    );
  });

  test.each([
    ['http:', 'a', '', 'a', 80],
    ['https:', 'a', '', 'a', 443],
    ['https:', '::1', 8443, '::1', 8443],
    ['http:', '[::1]', '', '::1', 80],
  ])('%s//%s:%s is connected to by host and port', (protocol, given, givenPort, host, port) => {
    const url = originUrl(protocol, given, givenPort);
    expect([hostOf(url), portOf(url)]).toEqual([host, port]);
  });

  test.each(['fe80::1%eth0', 'a b', 'a#b'])('%j ends its own request alone, at once or after a wait', async (host) => {
    await using origin = await Origin.listen({ handler: (_request, response) => void setTimeout(() => response.end('in'), 20) });
    const agent = new NtlmAgent({ credentials: ALICE, allow: origin.url, maxTotalSockets: 1 });
    const good = { host: '127.0.0.1', port: origin.port, agent };
    expect(await get({ host, agent })).toBe('NtlmError invalid-argument');
    const answers = await Promise.all([get(good), get({ host, agent }), get(good), get({ host, agent }), get(good)]);
    expect(answers).toEqual([200, 'NtlmError invalid-argument', 200, 'NtlmError invalid-argument', 200]);
    agent.destroy();
  });

  test('an https port of 80 that was asked for is kept; without one it is 443', async () => {
    const seen: unknown[] = [];
    class Watched extends NtlmAgent {
      override createConnection(options: http.ClientRequestArgs) {
        return super.createConnection({ ...options, lookup: ((_host, _options, found) => {
          found(Object.assign(new Error('not there'), { code: 'ENOTFOUND' }), '', 4);
        }) as LookupFunction });
      }
    }
    const asked = (question: CredentialsQuestion) => (seen.push(question.origin), ALICE);
    const allow = (origin: string) => (seen.push(origin), true);
    const agent = new Watched({ credentials: asked, allow });
    for (const url of ['https://h.example/', 'https://h.example:80/', 'https://h.example:443/', 'http://h.example:443/', 'http://h.example/']) {
      await new Promise((resolve) => (url.startsWith('https') ? https : http).get(url, { agent }).on('error', resolve));
    }
    expect(seen).toEqual(['https://h.example', 'https://h.example:80', 'https://h.example', 'http://h.example:443', 'http://h.example']);
    agent.destroy();
  });
});

test.each([undefined, 7, '', 'intranet.corp', '/a', 'xhttp://a/', 'httpx://a/', 'wss://a/', { toString: () => 'http://a/' }])('%j is no URL of http or https', (url) => {
  const message = '"allow" must be an absolute URL of http or https, such as "https://intranet.corp/"';
  expect(() => httpUrl(url, 'allow')).toThrow(expect.objectContaining({ code: 'invalid-argument', message }));
});

describe('rules', () => {
  const rule = (allow: HttpOptions['allow'], eachIsAsked = false) => originRule(allow, { eachIsAsked });

  test('without one it is the first, and its host under https; a function of credentials is asked of each', () => {
    const first = rule(undefined);
    const asked = ['http://a:8080', 'http://b', 'https://a', 'https://a:8443', 'http://a', 'http://a:8080', 'https://b'];
    expect(asked.map(first)).toEqual([true, false, true, true, false, true, false]);
    expect(['https://a', 'http://a', 'https://a:8443'].map(rule(undefined))).toEqual([true, false, false]);
    expect(asked.every(rule(undefined, true))).toBe(true);
  });

  test('a list is all there is, whoever is asked', () => {
    for (const eachIsAsked of [false, true]) {
      const listed = rule(['http://a', 'https://b:8443', 'unix:/run/app.sock'], eachIsAsked);
      const names = ['http://first', 'http://a', 'https://a', 'https://b:8443', 'https://b', 'http://b', 'unix:/run/app.sock', 'unix:/run/other.sock'];
      expect(names.map(listed)).toEqual([false, true, true, true, false, false, true, false]);
    }
  });

  test.each(['http://*.corp', ['http://a', 'https://*'], new URL('https://web*.corp:8443')])('a wildcard is refused, for it would never match: %s', (allow) => {
    expect(() => rule(allow)).toThrow(expect.objectContaining({ code: 'invalid-argument', message: expect.stringMatching(/^"allow" knows no wildcards, which would never match; a function/) as string }));
  });

  test.each([['a promise', async () => true], ['a word', () => 'yes'], ['nothing', () => undefined]])('a function that returns %s is refused', (_what, allow) => {
    const refused = { code: 'invalid-argument', phase: 'transport', message: '"allow" must return true or false, and at once' };
    expect(() => rule(allow as never)('http://a')).toThrow(expect.objectContaining(refused));
  });

  test('a function that throws is named, with the origin', () => {
    const boom = new Error('boom');
    const allow = () => {
      throw boom;
    };
    const failed = { code: 'service-failed', phase: 'transport', side: 'local', message: '"allow" failed for http://a', cause: boom };
    expect(() => rule(allow)('http://a')).toThrow(expect.objectContaining(failed));
  });

  test.each(['xunix:/run/app.sock', 'unix:', new URL('unix:/run/app.sock'), 'intranet.corp', ['http://a', 7]])('%s is no origin', (allow) => {
    expect(() => rule(allow as never)).toThrow(expect.objectContaining({ code: 'invalid-argument', message: expect.stringMatching(/^"allow" must be an absolute URL/) as string }));
  });
});

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('an `allow` that throws ends that request and no other', async () => {
    await using origin = await Origin.listen();
    let calls = 0;
    const allow = () => {
      if ((calls += 1) === 2) throw new Error('boom');
      return true;
    };
    await using client = carrier.open({ credentials: ALICE, allow, connections: 1 });
    const answers = [];
    for (let call = 1; call <= 3; call += 1) {
      for (const socket of origin.sockets) socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
      answers.push(await client.request(origin.url).then(({ status }) => status, (error: NtlmError) => error.code));
    }
    expect(answers).toEqual([200, 'service-failed', 200]);
  });

  test('the same host from http to https is the same place', async () => {
    await using plain = await Origin.listen();
    await using secure = await Origin.listen({ tls });
    await using client = carrier.open({ credentials: ALICE, ca: tls.ca });
    expect((await client.request(plain.url)).text).toBe('alice');
    expect((await client.request(secure.url)).text).toBe('alice');
    await using other = carrier.open({ credentials: ALICE, ca: tls.ca });
    expect((await other.request(secure.url)).text).toBe('alice');
    expect(explainRefusal(await other.request(plain.url))?.code).toBe('origin-refused');
  });

  test('a function of credentials is asked for each origin, by name', async () => {
    await using one = await Origin.listen();
    await using two = await Origin.listen();
    const asked: string[] = [];
    const credentials = ({ origin }: CredentialsQuestion) => (asked.push(origin), origin === one.url ? ALICE : undefined);
    await using client = carrier.open({ credentials });
    expect((await client.request(one.url)).text).toBe('alice');
    expect(explainRefusal(await client.request(two.url))?.code).toBe('credentials-missing');
    expect(asked).toEqual([one.url, two.url]);
  });
});

describe('Unix sockets', () => {
  const listen = async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'ntlm-')), 'app.sock');
    const origin = new Origin();
    await new Promise<void>((resolve) => origin.server.listen(path, resolve));
    return { origin, path };
  };

  test('are origins of their own', async () => {
    const [one, two] = [await listen(), await listen()];
    await using tcp = await Origin.listen();
    const agent = new NtlmAgent({ credentials: ALICE });
    expect(await get({ socketPath: one.path, agent })).toBe(200);
    expect(await get({ socketPath: two.path, agent })).toBe(401);
    expect(await get({ host: '127.0.0.1', port: tcp.port, agent })).toBe(401);
    agent.destroy();
    const listed = new NtlmAgent({ credentials: ALICE, allow: `unix:${two.path}`, proxy: 'http://127.0.0.1:9' });
    expect(await get({ socketPath: two.path, agent: listed })).toBe(200);
    expect(await get({ socketPath: one.path, agent: listed })).toBe(401);
    listed.destroy();
    const asked: string[] = [];
    const credentials = ({ origin }: CredentialsQuestion) => (asked.push(origin), ALICE);
    const dispatcher = new NtlmDispatcher({ credentials, connect: { socketPath: one.path } });
    const { statusCode, body } = await dispatcher.request({ origin: 'http://localhost', path: '/', method: 'GET' });
    await body.dump();
    expect([statusCode, asked]).toEqual([200, [`unix:${one.path}`]]);
    await dispatcher.close();
    for (const { origin } of [one, two]) await origin[Symbol.asyncDispose]();
  });
});
