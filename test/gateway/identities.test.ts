/** One gateway, its own identity and those of clients who speak for themselves: none is ever taken for another. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Credentials, NtlmClient } from '../../src/index.ts';
import { ALICE, BOB, Origin } from '../http/support/origin.ts';
import { RunningGateway, oneConnection, type Answer } from './support/client.ts';
import { Upstream } from './support/upstream.ts';

const field = (token: Uint8Array): { Authorization: string } => ({ Authorization: `NTLM ${Buffer.from(token).toString('base64')}` });

type Ask = (headers: Record<string, string>, agent: ReturnType<typeof oneConnection>) => Promise<Answer>;

/** A client on one connection, with an identity of its own or none. */
class Client {
  readonly agent = oneConnection();
  readonly #ask: Ask;
  readonly #ntlm: NtlmClient | undefined;
  #authenticated = false;

  constructor(ask: Ask, credentials: Credentials | undefined) {
    this.#ask = ask;
    this.#ntlm = credentials && new NtlmClient({ credentials });
  }

  /** Its next request. @returns whom the server saw; `undefined` where it was asked for more. */
  async step(): Promise<string | undefined> {
    const ntlm = this.#ntlm;
    if (ntlm === undefined || this.#authenticated) return this.#seen(await this.#ask({}, this.agent));
    const first = await this.#ask(field(ntlm.negotiate()), this.agent);
    const challenge = /NTLM ([\w+/=]+)/.exec(String(first.headers['www-authenticate']))?.[1] ?? '';
    const second = await this.#ask(field(ntlm.respond(new Uint8Array(Buffer.from(challenge, 'base64')))), this.agent);
    this.#authenticated = second.status === 200;
    return this.#seen(second);
  }

  #seen({ status, text }: Answer): string | undefined {
    return status === 200 ? text : undefined;
  }
}

test.each(['reverse', 'forward'] as const)('%s: in any interleaving', async (mode) => {
  await using origin = await Origin.listen();
  await using upstream = await Upstream.listen();
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.nat(3), { minLength: 4, maxLength: 16 }), async (scheduler, order) => {
      await using gateway = await RunningGateway.start(
        mode === 'reverse' ? { to: origin.url, credentials: ALICE } : { upstream: upstream.url, credentials: ALICE },
      );
      const ask: Ask = (headers, agent) =>
        mode === 'reverse'
          ? gateway.ask('/', { agent, headers: { Host: `127.0.0.1:${gateway.port}`, ...headers } })
          : gateway.ask(`${origin.url}/`, { agent, headers });
      // In forward mode nobody answers the server's 401 for those who are silent.
      const silent = mode === 'reverse' ? 'alice' : undefined;
      const clients = [BOB, undefined, BOB, undefined].map((credentials) => ({
        client: new Client(ask, credentials),
        expected: credentials?.username ?? silent,
        turn: Promise.resolve(),
      }));
      const wrong: string[] = [];
      for (const index of order) {
        const each = clients[index]!;
        each.turn = each.turn.then(async () => {
          await scheduler.schedule(Promise.resolve());
          const seen = await each.client.step();
          if (seen !== each.expected) wrong.push(`client ${index} was taken for ${seen}`);
        });
      }
      const all = Promise.all(clients.map(({ turn }) => turn));
      await scheduler.waitFor(all);
      for (const { client } of clients) client.agent.destroy();
      expect(wrong).toEqual([]);
    }),
    { numRuns: 12 },
  );
  expect(new Set(upstream.passed.map(({ user }) => user))).toEqual(new Set(mode === 'forward' ? ['alice'] : []));
}, 60_000);

test('a connection that a client spoke of his own identity on never serves another', async () => {
  await using origin = await Origin.listen();
  await using upstream = await Upstream.listen();
  await using gateway = await RunningGateway.start({ upstream: upstream.url, credentials: ALICE });
  using bobs = oneConnection();
  const bob = new Client((headers, agent) => gateway.ask(`${origin.url}/`, { agent, headers }), BOB);
  expect(await bob.step()).toBe('bob');
  const used = new Set(upstream.passed.map(({ connection }) => connection));
  for (let i = 0; i < 10; i += 1) {
    expect((await gateway.ask(`${origin.url}/`, { agent: bobs })).status).toBe(401);
    expect((await gateway.ask(`${origin.url}/`)).status).toBe(401);
  }
  const others = upstream.passed.slice(-20).map(({ connection }) => connection);
  expect(others.filter((connection) => used.has(connection))).toEqual([]);
  bob.agent.destroy();
});
