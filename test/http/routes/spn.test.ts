/** By which name a server is told that it is meant, where that depends on the server. */
import { describe, expect, test } from 'vitest';
import { spnOf } from '../../../src/http/routes/spn.ts';
import { decodeAuthenticate, decodeNtlmV2Response, describeTargetInfo } from '../../../src/messages/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { ALICE } from '../support/origin.ts';
import { Peer } from '../support/peer.ts';

describe.each(everyCarrier)('%s', (_name, carrier) => {
  const namesFor = async (spn: (origin: string) => string | false | undefined): Promise<(string | undefined)[]> => {
    const names: (string | undefined)[] = [];
    const listen = (): Promise<Peer> =>
      Peer.listen(({ socket, message, token, honest }) => {
        if (message === 3) names.push(describeTargetInfo(decodeNtlmV2Response(decodeAuthenticate(token).ntChallengeResponse).avPairs).targetName);
        socket.write(honest, 'latin1');
      });
    await using first = await listen();
    await using second = await listen();
    await using client = carrier.open({ credentials: () => ALICE, spn: (origin) => spn(origin === new URL(first.url).origin ? 'first' : origin === new URL(second.url).origin ? 'second' : origin) });
    for (const { url } of [first, second, first]) expect((await client.request(url)).text).toBe('alice');
    return names;
  };

  test('a rule by origin names each; undefined is the default, false is none', async () => {
    expect(await namesFor((origin) => `HTTP/${origin}.corp`)).toEqual(['HTTP/first.corp', 'HTTP/second.corp']);
    expect(await namesFor((origin) => (origin === 'first' ? undefined : false))).toEqual(['HTTP/127.0.0.1', undefined]);
  });

  const throwing = (): string => {
    throw new Error('no');
  };
  const promising = (): string => Promise.resolve('HTTP/a') as unknown as string;

  test.each([
    ['throws', throwing, 'service-failed'],
    ['promises', promising, 'invalid-argument'],
    ['says nothing that is a name', (): string => '', 'invalid-argument'],
    ['says a number', (): string => 7 as unknown as string, 'invalid-argument'],
    ['says true', (): string => true as unknown as string, 'invalid-argument'],
    ['says null', (): string => null as unknown as string, 'invalid-argument'],
  ])('a rule that %s ends its request', async (_what, spn, code) => {
    await using peer = await Peer.listen(({ socket, honest }) => void socket.write(honest, 'latin1'));
    await using client = carrier.open({ credentials: ALICE, spn });
    const error = await client.request(peer.url).then(() => undefined, (cause: { code?: string; cause?: { code?: string } }) => cause);
    expect([error?.code, error?.cause?.code]).toContain(code);
    expect(peer.exchanges).toEqual([]);
  });
});

test('what is wrong with a rule says so, and where', () => {
  const boom = new Error('boom');
  const throwing = (): string => {
    throw boom;
  };
  const failed = { code: 'service-failed', phase: 'transport', side: 'local', message: '"spn" failed for http://a', cause: boom };
  expect(() => spnOf(throwing, 'http://a')).toThrow(expect.objectContaining(failed));
  const refused = { code: 'invalid-argument', phase: 'transport', message: '"spn" must return a text, false or undefined, and at once' };
  expect(() => spnOf(() => '', 'http://a')).toThrow(expect.objectContaining(refused));
});
