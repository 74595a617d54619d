/** WebSockets and tunnels: nobody gets one who has not authenticated its connection. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { createNtlmServer, guardUpgrades, identityOf, requireNtlm, type NtlmServerOptions } from '../../../src/http/index.ts';
import { NtlmClient, NtlmError } from '../../../src/index.ts';
import { makeCertificate } from '../support/certificate.ts';
import { alice, bob, header, listen, options, users, whoAmI } from './support.ts';
import { CONNECT, GET, UPGRADE, handshake, openWire, withField, type Wire } from './wire.ts';

let certificate: { ca: string; cert: string; key: string };
beforeAll(async () => {
  certificate = await makeCertificate();
});

/** Says who came, and echoes. */
function echo(server: Server): string[] {
  const seen: string[] = [];
  const serve = (request: IncomingMessage & { ntlm?: { username: string } }, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => {});
    seen.push(`${request.method} ${request.ntlm?.username} ${identityOf(request)?.username} ${identityOf(socket)?.username}`);
    const accepted = request.method === 'CONNECT' ? '200 Connection Established' : '101 Switching Protocols';
    socket.write(`HTTP/1.1 ${accepted}\r\n\r\n`);
    socket.write(head);
    socket.pipe(socket);
  };
  server.on('upgrade', serve);
  server.on('connect', serve);
  return seen;
}

/** The fields behind a status line, as they came. */
async function readHead(wire: Wire): Promise<string[]> {
  let text = '';
  while (!text.endsWith('\r\n\r\n')) text += await wire.bytes(1);
  return text.trimEnd().split('\r\n');
}

interface Place {
  readonly server: Server;
  readonly open: () => Promise<Wire>;
  readonly seen: string[];
}

const places: Record<string, (more?: Partial<NtlmServerOptions>) => Promise<Place>> = {
  async 'http, listeners added after'(more) {
    const server = createNtlmServer({ ...options, ...more }, whoAmI);
    const seen = echo(server);
    const port = await listen(server);
    return { server, seen, open: () => openWire(port) };
  },
  async 'http, listeners added before'(more) {
    const gate = requireNtlm({ ...options, ...more });
    const server = createServer((request, response) => gate(request, response, () => response.end('GET in')));
    const seen = echo(server);
    guardUpgrades(server, gate);
    const port = await listen(server);
    return { server, seen, open: () => openWire(port) };
  },
  async https(more) {
    const gate = requireNtlm({ ...options, ...more }, whoAmI);
    const server = guardUpgrades(createTlsServer(certificate, gate), gate);
    const seen = echo(server);
    const port = await listen(server);
    return { server, seen, open: () => openWire(port, certificate.ca) };
  },
};

describe.each(Object.keys(places))('over %s', (name) => {
  const place = places[name]!;

  it.each([
    ['an upgrade', UPGRADE, 101],
    ['a tunnel', CONNECT, 200],
  ])('%s is refused to a stranger, all three legs go over one connection, then it is the client’s', async (_, head, status) => {
    const { open, seen } = await place();
    const wire = await open();
    const refused = await wire.ask(head);
    expect([refused.status, refused.fields.get('www-authenticate')]).toEqual([401, 'NTLM']);
    expect(seen).toEqual([]);
    expect((await handshake(wire, head, { credentials: alice() })).status).toBe(status);
    expect(seen).toEqual([`${head.slice(0, head.indexOf(' '))} alice alice alice`]);
    wire.write('hello');
    expect(await wire.bytes(5)).toBe('hello');
  });

  it('a connection that authenticated by a request may upgrade', async () => {
    const { open, seen } = await place();
    const wire = await open();
    expect((await handshake(wire, GET, { credentials: bob() })).status).toBe(200);
    expect((await wire.ask(UPGRADE)).status).toBe(101);
    expect(seen).toEqual(['GET bob bob bob']);
  });

  it('a connection that was refused an upgrade serves requests, and the other way round', async () => {
    const { open, seen } = await place();
    const wire = await open();
    expect((await wire.ask(UPGRADE)).status).toBe(401);
    expect((await wire.ask(GET)).status).toBe(401);
    expect((await handshake(wire, UPGRADE, { credentials: alice('wrong') })).status).toBe(401);
    expect((await handshake(wire, GET, { credentials: alice() })).status).toBe(200);
    expect((await wire.ask(UPGRADE)).status).toBe(101);
    expect(seen).toEqual(['GET alice alice alice']);
  });

  it('many refusals on one connection leave no listener behind', async () => {
    const { server, open } = await place({ maxRefusals: 100 });
    const sockets = new Set<Duplex>();
    server.on(name === 'https' ? 'secureConnection' : 'connection', (socket: Duplex) => sockets.add(socket));
    const wire = await open();
    const counts: number[] = [];
    for (let i = 0; i < 25; i += 1) {
      expect((await wire.ask(UPGRADE)).status).toBe(401);
      await delay(1);
      const [socket] = [...sockets];
      counts.push(socket!.eventNames().reduce((sum, event) => sum + socket!.listenerCount(event), 0));
    }
    expect(sockets.size).toBe(1);
    expect(new Set(counts.slice(1)).size).toBe(1);
  });
});

describe('a refused upgrade', () => {
  it.each([
    ['whose body would be read as a request', withField(UPGRADE, 'Content-Length', String(GET.length)) + GET],
    ['in chunks', `${withField(UPGRADE, 'Transfer-Encoding', 'chunked')}0\r\n\r\n`],
    ['with bytes of the other protocol behind it', `${UPGRADE}${GET}`],
    ['that is a tunnel with bytes behind it', `${CONNECT}${GET}`],
    ['that ends the connection itself', withField(UPGRADE, 'Connection', 'close')],
    ['of HTTP/1.0', UPGRADE.replace('HTTP/1.1', 'HTTP/1.0')],
  ])('%s is the last of its connection', async (_, bytes) => {
    const server = createNtlmServer(options, whoAmI);
    const seen = echo(server);
    const wire = await openWire(await listen(server));
    const refused = await wire.ask(bytes);
    expect([refused.status, refused.fields.get('connection')]).toEqual([401, 'close']);
    expect(await wire.rest()).toBe('');
    expect(seen).toEqual([]);
  });

  it.each([
    ['GET', UPGRADE, 'Unauthorized\n'],
    ['HEAD', UPGRADE.replace('GET', 'HEAD'), ''],
  ])('is answered as any request is, and its connection goes on: %s', async (_, head, body) => {
    const server = createNtlmServer(options, whoAmI);
    echo(server);
    const wire = await openWire(await listen(server));
    wire.write(withField(head, 'Content-Length', '0'));
    const [first = '', ...rest] = (await wire.bytes('HTTP/1.1 401 Unauthorized\r\n'.length)).split('\r\n');
    expect([first, rest]).toEqual(['HTTP/1.1 401 Unauthorized', ['']]);
    const fields = (await readHead(wire)).map((line) => (line.startsWith('Date: ') ? ['Date', new Date(line.slice(6)).getTime() > Date.now() - 60_000].join(' ') : line));
    expect(fields).toEqual(['WWW-Authenticate: NTLM', 'Content-Type: text/plain', 'Date true', 'Content-Length: 13', 'Connection: keep-alive']);
    expect(await wire.bytes(body.length)).toBe(body);
    expect((await wire.ask(GET)).status).toBe(401);
  });

  it('that is one too many is the last of its connection', async () => {
    const server = createNtlmServer({ ...options, maxRefusals: 1 }, whoAmI);
    echo(server);
    const wire = await openWire(await listen(server));
    const refused = await wire.ask(withField(UPGRADE, 'Authorization', 'NTLM !'));
    expect([refused.status, refused.body, refused.fields.get('connection')]).toEqual([400, 'Bad Request\n', 'close']);
    expect(await wire.rest()).toBe('');
  });

  it('waits for the answers that its connection still owes', async () => {
    const server = createNtlmServer(options, async (request, response) => {
      await delay(50);
      response.end(`${request.url} is slow`);
    });
    echo(server);
    const wire = await openWire(await listen(server));
    await handshake(wire, GET, { credentials: alice() });
    wire.write(GET.replace('/', '/one') + withField(UPGRADE, 'Authorization', 'NTLM'));
    expect((await wire.answer()).body).toBe('/one is slow');
    expect((await wire.answer()).status).toBe(401);
  });

  it('costs the server nothing where its client is gone meanwhile', async () => {
    const slow = { credentials: async ({ username }: { username: string }) => (await delay(40), users.get(username)) };
    const server = createNtlmServer(slow, whoAmI);
    echo(server);
    const port = await listen(server);
    const wire = await openWire(port);
    const client = new NtlmClient({ credentials: alice() });
    const challenged = await wire.ask(withField(UPGRADE, 'Authorization', header(client.negotiate())));
    const challenge = challenged.fields.get('www-authenticate')!.slice(5);
    const answer = client.respond(new Uint8Array(Buffer.from(challenge, 'base64')));
    wire.write(withField(UPGRADE, 'Authorization', header(answer)));
    await delay(10);
    wire.socket.destroy();
    await delay(60);
    expect((await handshake(await openWire(port), GET, { credentials: alice() })).status).toBe(200);
  });
});

it('a connection that ends before the verdict is nobody’s to upgrade', async () => {
  const sockets: Duplex[] = [];
  const credentials = ({ username }: { username: string }) => (sockets[0]!.destroy(new Error('reset')), users.get(username));
  const server = createNtlmServer({ credentials }, whoAmI);
  server.on('connection', (socket: Duplex) => sockets.push(socket));
  const seen = echo(server);
  const wire = await openWire(await listen(server));
  await expect(handshake(wire, UPGRADE, { credentials: alice() })).rejects.toThrow('ended');
  await delay(5);
  expect(seen).toEqual([]);
});

describe('a tunnel', () => {
  it('is asked for by 407 at a proxy, and carries what comes behind its head', async () => {
    const server = createNtlmServer({ ...options, side: 'proxy' });
    const seen = echo(server);
    const wire = await openWire(await listen(server));
    const refused = await wire.ask(CONNECT);
    expect([refused.status, refused.fields.get('proxy-authenticate')]).toEqual([407, 'NTLM']);
    expect(refused.fields.has('www-authenticate')).toBe(false);
    expect((await handshake(wire, CONNECT, { credentials: alice(), side: 'proxy' })).status).toBe(200);
    wire.write('through');
    expect(await wire.bytes(7)).toBe('through');
    expect(seen).toEqual(['CONNECT alice alice alice']);
  });

  it('of one within another authenticates at each end for itself', async () => {
    const inner = createNtlmServer(options, whoAmI);
    const proxy = createNtlmServer({ ...options, side: 'proxy' });
    proxy.on('connect', (_, socket: Duplex) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      inner.emit('connection', socket);
    });
    const wire = await openWire(await listen(proxy));
    expect((await handshake(wire, CONNECT, { credentials: alice(), side: 'proxy' })).status).toBe(200);
    expect((await wire.ask(GET)).status).toBe(401);
    expect((await handshake(wire, GET, { credentials: bob() })).body).toBe('GET bob');
  });
});

describe('guardUpgrades', () => {
  it('takes servers, and what requireNtlm returned', () => {
    const gate = requireNtlm(options);
    expect(() => guardUpgrades(createServer(), () => {})).toThrowError('"gate" must be what requireNtlm returned');
    for (const nothing of [{}, undefined]) {
      expect(() => guardUpgrades(nothing as Server, gate)).toThrowError(NtlmError);
      expect(() => guardUpgrades(nothing as Server, gate)).toThrowError('"server" must be a server of node:http or node:https');
    }
    expect(() => guardUpgrades(createNtlmServer(options), gate)).toThrowError('"server" is guarded already, and two gates do not believe each other');
    for (const door of [gate, requireNtlm(options, whoAmI), requireNtlm.koa(options), requireNtlm.fastify(options)]) {
      expect(guardUpgrades(createServer(), door)).toBeDefined();
    }
  });

  it('shares its connections with the gate it was given', async () => {
    const gate = requireNtlm(options);
    const server = createServer((request, response) => gate(request, response, () => response.end('in')));
    const seen = echo(server);
    guardUpgrades(server, gate);
    const wire = await openWire(await listen(server));
    await handshake(wire, UPGRADE, { credentials: alice() }); // 101: from here on it is no HTTP
    expect(seen).toEqual(['GET alice alice alice']);
  });
});

describe('whoever listens to a server of createNtlmServer', () => {
  it('hears of no request before its connection has authenticated, engines that take over the listeners among them', async () => {
    const server = createNtlmServer(options, whoAmI);
    // as engine.io attaches itself
    const before = server.listeners('request') as ((request: IncomingMessage, response: object) => void)[];
    server.removeAllListeners('request');
    const heard: unknown[] = [];
    server.on('request', (request, response) => {
      heard.push(identityOf(request)?.username);
      if (request.url === '/engine') response.end('engine');
      else for (const listener of before) listener.call(server, request, response);
    });
    const wire = await openWire(await listen(server));
    const engine = GET.replace('/', '/engine');
    expect((await wire.ask(engine)).status).toBe(401);
    expect(heard).toEqual([]);
    expect((await handshake(wire, engine, { credentials: alice() })).body).toBe('engine');
    expect((await wire.ask(GET)).body).toBe('GET alice');
    expect(heard).toEqual(['alice', 'alice']);
  });

  it('decides itself whether to ask for a body, once it is the client’s', async () => {
    const server = createNtlmServer(options, whoAmI);
    server.on('checkContinue', (request, response) => response.writeHead(417, { 'Content-Length': 5 }).end(identityOf(request)?.username));
    server.on('checkExpectation', (request, response) => response.writeHead(417, { 'Content-Length': 7 }).end(`odd ${identityOf(request)?.username}`));
    const port = await listen(server);
    const expecting = (value: string) => withField(withField(GET.replace('GET', 'POST'), 'Content-Length', '3'), 'Expect', value);
    for (const value of ['100-continue', 'odd']) {
      const stranger = await (await openWire(port)).ask(expecting(value));
      expect([stranger.status, stranger.fields.get('connection')]).toEqual([401, 'close']);
    }
    const wire = await openWire(port);
    await handshake(wire, GET, { credentials: alice() });
    expect(await wire.ask(expecting('100-continue'))).toMatchObject({ status: 417, body: 'alice' });
    const other = await openWire(port);
    await handshake(other, GET, { credentials: bob() });
    expect(await other.ask(expecting('odd'))).toMatchObject({ status: 417, body: 'odd bob' });
  });

  it('may be gone by the time of the verdict', async () => {
    const credentials = ({ username }: { username: string }) => (server.removeAllListeners('upgrade'), users.get(username));
    const server = createNtlmServer({ credentials }, whoAmI);
    server.on('upgrade', () => {});
    const wire = await openWire(await listen(server));
    await expect(handshake(wire, UPGRADE, { credentials: alice() })).rejects.toThrow('ended');
  });
});

describe('bytes of another protocol that come while the verdict is waited for', () => {
  it('are no request of anybody', async () => {
    let decide = (): void => {};
    const decided = new Promise<void>((resolve) => (decide = resolve));
    const credentials = async ({ username }: { username: string }) => (await decided, users.get(username));
    const server = createNtlmServer({ credentials, side: 'proxy' }, whoAmI);
    const seen = echo(server);
    const wire = await openWire(await listen(server));
    const client = new NtlmClient({ credentials: alice('wrong') });
    const challenged = await wire.ask(withField(CONNECT, 'Proxy-Authorization', header(client.negotiate())));
    const challenge = challenged.fields.get('proxy-authenticate')!.slice(5);
    const answer = client.respond(new Uint8Array(Buffer.from(challenge, 'base64')));
    wire.write(withField(CONNECT, 'Proxy-Authorization', header(answer)));
    await delay(20);
    wire.write(GET);
    await delay(50);
    decide();
    const refused = await wire.answer();
    expect([refused.status, refused.fields.get('connection')]).toEqual([407, 'close']);
    expect(await wire.rest()).toBe('');
    expect(seen).toEqual([]);
  });
});
