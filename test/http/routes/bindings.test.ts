/** A handshake over TLS is bound to the certificate of its connection, however that came about; or there is none. */
import { once } from 'node:events';
import https from 'node:https';
import { Socket, connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket, connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { X509Certificate } from 'node:crypto';
import { buildConnector, fetch as undiciFetch, request as undiciRequest } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { channelBindings } from '../../../src/crypto/channel-bindings-sources.ts';
import { NtlmDispatcher, createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmAgent, requireNtlm, type HttpOptions, type NtlmServerVerdict } from '../../../src/http/index.ts';
import { bindingsOf, holdTo } from '../../../src/http/routes/bindings.ts';
import { makeCertificate, makeUnhashedCertificate, withLongLength } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

type Version = 'TLSv1.2' | 'TLSv1.3';
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

let tls: Awaited<ReturnType<typeof makeCertificate>>;
let proxy: Proxy;
const servers = new Map<Version, DemandingServer>();

/** Demands channel bindings, and ends each connection with its answer. */
class DemandingServer implements AsyncDisposable {
  readonly verdicts: unknown[] = [];
  readonly reused: boolean[] = [];
  readonly #server: https.Server;

  constructor(version: Version, demands = true) {
    const bindings = channelBindings.fromCertificate(new Uint8Array(new X509Certificate(tls.cert).raw));
    const onVerdict = (verdict: NtlmServerVerdict): void =>
      void this.verdicts.push('ok' in verdict ? (verdict.ok ? verdict.channelBindings : verdict.reason) : verdict.code);
    const options = { credentials: ALICE, onVerdict, channelBindings: bindings!, requireChannelBindings: demands };
    this.#server = https.createServer(
      { ...tls, minVersion: version, maxVersion: version },
      requireNtlm(options, (_request, response) => void response.setHeader('connection', 'close').end('in')),
    );
    this.#server.on('secureConnection', (socket) => this.reused.push(socket.isSessionReused()));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `https://localhost:${this.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

beforeAll(async () => {
  tls = await makeCertificate();
  proxy = await Proxy.listen();
  for (const version of versions) servers.set(version, await new DemandingServer(version).listen());
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

interface Door {
  get(url: string): Promise<number>;
  close(): void | Promise<void>;
}

const overAgent = (options: HttpOptions & https.AgentOptions, request: https.RequestOptions = {}): Door => {
  const agent = new NtlmAgent(options);
  return {
    get: (url) =>
      new Promise((resolve, reject) => {
        const outgoing = https.get(url, { agent, ...request }, (response) =>
          response.resume().on('end', () => resolve(response.statusCode ?? 0)),
        );
        outgoing.on('error', reject);
      }),
    close: () => agent.destroy(),
  };
};
type Connect = ConstructorParameters<typeof NtlmDispatcher>[0]['connect'];
const overDispatcher = (options: HttpOptions, connect: Connect): Door => {
  const dispatcher = new NtlmDispatcher({ ...options, connect });
  return {
    get: async (url) => {
      const response = await undiciRequest(url, { dispatcher });
      await response.body.dump();
      return response.statusCode;
    },
    close: () => dispatcher.destroy(),
  };
};
const overFetch = (options: HttpOptions, connect: Connect): Door => {
  const ntlmFetch = createNtlmFetch({ ...options, connect, fetch: undiciFetch as unknown as typeof fetch });
  return { get: async (url) => (await ntlmFetch(url).then(async (response) => (await response.text(), response))).status, close: () => ntlmFetch.close() };
};

/** Ways in which a caller has connections made. Each keeps sessions of its own where it can. */
const connectors: Record<string, () => Connect> = {
  options: () => ({ ca: tls.ca }),
  'options, resuming': () => ({ ca: tls.ca, maxCachedSessions: 10 }),
  "undici's connector": () => buildConnector({ ca: tls.ca }),
  'a function of TLSSocket': () => {
    let session: Buffer | undefined;
    return ({ hostname, port }, callback) => {
      const socket = connectTls({ host: hostname, port: Number(port), ca: tls.ca, servername: hostname, ...(session && { session }) });
      socket.on('session', (bytes) => (session = bytes));
      socket.once('secureConnect', () => callback(null, socket)).once('error', (error) => callback(error, null));
    };
  },
  'a function that does not wait for TLS': () => ({ hostname, port }, callback) =>
    callback(null, connectTls({ host: hostname, port: Number(port), ca: tls.ca, servername: hostname })),
};

/** Door and connect function; `opens` tells the door's connector from one that a tunnel does not use. */
const doors: Record<string, (options: HttpOptions) => Door> = {
  'NtlmAgent': (options) => overAgent({ ...options, ca: tls.ca }),
  'NtlmAgent, resuming': (options) => overAgent({ ...options, ca: tls.ca, maxCachedSessions: 10 }),
  'NtlmAgent, keepAlive false': (options) => overAgent({ ...options, ca: tls.ca, keepAlive: false }),
  ...Object.fromEntries(
    Object.entries(connectors).flatMap(([name, connect]) => [
      [`NtlmDispatcher, ${name}`, (options: HttpOptions) => overDispatcher(options, connect())],
      [`createNtlmFetch, ${name}`, (options: HttpOptions) => overFetch(options, connect())],
    ]),
  ),
};

const codeOf = (error: Error & { code?: string; cause?: unknown }): unknown =>
  error instanceof TypeError ? (error.cause as { code?: string }).code : error.code;

const CONNECTIONS = 4;
const cases = Object.keys(doors).flatMap((door) =>
  versions.flatMap((version) =>
    // A function of the caller's keeps its TLS options to itself: through a tunnel there are none.
    (door.includes('function') || door.includes('connector') ? [false] : [false, true]).map((tunnel) => ({ door, version, tunnel })),
  ),
);

test.each(cases)('$door over $version, tunnel: $tunnel: every connection is bound', async ({ door, version, tunnel }) => {
  const server = servers.get(version)!;
  server.verdicts.length = 0;
  server.reused.length = 0;
  const client = doors[door]!({ credentials: ALICE, ...(tunnel ? { proxy: proxy.url } : {}) });
  const seen: unknown[] = [];
  for (let connection = 1; connection <= CONNECTIONS; connection += 1) {
    seen.push(await client.get(server.url).catch(codeOf));
    await sleep(15); // for the session's tickets to arrive
  }
  await client.close();
  expect(seen).toEqual(Array(CONNECTIONS).fill(200));
  expect(server.verdicts).toEqual(Array(CONNECTIONS).fill(true));
  const resumes = !tunnel && /resuming|connector|of TLSSocket/.test(door);
  expect(server.reused.includes(true), 'resumed').toBe(resumes);
});

const NO_TLS = 'is no TLS socket, such as node:tls has them: there is nothing to bind the handshake to';
const RESUMED = 'resumes a TLS session that holds no certificate to bind: resume none ("maxCachedSessions: 0", no "session")';

/** What a server without the binding gets: nothing, for the client has ended before. */
test.each([
  ['a plain socket', NO_TLS, () => ({ hostname, port }, callback) => void callback(null, connectTcp({ host: hostname, port: Number(port) }))],
  [
    'a stream around TLS',
    NO_TLS,
    () =>
      ({ hostname, port }, callback) => {
        const socket = connectTls({ host: hostname, port: Number(port), ca: tls.ca, servername: hostname }, () => {
          const around = Duplex.from({ readable: socket, writable: socket });
          callback(null, Object.assign(around, { encrypted: true }) as never);
        });
      },
  ],
  [
    'a resumed session that cannot be read',
    RESUMED,
    () => {
      let session: Buffer | undefined;
      return ({ hostname, port }, callback) => {
        const socket = connectTls({ host: hostname, port: Number(port), ca: tls.ca, servername: hostname, ...(session && { session }) }, () => {
          if (session !== undefined) socket.getSession = () => Buffer.from('another form');
          callback(null, socket);
        });
        socket.on('session', (bytes) => (session ??= Buffer.from(bytes)));
      };
    },
  ],
] as [string, string, () => Connect][])('%s for https ends in an error that says how to go without', async (_what, why, connect) => {
  for (const version of versions) {
    const server = servers.get(version)!;
    server.verdicts.length = 0;
    for (const channelBindings of [true, false]) {
      for (const over of [overDispatcher, overFetch]) {
        const client = over({ credentials: ALICE, channelBindings }, connect());
        const resumes = why === RESUMED;
        if (resumes) await client.get(server.url).catch(() => {}); // the first is no resumption
        await sleep(15);
        const end: unknown = await client.get(server.url).catch((error: Error & { cause?: unknown }) => (error instanceof TypeError ? error.cause : error));
        if (channelBindings) {
          const message = `the connection to https://localhost:${server.port} ${why}; "channelBindings: false" goes without`;
          expect(end).toMatchObject({ code: 'bindings-unavailable', phase: 'transport', side: 'local', message });
        } else {
          expect(end).not.toMatchObject({ code: 'bindings-unavailable' });
        }
        await client.close();
      }
    }
    expect(server.verdicts.filter((verdict) => verdict === false)).toEqual([]);
  }
});

test('a TLS socket that nobody starts, or none at all, ends with legTimeout', async () => {
  const never: Connect[] = [
    ({ hostname, port }, callback) => callback(null, new TLSSocket(connectTcp({ host: hostname, port: Number(port) }))),
    () => {},
  ];
  for (const connect of never) {
    const client = overDispatcher({ credentials: ALICE, legTimeout: 100 }, connect);
    await expect(client.get(servers.get('TLSv1.3')!.url)).rejects.toMatchObject({ code: 'timed-out' });
    await client.close();
  }
});

test.each(versions)("a caller's own session over %s is bound to what it holds", async (version) => {
  const server = servers.get(version)!;
  server.verdicts.length = 0;
  server.reused.length = 0;
  let session: Buffer | undefined;
  const socket = connectTls({ port: server.port, host: 'localhost', servername: 'localhost', ca: tls.ca });
  socket.on('session', (bytes) => (session = Buffer.from(bytes)));
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await new Promise((resolve) => socket.resume().on('close', resolve));
  const client = overAgent({ credentials: ALICE, ca: tls.ca, ...({ session } as object) });
  expect(await client.get(server.url)).toBe(200);
  expect(server.reused).toEqual([false, true]);
  expect(server.verdicts).toEqual([true]);
  await client.close();
});

test.each(['NtlmAgent', 'NtlmDispatcher, options', 'createNtlmFetch, options'])('%s without bindings resumes', async (door) => {
  await using server = await new DemandingServer('TLSv1.3', false).listen();
  const client = doors[door]!({ credentials: ALICE, channelBindings: false });
  for (let connection = 1; connection <= 2; connection += 1) {
    expect(await client.get(server.url)).toBe(200);
    await sleep(15);
  }
  await client.close();
  expect(server.reused).toEqual([false, true]);
  expect(server.verdicts).toEqual([false, false]);
});

describe('the bindings of a connection', () => {
  const opened = async (port: number): Promise<TLSSocket> => {
    const socket = connectTls({ port, host: 'localhost', servername: 'localhost', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return socket;
  };

  test('are those of its certificate, whatever the URL says of TLS; of a plain one to http none', async () => {
    const socket = await opened(servers.get('TLSv1.3')!.port);
    const own = channelBindings.fromCertificate(new Uint8Array(new X509Certificate(tls.cert).raw))!;
    for (const url of ['https://a', 'http://a']) expect(bindingsOf(socket, new URL(url))?.hash).toEqual(own.hash);
    expect(bindingsOf(new Socket(), new URL('http://a'))).toBeUndefined();
    socket.destroy();
  });

  test('of TLS that shows no certificate are not to be had', () => {
    const message = 'the connection to https://a shows no certificate to bind the handshake to; "channelBindings: false" goes without';
    const error = { code: 'bindings-unavailable', message, cause: expect.objectContaining({ code: 'invalid-argument' }) as Error };
    const foreign = Object.assign(new Socket(), { getPeerCertificate: () => ({}), getCertificate: () => ({}) });
    for (const socket of [new TLSSocket(new Socket()), foreign]) {
      expect(() => bindingsOf(socket, new URL('https://a'))).toThrow(expect.objectContaining(error));
    }
  });

  test('that a handshake goes over have to stay: a certificate that has none is another one too', async () => {
    const unhashed = await makeUnhashedCertificate();
    await using bound = await Origin.listen({ tls });
    await using unbound = await Origin.listen({ tls: unhashed });
    const url = new URL('https://a');
    const own = channelBindings.fromCertificate(new Uint8Array(new X509Certificate(tls.cert).raw))!;
    for (const [origin, held, stays] of [[unbound, undefined, true], [unbound, own, false], [bound, undefined, false], [bound, own, true]] as const) {
      const socket = connectTls({ port: origin.port, rejectUnauthorized: false });
      holdTo(held, socket, url);
      const end: unknown = await new Promise((resolve) => socket.once('error', resolve).once('secureConnect', () => setImmediate(resolve)));
      if (stays) expect(end).toBeUndefined();
      else expect(end).toMatchObject({ code: 'bindings-unavailable', message: expect.stringContaining('has another certificate than the one that its handshake was bound to') as string });
      socket.destroy();
    }
  });

  test('of a certificate that DER forbids are not to be had', async () => {
    await using origin = await Origin.listen({ tls: { cert: withLongLength(tls.cert), key: tls.key } });
    const socket = await opened(origin.port);
    const message = 'the certificate cannot be read, and not be bound ("channelBindings")';
    const error = { code: 'malformed-token', phase: 'transport', side: 'peer', message, cause: expect.any(Error) as Error };
    expect(() => bindingsOf(socket, new URL('https://a'))).toThrow(expect.objectContaining(error));
    socket.destroy();
  });
});
