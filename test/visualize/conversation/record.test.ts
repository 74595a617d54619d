import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Credentials } from '../../../src/index.ts';
import { NtlmDispatcher, createNtlmFetch } from '../../../src/http/fetch.ts';
import { HTTP_CHANNEL, NtlmAgent, createNtlmServer } from '../../../src/http/index.ts';
import { LiveConversation } from '../../../src/visualize/conversation/live.ts';
import { explain, readConversation, record, type Conversation } from '../../../src/visualize/node.ts';

const alice = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'Correct horse' });
const wrong = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'Wrong horse' });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function castle(): Promise<string> {
  const server = createNtlmServer({ credentials: alice, target: { nbDomainName: 'CASTLE', nbComputerName: 'KEEP' } }, (_, response) => response.end('the page'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close(), () => server.closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function agentOf(credentials: Credentials): NtlmAgent {
  const agent = new NtlmAgent({ credentials, allow: () => true });
  closing.push(() => agent.destroy());
  return agent;
}

async function get(url: string, agent: NtlmAgent): Promise<number> {
  const [response] = (await once(http.get(url, { agent }), 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode!;
}

const legs = ({ connections }: Conversation) =>
  connections.map(({ exchanges }) => exchanges.map(({ request, response }) => [request?.target, request?.credentials[0]?.token?.message, response?.status, response?.challenges[0]?.token?.message]));

describe('what a carrier tells', () => {
  test.each(['agent', 'dispatcher', 'fetch'] as const)('the legs of a handshake over %s, in their order, masked', async (door) => {
    const url = `${await castle()}/page?secret=1`;
    const options = { credentials: alice, allow: () => true };
    const carrier = door === 'agent' ? agentOf(alice) : door === 'dispatcher' ? new NtlmDispatcher(options) : createNtlmFetch(options);
    if (!(carrier instanceof NtlmAgent)) closing.push(() => carrier.close());
    using recording = record(carrier);
    if (carrier instanceof NtlmAgent) await get(url, carrier);
    else await (await (carrier instanceof NtlmDispatcher ? fetch(url, { dispatcher: carrier } as never) : carrier(url))).text();
    const conversation = recording.conversation();
    expect(legs(conversation)).toEqual([[
      ['/page?…', undefined, 401, undefined],
      ['/page?…', 'NEGOTIATE', 401, 'CHALLENGE'],
      ['/page?…', 'AUTHENTICATE', 200, undefined],
    ]]);
    expect(explain(conversation)).toMatchObject({ outcome: 'accepted', sentence: 'The server accepted "CASTLE\\alice" and answered 200.', causes: [] });
    expect(readConversation(JSON.stringify(conversation))).toEqual(conversation);
  });

  test('the states that the machines passed', async () => {
    const agent = agentOf(alice);
    using recording = record(agent);
    await get(await castle(), agent);
    const [connection] = recording.conversation().connections;
    const states = connection!.steps.filter(({ machine }) => machine === 'connection').map(({ to }) => to);
    expect(states.filter((state, index) => state !== states[index - 1])).toEqual(expect.arrayContaining(['asking', 'handshaking.negotiating', 'authenticated']));
  });

  test('a refused password is explained by it, and a recorded reason', async () => {
    const agent = agentOf(wrong);
    using recording = record(agent);
    expect(await get(await castle(), agent)).toBe(401);
    expect(explain(recording.conversation()).sentence).toMatch(/^The server refused a well-formed response of "CASTLE\\alice" \(401 after type 3\): most likely the password is wrong/);
  });

  test('a server that ends the connection instead of an answer', async () => {
    const server = net.createServer((socket) => socket.once('data', () => socket.destroy()).on('error', () => {}));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => server.close());
    const agent = agentOf(alice);
    using recording = record(agent);
    await expect(get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, agent)).rejects.toThrow();
    expect(explain(recording.conversation()).sentence).toMatch(/^The connection was (?:closed|reset) before anybody asked for authentication\.$/);
  });

  test('nothing of another carrier', async () => {
    const [agent, other] = [agentOf(alice), agentOf(alice)];
    using recording = record(agent);
    await get(await castle(), other);
    expect(recording.conversation().connections).toEqual([]);
  });

  test('nothing after it was stopped, and the latest where there is too much', async () => {
    const url = await castle();
    const agent = agentOf(alice);
    const recording = record(agent, { limit: 2 });
    await get(url, agent);
    expect(recording.conversation()).toMatchObject({ blind: ['incomplete'], connections: [{ exchanges: [{ index: 1 }, { index: 2 }] }] });
    recording.stop();
    await get(url, agent);
    expect(recording.conversation().connections[0]!.exchanges).toHaveLength(2);
  });
});

describe('secrets', () => {
  test('no message of the channel holds a response, a MIC, a key, a cookie or a query; a masked recording neither', async () => {
    const messages: unknown[] = [];
    const listener = (message: unknown): void => void messages.push(structuredClone(message));
    diagnostics.subscribe(HTTP_CHANNEL, listener);
    closing.push(() => diagnostics.unsubscribe(HTTP_CHANNEL, listener));
    const agent = agentOf(alice);
    using masked = record(agent);
    using all = record();
    using whole = record(agent, { tokens: 'whole' });
    const url = await castle();
    const request = http.get(`${url}/page?canary-query`, { agent, headers: { Cookie: 'canary-cookie', 'X-Key': 'canary-key' } });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    const tokens = whole.conversation().connections[0]!.exchanges.flatMap(({ request: sent }) => sent?.credentials.map(({ token }) => Buffer.from(token!.base64, 'base64')) ?? []);
    const authenticate = tokens.at(-1)!;
    const proof = authenticate.subarray(authenticate.readUInt32LE(24), authenticate.readUInt32LE(24) + 16);
    const mic = authenticate.subarray(72, 88);
    expect(proof.some((byte) => byte !== 0) && mic.some((byte) => byte !== 0)).toBe(true);
    for (const text of [JSON.stringify(messages), JSON.stringify(masked.conversation()), JSON.stringify(all.conversation())]) {
      expect(text).not.toMatch(/canary/);
      const everyToken = text.match(/[A-Za-z0-9+/]{40,}={0,2}/g) ?? [];
      expect(everyToken.length).toBeGreaterThan(0);
      for (const token of everyToken) for (const secret of [proof, mic]) expect(Buffer.from(token, 'base64').includes(secret)).toBe(false);
    }
    expect(messages.length).toBeGreaterThan(5);
  });

  test('whole tokens of the whole process are refused', () => {
    expect(() => record(undefined, { tokens: 'whole' })).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(() => record({})).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});

test('who listens after a connection was opened, and told of to others, hears of it from then on', async () => {
  const agent = agentOf(alice);
  const url = await castle();
  const first = record(agent);
  expect(await get(`${url}/one`, agent)).toBe(200);
  first.stop();
  const second = record(agent);
  expect(await get(`${url}/two`, agent)).toBe(200);
  const { connections } = second.conversation();
  expect(connections.flatMap(({ exchanges }) => exchanges.map(({ request, response }) => [request?.target, response?.status]))).toEqual([['/two', 200]]);
  expect(connections[0]?.tls).toBeUndefined();
});

test('what has not changed is the same object: a page is sent the rest alone', async () => {
  const agent = agentOf(alice);
  const url = await castle();
  const recording = record(agent);
  await get(`${url}/one`, agent);
  const [before] = recording.conversation().connections;
  expect(recording.conversation().connections[0]).toBe(before);
  await get(`${url}/two`, agent);
  const [after] = recording.conversation().connections;
  expect(after).not.toBe(before);
  expect(after!.exchanges.slice(0, before!.exchanges.length)).toEqual(before!.exchanges);
  for (const [index, exchange] of before!.exchanges.entries()) expect(after!.exchanges[index]).toBe(exchange);
});

test('connections that end before anything is asked are kept as far as anybody looks', () => {
  const live = new LiveConversation({ tokens: 'masked', limit: 10 });
  for (let connection = 1; connection <= 1000; connection++) {
    const about = { carrier: 1, connection, time: connection };
    live.add({ ...about, type: 'open', origin: 'http://keep.castle.example', side: 'server', tls: false });
    live.add({ ...about, type: 'close', code: 'ECONNRESET' });
  }
  const { connections } = live.conversation();
  expect(connections.length).toBe(100);
  expect(connections.at(-1)).toMatchObject({ id: '1000', end: 'reset' });
});
