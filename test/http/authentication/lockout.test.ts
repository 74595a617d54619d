/** Accounts do not lock: how many wrong proofs reach a server or proxy, over real sockets. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { explainRefusal, type HttpOptions } from '../../../src/http/index.ts';
import { Credentials } from '../../../src/index.ts';
import { everyCarrier, type Client } from '../support/carriers.ts';
import { HostilePeer, reply, until } from '../support/hostile.ts';
import { TYPE2 } from '../support/meet.ts';
import { Negotiator } from '../support/negotiator.ts';
import { ALICE, Origin, type OriginOptions } from '../support/origin.ts';

const wrong = (password = 'looking glass'): Credentials => Credentials.fromPassword({ username: 'alice', domain: 'CORP', password });
const proofs = ({ seen }: Origin): number => seen.filter(({ message }) => message === 3).length;
const outcome = (client: Client, url: string, init = {}): Promise<string> =>
  client.request(url, init).then(
    (answer) => [answer.status, explainRefusal(answer)?.code].filter((part) => part !== undefined).join(' '),
    (error: { code?: string; name: string }) => error.code ?? error.name,
  );
const tally = (ends: readonly string[]): Record<string, number> =>
  Object.fromEntries([...new Set(ends)].sort().map((end) => [end, ends.filter((other) => other === end).length]));

describe.each(everyCarrier)('%s', (_name, carrier) => {
  const sources: Record<string, () => HttpOptions['credentials']> = {
    'a handle': () => wrong(),
    'a function that makes a new handle each time': () => () => wrong(),
    'a slow function': () => async () => sleep(20).then(() => wrong()),
  };

  describe.each(Object.entries(sources))('%s with a wrong password', (_what, source) => {
    test.each([
      [1, undefined],
      [2, undefined],
      [30, 4],
      [60, undefined],
    ])('%s requests at once on %s sockets: each is answered, and two proofs went out', async (count, connections) => {
      await using origin = await Origin.listen();
      await using client = carrier.open({ credentials: source(), ...(connections === undefined ? {} : { connections }) });
      const requests = Array.from({ length: count }, (_, n) =>
        outcome(client, `${origin.url}/${n % 5}`, n % 3 === 0 ? { method: 'POST', body: 'x' } : {}),
      );
      const ends = tally(await Promise.all(requests));
      expect(proofs(origin)).toBe(Math.min(count, 2));
      expect(origin.handled).toEqual([]);
      expect(ends).toEqual(
        count <= 2 ? { '401 credentials-refused': count } : { '401 credentials-refused': 2, '401 not-tried-again': count - 2 },
      );
      for (let turn = 0; turn < 3; turn += 1) await outcome(client, origin.url);
      expect(proofs(origin)).toBe(2);
    });
  });

  test('1,000 requests at once on 4 sockets, the password right: all pass', { timeout: 60_000 }, async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: ALICE, connections: 4 });
    const ends = await Promise.all(Array.from({ length: 1000 }, (_, n) => outcome(client, `${origin.url}/${n}`)));
    expect(tally(ends)).toEqual({ 200: 1000 });
  });

  test('a right password is not blocked by places that refuse it, though each connection is new', async () => {
    await using origin = await Origin.listen({
      handler: (request, response) => {
        if (request.url !== '/denied') return void response.end('alice');
        response.writeHead(401, { 'WWW-Authenticate': 'NTLM', Connection: 'close' }).end();
      },
    });
    await using client = carrier.open({ credentials: ALICE });
    expect(await outcome(client, origin.url)).toBe('200');
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await outcome(client, `${origin.url}/denied`)).toBe('401 credentials-refused');
      for (const socket of origin.sockets) socket.destroy();
      await sleep(5);
      expect(await outcome(client, origin.url)).toBe('200');
    }
  });

  test('the server takes another password from now on: two proofs of the old one, however many requests', async () => {
    let password = 'wonderland';
    await using origin = await Origin.listen({
      singleRequest: true,
      acceptor: { credentials: () => Credentials.fromPassword({ username: 'alice', domain: 'CORP', password }) },
    });
    await using client = carrier.open({ credentials: () => wrong('wonderland'), connections: 1 });
    expect([await outcome(client, origin.url), await outcome(client, origin.url)]).toEqual(['200', '200']);
    password = 'through the looking glass';
    origin.seen.length = 0;
    const ends: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) ends.push(await outcome(client, origin.url));
    expect(tally(ends)).toEqual({ '401 credentials-refused': 2, '401 not-tried-again': 4 });
    expect(proofs(origin)).toBe(2);
  });

  test('Negotiate counts as NTLM does, and a HEAD that stands in as the request does', async () => {
    await using negotiator = await Negotiator.listen({ offers: ['Negotiate', 'NTLM'] });
    const url = negotiator.url;
    await using client = carrier.open({ credentials: wrong(), prefer: 'Negotiate' });
    const ends: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) ends.push(await outcome(client, url, { method: 'POST', body: 'x' }));
    expect(ends).toEqual([...Array<string>(2).fill('401 credentials-refused'), ...Array<string>(2).fill('401 not-tried-again')]);
    expect(negotiator.seen.filter((kind) => kind === 'Negotiate resp')).toHaveLength(2);
  });

  test('a proxy has a memory of its own', async () => {
    const refusing: OriginOptions = { proxy: true };
    await using proxy = await Origin.listen(refusing);
    await using client = carrier.open({ credentials: ALICE, proxy: { url: proxy.url, credentials: () => wrong() } });
    await Promise.all(Array.from({ length: 12 }, () => outcome(client, 'http://server.invalid/')));
    expect(proofs(proxy)).toBe(2);
    for (let turn = 0; turn < 3; turn += 1) await outcome(client, 'https://server.invalid/');
    expect(proofs(proxy)).toBe(2);
  });

  test('an undecided proof holds others back for as long as is asked, then one further goes', async () => {
    const answers: (() => void)[] = [];
    await using peer = await HostilePeer.listen(({ socket, message }) => {
      if (message !== 3) return void socket.write(reply({ challenge: message === 1 ? TYPE2 : 'NTLM' }));
      answers.push(() => socket.write(reply({ challenge: 'NTLM' })));
    });
    await using client = carrier.open({ credentials: () => wrong(), refusals: { patience: 1500 } });
    const requests = Array.from({ length: 6 }, () => outcome(client, peer.url));
    await until(() => answers.length > 0);
    await sleep(100);
    const [early, since] = [answers.length, performance.now()];
    await until(() => answers.length > 1);
    const waited = performance.now() - since;
    await sleep(1000);
    const late = answers.length;
    for (const answer of answers) answer();
    expect(tally(await Promise.all(requests))).toEqual({ '401 credentials-refused': 2, '401 not-tried-again': 4 });
    expect([early, late, answers.length]).toEqual([1, 2, 2]);
    expect(waited).toBeGreaterThan(500);
  });

  test('who waits gives up when told to, and the rest go on', async () => {
    let accept = (): void => {};
    const decided = new Promise<void>((resolve) => (accept = resolve));
    await using peer = await HostilePeer.listen(({ socket, message }) => {
      if (message !== 3) return void socket.write(reply({ challenge: message === 1 ? TYPE2 : 'NTLM' }));
      void decided.then(() => socket.write(reply({ status: 200, body: 'in' })));
    });
    await using client = carrier.open({ credentials: wrong() });
    const controller = new AbortController();
    const first = outcome(client, peer.url);
    await until(() => peer.seen.includes(3));
    const impatient = client.request(peer.url, { signal: controller.signal }).catch((error: Error) => error.name);
    const patient = outcome(client, peer.url);
    await sleep(60);
    controller.abort();
    expect(await impatient).toBe('AbortError');
    accept();
    expect([await first, await patient]).toEqual(['200', '200']);
    expect(peer.seen.filter((message) => message === 3)).toHaveLength(2);
  });

  test('forgotten at once, or a limit, a memory and a message of its own', async () => {
    await using origin = await Origin.listen();
    await using client = carrier.open({ credentials: wrong(), refusals: { limit: 1, memory: 300 } });
    const answer = await client.request(origin.url).then(() => client.request(origin.url));
    expect(explainRefusal(answer)?.message).toBe(
      'these credentials were not sent, so that the account does not lock: they were refused here before; they may be again in a second, or after forgetRefusals()',
    );
    expect(proofs(origin)).toBe(1);
    await sleep(320);
    expect(await outcome(client, origin.url)).toBe('401 credentials-refused');
    expect(await outcome(client, origin.url)).toBe('401 not-tried-again');
    client.forgetRefusals();
    expect(await outcome(client, origin.url)).toBe('401 credentials-refused');
    expect(proofs(origin)).toBe(3);
  });

  test('a server that closes instead of refusing sees six proofs, however many requests', async () => {
    await using peer = await HostilePeer.listen(({ socket, message }) => {
      if (message === 3) return void socket.destroy();
      socket.write(reply({ challenge: message === 1 ? TYPE2 : 'NTLM' }));
    });
    await using client = carrier.open({ credentials: () => wrong() });
    const ends: string[] = [];
    for (let turn = 0; turn < 5; turn += 1) ends.push(await outcome(client, peer.url));
    expect(peer.seen.filter((message) => message === 3)).toHaveLength(6);
    expect(ends).toEqual(['connection-closed', 'connection-closed', ...Array<string>(3).fill('401 not-tried-again')]);
  });
});
