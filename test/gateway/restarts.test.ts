/** An upstream that goes away and comes back while clients ask. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import { expect, test } from 'vitest';
import { ALICE, Origin, WRONG } from '../http/support/origin.ts';
import { RunningGateway, type Answer } from './support/client.ts';
import { Upstream } from './support/upstream.ts';

const CLIENTS = 12;
const RESTARTS = 4;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Asks until it is told to stop. @returns what each request came to: `own`, the status of a refusal, or what was wrong. */
async function client(gateway: RunningGateway, url: string, name: number, isOver: () => boolean): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const fates: string[] = [];
  for (let count = 0; !isOver(); count += 1) {
    const body = `${name}-${count}-${'x'.repeat(count % 3 === 0 ? 20_000 : 10)}`;
    const answer = await gateway.ask(`${url}/`, { agent, method: count % 2 === 0 ? 'POST' : 'PUT', body }).catch((error: NodeJS.ErrnoException) => error);
    fates.push(fateOf(answer, body));
  }
  agent.destroy();
  return fates;
}

function fateOf(answer: Answer | NodeJS.ErrnoException, body: string): string {
  if (answer instanceof Error) return answer.code === 'ECONNRESET' && answer.message === 'aborted' ? 'broken off' : `no answer: ${answer.message}`;
  if (answer.status === 200) return answer.text === body ? 'own' : 'the answer of another request';
  return /^ntlmachine; error=/.test(String(answer.headers['proxy-status'])) ? String(answer.status) : `an untyped ${answer.status}`;
}

test('every request has its own answer or a typed refusal, and afterwards all is well', async () => {
  await using origin = await Origin.listen({
    protects: () => false,
    handler: async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      response.end(Buffer.concat(parts));
    },
  });
  let upstream = await Upstream.listen();
  const { port, url } = upstream;
  await using gateway = await RunningGateway.start({ upstream: url, credentials: ALICE, maxUpstreamConnections: 6 });
  const verdicts: boolean[] = [];
  let over = false;
  const clients = Array.from({ length: CLIENTS }, (_, name) => client(gateway, origin.url, name, () => over));
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    const enough = gateway.entries.length + 60;
    while (gateway.entries.length < enough) await pause(5);
    verdicts.push(...upstream.verdicts);
    await upstream[Symbol.asyncDispose]();
    while (!gateway.entries.slice(enough).some(({ status }) => status === 502)) await pause(5);
    upstream = await Upstream.listen(port);
  }
  over = true;
  const fates = (await Promise.all(clients)).flat();
  expect(fates.filter((fate) => !['own', '502', '504', 'broken off'].includes(fate))).toEqual([]);
  expect(fates.filter((fate) => fate === 'own').length).toBeGreaterThan(60);
  const after = await Promise.all(Array.from({ length: 30 }, (_, i) => gateway.ask(`${origin.url}/`, { method: 'POST', body: `after ${i}` })));
  expect(after.map(({ text }) => text)).toEqual(after.map((_, i) => `after ${i}`));
  expect([...verdicts, ...upstream.verdicts].filter((verdict) => !verdict)).toEqual([]);
  await upstream[Symbol.asyncDispose]();
});

test('tunnels end with the upstream, and are opened again when it is back', async () => {
  await using origin = await Origin.listen({ protects: () => false });
  const authority = new URL(origin.url).host;
  let upstream = await Upstream.listen();
  const { port, url } = upstream;
  await using gateway = await RunningGateway.start({ upstream: url, credentials: ALICE });
  for (let restart = 0; restart < 3; restart += 1) {
    const { status, socket } = await gateway.tunnel(authority);
    expect(status).toBe(200);
    const gone = once(socket.on('error', () => {}).resume(), 'close');
    await upstream[Symbol.asyncDispose]();
    await gone;
    expect((await gateway.tunnel(authority)).status).toBe(502);
    upstream = await Upstream.listen(port);
  }
  expect((await gateway.tunnel(authority)).status).toBe(200);
  await upstream[Symbol.asyncDispose]();
});

test('a wrong password is proved at most twice, however often the upstream is cut off', async () => {
  await using upstream = await Upstream.listen();
  await using gateway = await RunningGateway.start({ upstream: upstream.url, credentials: WRONG });
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => gateway.ask('http://intranet.example/')));
    expect(answers.every(({ status, headers }) => status === 502 && /^ntlmachine; error=/.test(String(headers['proxy-status'])))).toBe(true);
    upstream.cut();
  }
  expect(upstream.verdicts.length).toBeLessThanOrEqual(2);
});
