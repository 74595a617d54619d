import { describe, expect, test } from 'vitest';
import { openPac, readChoices } from '../../src/gateway/pac.ts';
import { ALICE, Origin } from '../http/support/origin.ts';
import { RunningGateway } from './support/client.ts';
import { Upstream } from './support/upstream.ts';

const file = (body: string): string => `function FindProxyForURL(url, host) { ${body} }`;

test.each([
  ['DIRECT', ['direct']],
  ['', ['direct']],
  ['PROXY a.example:3128; HTTPS b.example:443 ;DIRECT', ['http://a.example:3128', 'https://b.example', 'direct']],
  ['proxy a.example:80', ['http://a.example']],
  ['SOCKS a.example:1080; PROXY b.example:1', ['http://b.example:1']],
  ['SOCKS a.example:1080', []],
  ['PROXY', []],
] as const)('%s', (answer, expected) => {
  expect(readChoices(answer).map((choice) => (choice.kind === 'direct' ? 'direct' : choice.url.origin))).toEqual(expected);
});

describe('a script', () => {
  test('is asked by URL and host, of https without the path', async () => {
    const pac = await openPac(file('return "PROXY " + (url + "_" + host).replace(/[^a-z]/g, "") + ".example:1";'));
    const choices = await pac.choose(new URL('https://a.example/secret?x'));
    expect(choices).toMatchObject([{ url: new URL('http://httpsaexampleaexample.example:1') }]);
  });

  test.each([
    ['loops', 'for (;;) {}'],
    ['throws', 'throw new Error("no")'],
    ['takes memory', 'var a = []; for (;;) a.push(new Array(100000).fill(1));'],
    ['recurses', 'return FindProxyForURL(url, host);'],
  ])('that %s ends, and the next question is answered', async (_name, body) => {
    const pac = await openPac(file(`if (host === "bad.example") { ${body} } return "DIRECT";`));
    await expect(pac.choose(new URL('http://bad.example/'))).rejects.toMatchObject({ code: 'service-failed' });
    expect(await pac.choose(new URL('http://good.example/'))).toEqual([{ kind: 'direct' }]);
  });

  test('sees nothing of this process', async () => {
    const names = ['process', 'require', 'globalThis.process', 'Buffer', 'fetch', 'WebAssembly'];
    const pac = await openPac(file(`return [${names.map((name) => `typeof ${name}`).join(',')}].every(function (t) { return t === "undefined" }) ? "PROXY clean.example:1" : "DIRECT";`));
    expect(await pac.choose(new URL('http://a.example/'))).toMatchObject([{ kind: 'proxy' }]);
    const escape = await openPac(file('try { var f = this.constructor.constructor; var g = f("return process"); return g().version } catch (e) { return "PROXY clean.example:1" }'));
    expect(await escape.choose(new URL('http://a.example/'))).toMatchObject([{ kind: 'proxy' }]);
  });

  test.each(['', 'var x = 1;', 'function (', '\0'])('%j is no PAC file', async (text) => {
    await expect(openPac(text).then((pac) => pac.choose(new URL('http://a.example/')))).rejects.toMatchObject({ name: 'NtlmError' });
  });
});

test('a proxy that only the file names is used, and given no credentials', async () => {
  await using listed = await Upstream.listen();
  await using unlisted = await Upstream.listen();
  await using origin = await Origin.listen({ protects: () => false });
  const pac = file(`return host === "127.0.0.1" ? "PROXY 127.0.0.1:${listed.port}" : "PROXY 127.0.0.1:${unlisted.port}";`);
  await using gateway = await RunningGateway.start({ upstream: listed.url, credentials: ALICE, pac });
  expect((await gateway.ask(`${origin.url}/`)).status).toBe(200);
  const answer = await gateway.ask('http://other.example/');
  expect([answer.status, answer.headers['proxy-authenticate']]).toEqual([502, undefined]);
  expect(answer.text).toContain('no credentials');
  expect(listed.verdicts).toEqual([true]);
  expect(unlisted.verdicts).toEqual([]);
  expect((await gateway.tunnel('other.example:443')).status).toBe(502);
});

test('a host that cannot be reached directly says nothing of the others', async () => {
  await using upstream = await Upstream.listen();
  await using origin = await Origin.listen({ protects: () => false });
  const pac = file(`return "DIRECT; PROXY 127.0.0.1:${upstream.port}";`);
  await using gateway = await RunningGateway.start({ upstream: upstream.url, credentials: ALICE, pac });
  await gateway.ask('http://127.0.0.1:1/').catch(() => undefined);
  const before = upstream.passed.length;
  expect(before).toBeGreaterThan(0);
  expect((await gateway.ask(`${origin.url}/`)).status).toBe(200);
  expect(upstream.passed).toHaveLength(before);
});
