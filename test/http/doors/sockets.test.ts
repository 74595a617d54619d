/** What clients of node ask of their sockets, and wait for: as of node's own. */
import { execFile } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { got, type Delays } from 'got';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NtlmAgent, type NtlmAgentOptions } from '../../../src/http/index.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

let tls: Awaited<ReturnType<typeof makeCertificate>>;
let mute: Server;
const held = new Set<Socket>();
beforeAll(async () => {
  tls = await makeCertificate();
  mute = createServer((socket) => held.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  for (const socket of held) socket.destroy();
  mute.close();
});
const mutePort = (): number => (mute.address() as AddressInfo).port;

const EVENTS = ['lookup', 'connect', 'ready', 'secureConnect'];

interface Look {
  readonly events: string[];
  readonly before: unknown;
  readonly after: Record<string, unknown>;
}

/** One request, and its socket looked at before and after. */
function look(url: string, agent: http.Agent): Promise<Look> {
  return new Promise((resolve, reject) => {
    const events: string[] = [];
    let before: unknown;
    const outgoing = (url.startsWith('https:') ? https : http).get(url, { agent }, (response) => {
      const socket = outgoing.socket as TLSSocket;
      const asked = Object.fromEntries(
        ['encrypted', 'authorized', 'authorizationError', 'alpnProtocol', 'connecting', 'pending', 'readyState', 'remoteFamily', 'localFamily', 'remoteAddress', 'timeout', 'destroyed'].map(
          (name) => [name, socket[name as keyof TLSSocket]],
        ),
      );
      const secured = {
        protocol: socket.getProtocol?.(),
        cipher: socket.getCipher?.()?.name,
        reused: socket.isSessionReused?.(),
        subject: (socket.getPeerCertificate?.() as { subject?: object } | undefined)?.subject,
        x509: socket.getPeerX509Certificate?.()?.subject,
        own: socket.getCertificate?.(),
        algorithms: socket.getSharedSigalgs?.(),
        lengths: [socket.getFinished?.(), socket.getPeerFinished?.(), socket.exportKeyingMaterial?.(24, 'EXPORTER-test', Buffer.alloc(0))].map((bytes) => bytes?.length),
      };
      const { family, address } = socket.address() as AddressInfo;
      const counts = [socket.bytesRead > 0, socket.bytesWritten > 0, socket.remotePort, (socket.localPort ?? 0) > 0];
      response.resume().on('end', () => resolve({ events, before, after: { ...asked, ...secured, family, address, counts } }));
    });
    outgoing.on('error', reject).on('socket', (socket: TLSSocket) => {
      before = { address: socket.address(), connecting: socket.connecting, pending: socket.pending, readyState: socket.readyState, encrypted: socket.encrypted === true, authorized: socket.authorized === true };
      for (const event of EVENTS) socket.on(event, () => events.push(event));
    });
  });
}

describe.each(['http', 'https'] as const)('%s', (protocol) => {
  test('events come in the order, and values are those, of node itself', async () => {
    await using origin = await Origin.listen({ protects: () => false, ...(protocol === 'https' ? { tls } : {}) });
    const url = `${protocol}://localhost:${origin.port}/`;
    const options = { ca: tls.ca, timeout: 60_000, maxCachedSessions: 0 };
    const own = protocol === 'https' ? new https.Agent({ ...options, keepAlive: true, ALPNProtocols: ['http/1.1'] }) : new http.Agent({ ...options, keepAlive: true });
    const ours = new NtlmAgent({ credentials: ALICE, ...options });
    const expected = await look(url, own);
    const seen = await look(url, ours);
    own.destroy();
    ours.destroy();
    if (protocol === 'http') {
      // A net.Socket knows nothing of TLS; of ours nothing is there to be told.
      expect(seen.after).toMatchObject({ encrypted: false, authorized: false, protocol: null, cipher: undefined, reused: false });
      for (const name of ['encrypted', 'authorized', 'authorizationError', 'alpnProtocol', 'protocol', 'reused']) {
        delete seen.after[name];
        delete expected.after[name];
      }
    }
    expect(seen).toEqual(expected);
  });

  test('through a proxy they come too, once each', async () => {
    await using origin = await Origin.listen({ ...(protocol === 'https' ? { tls } : {}) });
    await using proxy = await Proxy.listen();
    const agent = new NtlmAgent({ credentials: ALICE, proxy: proxy.url, ca: tls.ca });
    const { events } = await look(`${protocol}://127.0.0.1:${origin.port}/`, agent);
    expect(events).toEqual(protocol === 'https' ? ['connect', 'ready', 'secureConnect'] : ['connect', 'ready']);
    agent.destroy();
  });
});

describe("node's own timeout", () => {
  const timed = (url: string, options: Partial<NtlmAgentOptions>, request: https.RequestOptions = {}): Promise<unknown> =>
    new Promise((resolve) => {
      const agent = new NtlmAgent({ credentials: ALICE, legTimeout: 20_000, ...options });
      const started = performance.now();
      const outgoing = (url.startsWith('https:') ? https : http).get(url, { agent, ...request });
      outgoing.on('timeout', () => {
        resolve(performance.now() - started);
        outgoing.destroy();
        agent.destroy();
      });
      outgoing.on('error', () => {});
    });

  test.each([
    ['TLS that never finishes', 'https', {}],
    ['no answer', 'http', {}],
    ['a tunnel that is never there', 'https', { proxy: 'mute' }],
    ['a proxy that never answers', 'http', { proxy: 'mute' }],
    ['TLS with a proxy that never finishes', 'http', { proxy: 'mute TLS' }],
  ])('hears of %s', async (_what, protocol, { proxy }: { proxy?: string }) => {
    const url = `${protocol}://127.0.0.1:${mutePort()}/`;
    const options = proxy === undefined ? {} : { proxy: `${proxy === 'mute' ? 'http' : 'https'}://127.0.0.1:${mutePort()}` };
    for (const [own, request] of [[{}, { timeout: 200 }], [{ timeout: 200 }, {}]] as const) {
      const after = await timed(url, { ...options, ...own }, request);
      expect(after).toBeGreaterThan(150);
      expect(after).toBeLessThan(5000);
    }
  });

  test('set on the request, and taken back', async () => {
    const agent = new NtlmAgent({ credentials: ALICE });
    const outgoing = https.get(`https://127.0.0.1:${mutePort()}/`, { agent });
    outgoing.on('error', () => {});
    let timeouts = 0;
    outgoing.setTimeout(50, () => (timeouts += 1));
    await new Promise((resolve) => outgoing.once('timeout', resolve));
    outgoing.socket?.setTimeout(0);
    expect(outgoing.socket?.timeout).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(timeouts).toBe(1);
    outgoing.destroy();
    agent.destroy();
  });
});

describe("got's timeouts", () => {
  const fail = async (url: string, timeout: Delays, options: Partial<NtlmAgentOptions> = {}): Promise<unknown> => {
    const agent = new NtlmAgent({ credentials: ALICE, legTimeout: 20_000, ...options });
    const error: unknown = await got(url, { agent: { http: agent, https: agent as never }, retry: { limit: 0 }, timeout, https: { rejectUnauthorized: false } }).catch((thrown: unknown) => thrown);
    agent.destroy();
    return (error as { event?: unknown }).event;
  };
  const lookup = (() => {}) as never; // never answers

  test.each([
    ['secureConnect', () => fail(`https://127.0.0.1:${mutePort()}/`, { secureConnect: 100 })],
    ['response', () => fail(`http://127.0.0.1:${mutePort()}/`, { response: 100 })],
    ['socket', () => fail(`http://127.0.0.1:${mutePort()}/`, { socket: 100 })],
    ['socket', () => fail(`https://127.0.0.1:${mutePort()}/`, { socket: 100 })],
    ['request', () => fail(`https://127.0.0.1:${mutePort()}/`, { request: 100 })],
    ['lookup', () => fail(`http://localhost:${mutePort()}/`, { lookup: 100 }, { lookup })],
  ])('%s', async (event, run) => {
    expect(await run()).toBe(event);
  });

  test('all of them, none reached', async () => {
    await using plain = await Origin.listen();
    await using secure = await Origin.listen({ tls });
    const delays = { lookup: 20_000, connect: 20_000, secureConnect: 20_000, socket: 20_000, send: 20_000, response: 20_000, read: 20_000, request: 20_000 };
    const agent = new NtlmAgent({ credentials: ALICE, ca: tls.ca, allow: () => true });
    for (const url of [plain.url, secure.url, secure.url]) {
      const response = await got.post(url.replace('127.0.0.1', 'localhost'), { body: 'x', agent: { http: agent, https: agent as never }, https: { certificateAuthority: tls.ca }, timeout: delays });
      expect([response.body, (response.timings.phases.total ?? -1) >= 0]).toEqual(['alice', true]);
      expect(response.timings.phases.tcp).toBeGreaterThanOrEqual(0);
      if (url === secure.url && response.timings.secureConnect !== undefined) expect(response.timings.phases.tls).toBeGreaterThanOrEqual(0);
    }
    agent.destroy();
  });
});

describe('ends', () => {
  test('resetAndDestroy resets', async () => {
    let ended: unknown;
    await using origin = await Origin.listen({ handler: () => {} });
    origin.server.on('connection', (socket: Socket) => socket.on('error', (error: NodeJS.ErrnoException) => (ended = error.code)));
    origin.server.on('clientError', () => {});
    const agent = new NtlmAgent({ credentials: ALICE });
    const outgoing = http.get(origin.url, { agent }).on('error', () => {});
    while (origin.handled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    outgoing.socket?.resetAndDestroy();
    await new Promise((resolve) => outgoing.once('close', resolve));
    await expect.poll(() => ended).toBe('ECONNRESET');
    agent.destroy();
  });

  test.each(['lookup', 'connect', 'ready', 'secureConnect'])('a listener of %s that throws ends its request and nothing else', async (event) => {
    await using origin = await Origin.listen({ tls });
    const agent = new NtlmAgent({ credentials: ALICE, ca: tls.ca });
    const url = `https://localhost:${origin.port}/`;
    const error: unknown = await new Promise((resolve) => {
      const outgoing = https.get(url, { agent }, resolve);
      outgoing.on('socket', (socket) => socket.on(event, () => { throw new Error('boom'); })).on('error', resolve);
    });
    expect(error).toMatchObject({ message: 'boom' });
    expect((await look(url, agent)).events.length).toBeGreaterThan(0);
    agent.destroy();
  });

  test('an inspector that throws, whenever, ends its request and nothing else', async () => {
    await using origin = await Origin.listen();
    let fine = 0;
    for (let after = 0; after < 40; after += 1) {
      let events = 0;
      const inspect = (): void => {
        if ((events += 1) === after + 1) throw new Error('boom');
      };
      const agent = new NtlmAgent({ credentials: ALICE, inspect });
      const end = (): Promise<unknown> => look(origin.url, agent).then(() => 200, (error: NodeJS.ErrnoException) => error.code);
      const first = await end();
      expect([200, 'service-failed']).toContain(first);
      if (first === 200) fine += 1;
      else expect(await end()).toBe(200);
      agent.destroy();
    }
    expect(fine).toBeLessThan(40);
  });

  test('functions that have to answer at once and promise instead, in vain, end no process', async () => {
    await using origin = await Origin.listen();
    const late = () => Promise.reject(new Error('boom'));
    const unheard: unknown[] = [];
    const hear = (cause: unknown): void => void unheard.push(cause);
    process.on('unhandledRejection', hear);
    const ends: unknown[] = [];
    for (const options of [{ inspect: late }, { inspect: { next: late } }, { allow: late }, { randomBytes: late }, { now: late }]) {
      const agent = new NtlmAgent({ credentials: ALICE, ...(options as object) });
      const end = (error: NodeJS.ErrnoException): void => void ends.push(error.code);
      await look(origin.url, agent).then(() => ends.push(200), end);
      await new Promise((resolve) => setTimeout(resolve, 10));
      agent.destroy();
    }
    process.off('unhandledRejection', hear);
    expect(unheard).toEqual([]);
    expect(ends).toEqual(['service-failed', 'service-failed', 'invalid-argument', 'invalid-argument', 200]); // the server has a clock
  });
});

test('nothing of it holds the process', async () => {
  const script = `
    import http from 'node:http';
    import { NtlmAgent } from 'ntlmachine/http';
    import { Credentials } from 'ntlmachine';
    const agent = new NtlmAgent({ credentials: Credentials.anonymous(), timeout: 60_000 });
    http.get('http://127.0.0.1:9/', { agent }).on('error', () => {});`;
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 }, (error) => (error === null ? resolve() : reject(error)));
  });
});
