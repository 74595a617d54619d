/** The samples of servers, each run as its reader runs it, over what was built (`npm run build` comes first). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { NtlmAgent, type NtlmAgentOptions } from '../../src/http/index.ts';
import { Credentials } from '../../src/index.ts';
import { makeCertificate } from '../http/support/certificate.ts';

const folder = fileURLToPath(new URL('../../examples/server/', import.meta.url));
const env = { ...process.env, PORT: '0', ALICE_PASSWORD: 'Drawbridge1', BOB_PASSWORD: 'Portcullis2' };
const alice = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'Drawbridge1' });
const wrong = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'wrong' });

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
});

async function start(sample: string): Promise<URL> {
  const child = spawn(process.execPath, [folder + sample], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  ends.push(() => child.kill());
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return new URL(line);
}

interface Ask extends Partial<NtlmAgentOptions> {
  readonly method?: string;
  readonly body?: string;
}

async function ask(url: URL | string, { method = 'GET', body, ...options }: Ask = {}) {
  const agent = new NtlmAgent({ credentials: alice, ...options });
  try {
    const send = String(url).startsWith('https:') ? httpsRequest : httpRequest;
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = send(url, { method, agent, headers }).end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode, body: await text(response) };
  } finally {
    agent.destroy();
  }
}

describe.each(['express.mjs', 'fastify.mjs', 'koa.mjs'])('%s', (sample) => {
  let url: URL;
  beforeAll(async () => {
    url = await start(sample);
  });

  it('shows anybody what is open, and the rest to whom it knows', async () => {
    expect(await ask(url, { credentials: wrong })).toEqual({ status: 200, body: 'anybody may read this\n' });
    expect(await ask(new URL('/private', url))).toEqual({ status: 200, body: 'hello alice\n' });
    expect((await ask(new URL('/private', url), { credentials: wrong })).status).toBe(401);
  });

  it('reads the body that comes with the last leg', async () => {
    const answer = await ask(new URL('/private', url), { method: 'POST', body: '{"drawbridge":"down"}' });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { from: 'alice', keys: ['drawbridge'] }]);
  });
});

describe('websocket.mjs', () => {
  it('knows who speaks, and lets nobody else in', async () => {
    const url = await start('websocket.mjs');
    expect(await ask(url)).toEqual({ status: 200, body: 'hello alice\n' });
    const agent = new NtlmAgent({ credentials: alice });
    const socket = new WebSocket(url, { agent });
    const said: string[] = [];
    socket.on('message', (message: Buffer) => said.push(message.toString()));
    await once(socket, 'message');
    socket.send('let down the bridge');
    await once(socket, 'message');
    expect(said).toEqual(['hello alice', 'alice: let down the bridge']);
    socket.close();
    agent.destroy();
    const stranger = new WebSocket(url);
    const [, response] = (await once(stranger, 'unexpected-response')) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(401);
    response.destroy();
  });
});

describe('forward-proxy.mjs', () => {
  let proxy: URL;
  const seen: IncomingMessage[] = [];
  const listen = async (server: Server): Promise<number> => {
    server.listen(0, '127.0.0.1');
    ends.push(() => server.close());
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const answer = async (request: IncomingMessage, body: (text: string) => void): Promise<void> => {
    seen.push(request);
    body(`${request.method} ${request.url} ${await text(request)}`);
  };
  beforeAll(async () => {
    proxy = await start('forward-proxy.mjs');
  });

  it('forwards requests, and keeps the proof to itself', async () => {
    const port = await listen(createServer((request, response) => void answer(request, (body) => response.end(body))));
    const origin = `http://127.0.0.1:${port}/plain?x=1`;
    expect(await ask(origin, { proxy: proxy.href, method: 'POST', body: '"x"' })).toEqual({ status: 200, body: 'POST /plain?x=1 "x"' });
    expect(seen.at(-1)?.headers).toMatchObject({ via: '1.1 sample', host: `127.0.0.1:${port}` });
    expect(seen.at(-1)?.headers).not.toHaveProperty('proxy-authorization');
    const before = seen.length;
    expect((await ask(origin, { proxy: proxy.href, credentials: wrong })).status).toBe(407);
    expect(seen).toHaveLength(before);
  });

  it('makes tunnels', async () => {
    const { ca, cert, key } = await makeCertificate();
    const tls = createTlsServer({ cert, key }, (request, response) => void answer(request, (body) => response.end(body)));
    const port = await listen(tls);
    const url = `https://127.0.0.1:${port}/through`;
    expect(await ask(url, { proxy: proxy.href, ca })).toEqual({ status: 200, body: 'GET /through ' });
    await expect(ask(url, { proxy: proxy.href, ca, credentials: wrong })).rejects.toMatchObject({ code: 'proxy-refused' });
  });

  it('answers 502 where there is nobody', async () => {
    const port = await listen(createServer());
    await (ends.pop() as () => Promise<void>)();
    expect((await ask(`http://127.0.0.1:${port}/`, { proxy: proxy.href })).status).toBe(502);
  });
});

it('no sample is left out', () => {
  const run = ['express.mjs', 'fastify.mjs', 'forward-proxy.mjs', 'koa.mjs', 'websocket.mjs'];
  const shared = ['README.md', 'listen.mjs', 'ntlm-auth-verifier.mjs', 'users.mjs'];
  const amongRealServers = ['express-domain.mjs'];
  expect(readdirSync(folder).sort()).toEqual([...run, ...shared, ...amongRealServers].sort());
});
