/** What is told where nothing was tried, or fetch would drop it. */
import { describe, expect, test } from 'vitest';
import { explainRefusal } from '../../../src/http/index.ts';
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

  test('credentials that were refused are not sent again, until they are said to be good', async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: WRONG, connections: 1, refusals: { limit: 1 } });
    const why = async (): Promise<unknown> => explainRefusal(await client.request(origin.url))?.code;
    expect([await why(), await why()]).toEqual(['credentials-refused', 'not-tried-again']);
    client.forgetRefusals();
    expect([await why(), await why()]).toEqual(['credentials-refused', 'not-tried-again']);
    expect(origin.seen.filter(({ message }) => message === 3)).toHaveLength(2);
  });
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
