/** What createNtlmFetch throws, and which fetch it calls. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Request as UndiciRequest } from 'undici';
import { drives } from '../../../src/http/doors/dialects.ts';
import { hearing407 } from '../../../src/http/doors/proxy-refusals.ts';
import { createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmError } from '../../../src/index.ts';
import { HostilePeer, until } from '../support/hostile.ts';
import { ALICE, Origin } from '../support/origin.ts';

describe('a connection lost before the answer, with no leg under way,', () => {
  test.each(['end', 'reset'] as const)('by %s, is the one error that fetch has for lost connections', async (how) => {
    await using peer = await HostilePeer.listen(({ socket }) => void (how === 'end' ? socket.end() : socket.resetAndDestroy()));
    const ntlmFetch = createNtlmFetch({ credentials: ALICE });
    const error: unknown = await ntlmFetch(peer.url).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(NtlmError);
    expect(error).toMatchObject({ code: 'connection-closed', phase: 'transport', side: 'peer', cause: expect.any(TypeError) });
    await ntlmFetch.close();
  });

  test("another failure is fetch's own", async () => {
    const peer = await HostilePeer.listen(() => {});
    const { url } = peer;
    await peer[Symbol.asyncDispose]();
    const ntlmFetch = createNtlmFetch({ credentials: ALICE });
    await expect(ntlmFetch(url)).rejects.toMatchObject({ name: 'TypeError', cause: { code: 'ECONNREFUSED' } });
    await ntlmFetch.close();
  });
});

test('a lost connection is known by what Node and undici call it, and by nothing else', async () => {
  for (const [code, lost] of [['UND_ERR_SOCKET', true], ['ECONNRESET', true], ['EPIPE', true], ['ENOTFOUND', false], ['', false], [undefined, false]] as const) {
    const error = new TypeError('fetch failed', { cause: Object.assign(new Error('below'), { code }) });
    const ntlmFetch = createNtlmFetch({ credentials: ALICE, fetch: async () => Promise.reject(error) });
    const thrown: unknown = await ntlmFetch('http://server.invalid/').catch((thrown: unknown) => thrown);
    if (lost) expect(thrown).toMatchObject({ code: 'connection-closed', phase: 'transport', side: 'peer', message: 'the connection was closed before the answer', cause: error });
    else expect(thrown).toBe(error);
    await ntlmFetch.close();
  }
});

test('an NtlmError below is the error', async () => {
  const below = new NtlmError('no', { code: 'too-long', phase: 'transport', side: 'peer' });
  const ntlmFetch = createNtlmFetch({ credentials: ALICE, fetch: async () => Promise.reject(new TypeError('fetch failed', { cause: below })) });
  await expect(ntlmFetch('http://server.invalid/')).rejects.toBe(below);
  await ntlmFetch.close();
});

test('closes its connections once they are idle', async () => {
  await using origin = await Origin.listen();
  const ntlmFetch = createNtlmFetch({ credentials: ALICE });
  expect(await (await ntlmFetch(origin.url)).text()).toBe('alice');
  expect(origin.sockets.size).toBe(1);
  await ntlmFetch.close();
  await until(() => origin.sockets.size === 0);
  expect(origin.sockets.size).toBe(0);
});

test('what its caller throws, and no error at all, is thrown as it is', async () => {
  await using origin = await Origin.listen();
  for (const thrown of [undefined, null, 'no', new RangeError('own', { cause: new NtlmError('below', { code: 'too-long', phase: 'transport', side: 'peer' }) }), { name: 'SyntaxError' }]) {
    const ntlmFetch = createNtlmFetch({ credentials: ALICE, fetch: async () => Promise.reject(thrown) });
    expect(await ntlmFetch(origin.url).then(() => 'answered', (error: unknown) => error)).toBe(thrown);
    await ntlmFetch.close();
  }
  const causeless = createNtlmFetch({ credentials: ALICE, fetch: async () => Promise.reject(new TypeError('no cause')) });
  await expect(causeless(origin.url)).rejects.toThrow(new TypeError('no cause'));
  await causeless.close();
});

describe('a 407, which fetch drops,', () => {
  /** What is told of it, and what goes on to the handler, in both dialects of undici. */
  function hear(status: number, headers: Record<string, string | string[]>): unknown[] {
    const [told, passed]: unknown[][] = [[], []];
    const handler = { onResponseStart: (...args: unknown[]) => passed!.push(args), onHeaders: (...args: unknown[]) => passed!.push(args), onConnect: () => passed!.push('connect'), extra: 7 };
    const heard = hearing407(handler as never, (error) => told!.push(error)) as unknown as typeof handler;
    heard.onConnect();
    heard.onResponseStart({}, status, headers, 'text');
    const pairs = Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((value) => [Buffer.from(name.toUpperCase()), Buffer.from(value)]));
    heard.onHeaders(status, pairs, () => {}, 'text');
    expect(passed).toEqual(['connect', [{}, status, headers, 'text'], [status, pairs, expect.any(Function), 'text']]);
    expect(heard.extra).toBe(7);
    return told!;
  }

  test('is told with its reason', () => {
    const status = ['gate; error=proxy_internal_error', 'ntlmachine; error=http_request_denied; details="credentials-refused: no"'];
    const reason = { code: 'credentials-refused', message: 'no', phase: 'transport', side: 'peer' };
    expect(hear(407, { 'proxy-status': status, 'proxy-authenticate': 'NTLM' })).toMatchObject([reason, reason]);
  });

  test('that offers no NTLM is told to offer none, and which schemes instead', () => {
    for (const error of hear(407, { 'proxy-authenticate': ['Basic realm="x"', 'Digest realm="y"'] })) {
      expect(error).toMatchObject({ code: 'ntlm-not-offered', phase: 'transport', side: 'peer', message: expect.stringMatching(/Basic.*Digest/) });
    }
    expect(hear(407, {})).toMatchObject([{ code: 'ntlm-not-offered' }, { code: 'ntlm-not-offered' }]);
  });

  test('that says nothing more is said to say nothing more', () => {
    const nothing = { code: 'proxy-refused', phase: 'transport', side: 'peer', message: 'the proxy asks for authentication, and says nothing more' };
    expect(hear(407, { 'proxy-authenticate': 'NTLM' })).toMatchObject([nothing, nothing]);
  });

  test('alone is: no other status', () => {
    for (const status of [200, 401, 408]) expect(hear(status, { 'proxy-authenticate': 'Basic' })).toEqual([]);
  });
});

test('a fetch that ignores dispatchers, and is answered, is no mistake', async () => {
  const answers = createNtlmFetch({ credentials: ALICE, fetch: async () => new Response('open', { status: 403 }) });
  expect((await answers('http://server.invalid/')).status).toBe(403);
  await answers.close();
  const asked = createNtlmFetch({ credentials: ALICE, fetch: async () => new Response('', { status: 401 }) });
  await expect(asked('http://server.invalid/')).rejects.toThrow(
    expect.objectContaining({
      ...{ code: 'unsupported', phase: 'configure', side: 'local' },
      message: 'the function given as fetch ignores dispatchers: its request went out without authentication; give the fetch of the package undici, or none',
    }),
  );
  await asked.close();
  expect(() => createNtlmFetch({ credentials: ALICE, fetch: 'fetch' as never })).toThrow(expect.objectContaining({ message: '"fetch" must be a function' }));
});

describe('whether a fetch takes dispatchers', () => {
  afterEach(() => void vi.unstubAllGlobals());

  test('is tried once for each', async () => {
    let calls = 0;
    const native = globalThis.fetch;
    const candidate: typeof fetch = (...call) => ((calls += 1), native(...call));
    expect([await drives(candidate), await drives(candidate), calls]).toEqual([true, true, 1]);
    expect([await drives(undefined), await drives('fetch' as never)]).toEqual([false, false]);
  });

  test('is not so of one that answers without asking the dispatcher', async () => {
    expect(await drives(async () => new Response())).toBe(false);
  });

  test('is not tried where Request reads none, as in Deno and Bun', async () => {
    vi.stubGlobal('Request', class {});
    let called = false;
    expect(await drives(async () => ((called = true), new Response()))).toBe(false);
    expect(called).toBe(false);
    vi.stubGlobal('Request', UndiciRequest);
    expect(await drives(async () => ((called = true), new Response()))).toBe(false);
    expect(called).toBe(true);
  });
});
