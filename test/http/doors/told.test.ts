/** What is told where nothing was tried, and of options that are almost ours. */
import { describe, expect, test } from 'vitest';
import { NtlmAgent, explainRefusal } from '../../../src/http/index.ts';
import { createNtlmFetch } from '../../../src/http/fetch.ts';
import { everyCarrier } from '../support/carriers.ts';
import { ALICE, BOB, Origin, WRONG } from '../support/origin.ts';

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('a request with an Authorization of its own is left to it, and told why', async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: ALICE });
    const answer = await client.request(origin.url, { headers: { Authorization: 'Basic YTpi' } });
    expect(explainRefusal(answer)).toEqual({
      code: 'authorization-given',
      message: 'the request brought its own authorization, so NTLM was not tried; leave it out, and what clients make it of: "auth", or a user in the URL',
    });
    expect(origin.seen.map(({ message }) => message)).toEqual(['other']);
  });

  test.each([
    ['credential', 'credentials'],
    ['Credentials', 'credentials'],
    ['alow', 'allow'],
    ['proxi', 'proxy'],
    ['max_attempts', 'maxAttempts'],
    ['channelBinding', 'channelBindings'],
    ['workStation', 'workstation'],
    ['legTimeOut', 'legTimeout'],
    ['refusal', 'refusals'],
  ])('%s is refused, and %s named', (wrong, meant) => {
    expect(() => carrier.open({ credentials: ALICE, [wrong]: 'x' })).toThrow(`"${wrong}" is no option; "${meant}" may be meant`);
  });

  test('options of a refusal too', () => {
    expect(() => carrier.open({ credentials: ALICE, refusals: { patiense: 1 } as object })).toThrow('"refusals.patience" may be meant');
  });
});

test('what node and undici know passes', async () => {
  const nodes = { keepAlive: true, keepAliveMsecs: 1, maxSockets: 1, maxTotalSockets: 1, maxFreeSockets: 1, scheduling: 'lifo', timeout: 1, maxCachedSessions: 1, servername: 'x', family: 4, localAddress: '127.0.0.1', proxyEnv: {}, noDelay: true } as const;
  new NtlmAgent({ credentials: ALICE, ...nodes }).destroy();
  const undicis = { connections: 1, keepAliveTimeout: 1000, keepAliveMaxTimeout: 1000, headersTimeout: 1, bodyTimeout: 1, maxResponseSize: 1, maxHeaderSize: 1000, clientTtl: 1, strictContentLength: true, maxRequestsPerClient: 1, connectTimeout: 1 };
  await createNtlmFetch({ credentials: ALICE, ...undicis } as Parameters<typeof createNtlmFetch>[0]).close();
});

test('createNtlmFetch tells why a proxy refused, though fetch drops every 407', async () => {
  await using proxy = await Origin.listen({ proxy: true });
  const fetch = createNtlmFetch({ credentials: BOB, proxy: { url: proxy.url, credentials: WRONG } });
  await expect(fetch('http://server.invalid/')).rejects.toMatchObject({ name: 'NtlmError', code: 'credentials-refused' });
  await expect(fetch('http://server.invalid/', { method: 'POST', body: 'x' })).rejects.toMatchObject({ code: 'credentials-refused' });
  await expect(fetch('http://server.invalid/')).rejects.toMatchObject({ code: 'not-tried-again' });
  await fetch.close();
});

test('of nothing nothing is said', () => {
  expect([explainRefusal(undefined), explainRefusal(null)]).toEqual([undefined, undefined]);
});
