/** `node --import ntlmachine/watch`: an app that knows nothing of it, over the built package; and what a gateway's page shows. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, request, type IncomingMessage } from 'node:http';
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Credentials } from 'ntlmachine';
import { createGateway } from 'ntlmachine/gateway';
import { createNtlmServer } from 'ntlmachine/http';
import { visualize, type Conversation } from 'ntlmachine/visualize';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PASSWORD = 'drawbridge-41';
const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

/** Authenticates to a server of its own by an agent, then asks the page what it saw, as far as it is told where that is. */
const APP = `
import { once } from 'node:events';
import { get } from 'node:http';
import { fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { Credentials } from 'ntlmachine';
import { NtlmAgent, createNtlmServer } from 'ntlmachine/http';
const credentials = Credentials.fromPassword({ username: 'alice', password: '${PASSWORD}' });
const server = createNtlmServer({ credentials });
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = 'http://127.0.0.1:' + server.address().port;
const agent = new NtlmAgent({ credentials, allow: url });
const [response] = await once(get(url + '/orders', { agent }), 'response');
response.resume();
if (process.argv[2] === 'children') {
  await once(new Worker('setTimeout(() => {}, 50)', { eval: true }), 'exit');
  await once(fork(process.argv[1], ['child']), 'exit');
}
if (process.argv[2] === 'ask') {
  process.stdin.once('data', async (at) => {
    process.stdout.write(await (await fetch(String(at).trim() + 'conversation')).text());
    process.stdin.destroy();
    server.close();
    agent.destroy();
  });
} else {
  server.close();
  agent.destroy();
}
`;

beforeAll(() => {
  folder = mkdtempSync(join(root, '.watch-'));
  writeFileSync(join(folder, 'app.mjs'), APP);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(argument: string, env: Record<string, string> = {}, answer?: (stderr: string) => string): Promise<Run> {
  const { NODE_ENV: _vitests, ...own } = process.env;
  const app = spawn(process.execPath, ['--import', 'ntlmachine/watch', 'app.mjs', argument], { cwd: folder, env: { ...own, ...env } });
  let stderr = '';
  app.stderr.setEncoding('utf8').on('data', (piece: string) => {
    stderr += piece;
    if (answer !== undefined && stderr.endsWith('\n')) app.stdin.end(answer(stderr));
  });
  const [stdout, [code]] = await Promise.all([text(app.stdout), once(app, 'close') as Promise<[number | null]>]);
  return { code, stdout, stderr };
}

const ADDRESS = /^ntlmachine\/watch: (http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/)\n$/;

describe('an app that is started with ntlmachine/watch', () => {
  test('says where on standard error, shows what it did, and ends when the app ends', async () => {
    const { code, stdout, stderr } = await run('ask', {}, (said) => `${ADDRESS.exec(said)?.[1] ?? ''}\n`);
    expect(stderr).toMatch(ADDRESS);
    expect(code).toBe(0);
    const { connections, tokens } = JSON.parse(stdout) as Conversation;
    expect(tokens).toBe('masked');
    expect(connections.flatMap(({ exchanges }) => exchanges.map(({ response }) => response?.status))).toEqual([401, 401, 200]);
    expect(stdout).not.toContain(PASSWORD);
  });

  test('is silent in workers and in children', async () => {
    const { code, stderr } = await run('children');
    expect(stderr).toMatch(ADDRESS);
    expect(code).toBe(0);
  });

  test('children are watched where that is asked for', async () => {
    const { stderr } = await run('children', { NTLMACHINE_WATCH: '1' });
    expect(stderr.match(/ntlmachine\/watch: http/g)?.length).toBeGreaterThanOrEqual(2);
  });

  test.each([
    [{ NODE_ENV: 'production' }, false],
    [{ NODE_ENV: 'production', NTLMACHINE_WATCH: '1' }, true],
    [{ NTLMACHINE_WATCH: '0' }, false],
  ] as const)('%j: %s', async (env, watched) => {
    const { code, stderr } = await run('end', env);
    expect(ADDRESS.test(stderr)).toBe(watched);
    expect(code).toBe(0);
    if (!watched) expect(stderr).toBe('');
  });

  test('a port that is taken is said to be, and the app goes on', async () => {
    const taken = createNetServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { code, stderr } = await run('end', { NTLMACHINE_WATCH_PORT: String(port) });
    taken.close();
    expect(code).toBe(0);
    expect(stderr).toMatch(new RegExp(`^ntlmachine/watch: port ${port} is not to be had \\(EADDRINUSE\\)\nntlmachine/watch: http:`));
  });
});

describe('a gateway', () => {
  const credentials = Credentials.fromPassword({ username: 'alice', password: PASSWORD });
  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

  test('in front of a server: its connection to it is shown', async () => {
    await using servers = new Servers();
    const server = await servers.listen(createNtlmServer({ credentials }));
    const gateway = await servers.listen(createGateway({ to: `http://127.0.0.1:${portOf(server)}`, credentials }));
    await using page = await visualize(gateway);
    const [response] = (await once(get(`http://127.0.0.1:${portOf(gateway)}/orders`), 'response')) as [IncomingMessage];
    await text(response);
    expect(response.statusCode).toBe(200);
    const { connections } = (await (await fetch(`${page.url}conversation`)).json()) as Conversation;
    expect(connections.flatMap(({ exchanges }) => exchanges.map((each) => [each.side, each.response?.status]))).toEqual([['server', 401], ['server', 401], ['server', 200]]);
  });

  test('in front of a proxy: what the proxy asks is shown', async () => {
    await using servers = new Servers();
    const origin = await servers.listen(createServer((_, response) => void response.end('page')));
    const proxy = await servers.listen(createNtlmServer({ side: 'proxy', credentials, trustedProxy: true }, (incoming, response) => {
      request(incoming.url ?? '', (got) => got.pipe(response)).end();
    }));
    const gateway = await servers.listen(createGateway({ upstream: `http://127.0.0.1:${portOf(proxy)}`, credentials }));
    await using page = await visualize(gateway);
    const url = `http://127.0.0.1:${portOf(origin)}/x`;
    const [response] = (await once(get({ host: '127.0.0.1', port: portOf(gateway), path: url, headers: { host: new URL(url).host } }), 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('page');
    const { connections } = (await (await fetch(`${page.url}conversation`)).json()) as Conversation;
    expect(connections.flatMap(({ exchanges }) => exchanges.map((each) => each.response?.status))).toEqual([407, 407, 200]);
  });
});

class Servers implements AsyncDisposable {
  readonly #all: ReturnType<typeof createServer>[] = [];

  async listen<Kind extends ReturnType<typeof createServer>>(server: Kind): Promise<Kind> {
    this.#all.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#all) server.close().closeAllConnections();
  }
}
