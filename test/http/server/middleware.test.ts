/** A gate ahead of an app's own handlers: Express, Koa, Fastify; and what it will not let pass. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2, constants, createSecureServer, type ClientHttp2Session } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNtlmServer, guardUpgrades, identityOf, requireNtlm, type NtlmServerOptions } from '../../../src/http/index.ts';
import { NtlmClient } from '../../../src/index.ts';
import { makeCertificate } from '../support/certificate.ts';
import { alice, authenticate, bob, closeLater, header, listen, openConnection, options, tokenOf, whoAmI } from './support.ts';
import { GET, handshake, openWire, withField } from './wire.ts';

const who = (request: IncomingMessage & { ntlm?: { username: string } }) =>
  `${request.ntlm?.username} ${identityOf(request)?.username} ${identityOf(request.socket)?.username}`;

/** `/open` is anybody's; `/private` tells who came and the length of the JSON string that was posted. */
const apps: Record<string, (options: NtlmServerOptions) => Promise<Server>> = {
  async 'node:http'(given) {
    const gate = requireNtlm(given);
    return createServer((request, response) => {
      if (request.url === '/open') return void response.end('open');
      gate(request, response, () => void text(request).then((body) => response.end(`${who(request)} ${body === '' ? undefined : (JSON.parse(body) as string).length}`)));
    });
  },
  async Express(given) {
    const app = express();
    app.get('/open', (_, response) => void response.send('open'));
    app.use('/private', requireNtlm(given), express.json({ limit: '4mb', strict: false }));
    app.all('/private', (request, response) => void response.send(`${who(request)} ${(request.body as string)?.length}`));
    return createServer(app);
  },
  async Koa(given) {
    const app = new Koa();
    const gate = requireNtlm.koa(given);
    app.use((context, next) => (context.path === '/open' ? void (context.body = 'open') : next()));
    app.use(gate);
    app.use(async (context) => {
      let body = '';
      for await (const chunk of context.req) body += String(chunk);
      expect((context.state as { ntlm: { username: string } }).ntlm.username).toBe(identityOf(context.req)?.username);
      context.body = `${who(context.req)} ${body === '' ? undefined : (JSON.parse(body) as string).length}`;
    });
    return createServer(app.callback());
  },
  async Fastify(given) {
    const app = fastify({ bodyLimit: 4_000_000 });
    closeLater(() => void app.close());
    app.get('/open', () => 'open');
    await app.register(async (guarded) => {
      guarded.addHook('onRequest', requireNtlm.fastify(given));
      guarded.all('/private', (request) => `${who(request.raw)} ${(request.body as string)?.length}`);
    });
    await app.ready();
    return app.server;
  },
};

describe.each(Object.keys(apps))('%s', (name) => {
  const start = async (given = options) => openConnection(await listen(await apps[name]!(given)), '/private');

  it('asks where it is told to, and nowhere else', async () => {
    const port = await listen(await apps[name]!(options));
    expect(await openConnection(port, '/open')()).toMatchObject({ status: 200, body: 'open' });
    const refused = await openConnection(port, '/private')();
    expect(refused).toMatchObject({ status: 401, offers: 'NTLM', body: 'Unauthorized\n' });
    expect(refused.response.headers['content-length']).toBe('13');
  });

  it('lets a client through by its own name, and each later request of its connection', async () => {
    const call = await start();
    expect(await authenticate(call, alice())).toMatchObject({ status: 200, body: 'alice alice alice undefined' });
    expect(await call()).toMatchObject({ status: 200, body: 'alice alice alice undefined' });
  });

  it('stands ahead of what reads bodies: the one that comes with the type 3 is whole', async () => {
    const call = await start();
    const body = JSON.stringify('x'.repeat(1_000_000));
    const headers = { 'content-type': 'application/json' };
    expect((await call({ method: 'POST', body, headers })).status).toBe(401);
    const answer = await authenticate(call, bob(), { method: 'POST', body, headers });
    expect(answer).toMatchObject({ status: 200, body: 'bob bob bob 1000000' });
  });

  it('answers 400, 401 and 500 itself, and the client may go on', async () => {
    const call = await start({
      credentials: ({ username }) => (username === 'carol' ? Promise.reject(new Error('down')) : alice()),
    });
    expect((await call({ authorization: 'NTLM !!!!' })).status).toBe(400);
    const carol = { username: 'carol', password: 'x' };
    expect((await authenticate(call, carol)).status).toBe(500);
    expect((await authenticate(call, alice('wrong'))).status).toBe(401);
    expect((await authenticate(call, alice())).status).toBe(200);
  });

  it('loses no last answer to a reset where a body is on its way', async () => {
    const socket = connect(await listen(await apps[name]!({ ...options, maxRefusals: 1 })), '127.0.0.1');
    closeLater(() => socket.destroy());
    const body = Buffer.alloc(6_000_000, 'x');
    socket.write(`POST /private HTTP/1.1\r\nHost: x\r\nAuthorization: NTLM\r\nContent-Length: ${body.length}\r\n\r\n`);
    await delay(50); // answered, and not read
    await new Promise<void>((resolve, reject) => socket.once('error', reject).write(body, () => resolve()));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 [^]*connection: close[^]*\r\n\r\nUnauthorized\n$/i);
  });

  it('asks by 407 where it stands for a proxy', async () => {
    const call = await start({ ...options, side: 'proxy' });
    const refused = await call();
    expect([refused.status, refused.response.headers['proxy-authenticate']]).toEqual([407, 'NTLM']);
  });
});

it('Koa answers nobody whose connection ends before the verdict, and has no error to tell', async () => {
  const app = new Koa();
  const errors: unknown[] = [];
  const passed: unknown[] = [];
  const credentials = () => {
    for (const socket of sockets) socket.destroy();
    return alice();
  };
  app.on('error', (error) => errors.push(error));
  app.use(requireNtlm.koa({ credentials }));
  app.use(() => void passed.push('in'));
  const server = createServer(app.callback());
  const sockets: Duplex[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  const wire = await openWire(await listen(server));
  await expect(handshake(wire, GET, { credentials: alice() })).rejects.toThrow('ended');
  await delay(5);
  expect([errors, passed]).toEqual([[], []]);
});

describe('two gates on one connection', () => {
  it('do not believe each other, and a handshake before one ends the identity before the other', async () => {
    const [one, two] = [requireNtlm(options), requireNtlm(options)];
    const server = createServer((request, response) => {
      const gate = request.url === '/one' ? one : two;
      gate(request, response, () => response.end(who(request)));
    });
    const wire = await openWire(await listen(server));
    const at = (path: string) => GET.replace('/', path);
    expect((await handshake(wire, at('/one'), { credentials: alice() })).body).toBe('alice alice alice');
    expect((await wire.ask(at('/two'))).status).toBe(401);
    expect((await handshake(wire, at('/two'), { credentials: bob() })).body).toBe('bob bob bob');
    expect((await wire.ask(at('/one'))).status).toBe(401);
  });
});

describe('identityOf', () => {
  it('of a socket ends with the first message of another handshake, of a request never', async () => {
    const passed: IncomingMessage[] = [];
    const server = createNtlmServer(options, (request, response) => (passed.push(request), response.end()));
    const call = openConnection(await listen(server));
    expect((await authenticate(call, alice())).status).toBe(200);
    const [first] = passed;
    expect([identityOf(first!)?.username, identityOf(first!.socket)?.username]).toEqual(['alice', 'alice']);
    const client = new NtlmClient({ credentials: bob() });
    const challenged = await call({ authorization: header(client.negotiate()) });
    expect([identityOf(first!)?.username, identityOf(first!.socket)]).toEqual(['alice', undefined]);
    await call({ authorization: header(client.respond(tokenOf(challenged))) });
    expect(identityOf(first!.socket)?.username).toBe('bob');
    await call({ authorization: header(Uint8Array.of(1)) });
    expect(identityOf(first!.socket)).toBeUndefined();
  });

  it('knows nobody whom no gate let pass', async () => {
    const seen: unknown[] = [];
    const server = createServer((request, response) => (seen.push(identityOf(request), identityOf(request.socket)), response.end()));
    await openConnection(await listen(server))();
    expect(seen).toEqual([undefined, undefined]);
  });
});

describe('warnings and refusals', () => {
  let warnings: { name: string; message: string; code?: string }[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  beforeEach(() => {
    warnings = [];
    process.on('warning', note);
  });
  afterEach(() => void process.off('warning', note));

  it.each([
    ['Via', '1.1 balancer'],
    ['Forwarded', 'for=192.0.2.60'],
    ['X-Forwarded-For', '192.0.2.60'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Real-IP', '192.0.2.60'],
    ['X-Client-IP', '192.0.2.60'],
    ['X-Cluster-Client-IP', '192.0.2.60'],
    ['vIA', ''],
  ])('a request with %s is refused at every leg and on an authenticated connection, with one warning', async (name, value) => {
    const port = await listen(createNtlmServer(options, whoAmI));
    const negotiate = header(new NtlmClient({ credentials: alice() }).negotiate());
    for (const head of [GET, withField(GET, 'Authorization', negotiate)]) {
      const wire = await openWire(port);
      const refused = await wire.ask(withField(head, name, value));
      expect([refused.status, refused.fields.get('connection'), refused.fields.has('www-authenticate')]).toEqual([403, 'close', false]);
    }
    const wire = await openWire(port);
    await handshake(wire, GET, { credentials: alice() });
    expect((await wire.ask(withField(GET, name, value))).status).toBe(403);
    await delay(5);
    expect(warnings.map(({ code }) => code)).toEqual(['NTLMACHINE_FORWARDED']);
    expect(warnings[0]).toMatchObject({
      name: 'SecurityWarning',
      message:
        `A request with the field "${name.toLowerCase()}" was refused: a proxy that shares its connections among clients would share their ` +
        'identities too. Set "trustedProxy: true" where each client has a connection of its own through it.',
    });
  });

  it('a field that only begins or ends like one of those says nothing', async () => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    expect((await call({ headers: { 'X-Forward': 'x', 'Not-X-Forwarded-For': 'x' } })).status).toBe(401);
    await delay(5);
    expect(warnings).toEqual([]);
  });

  it('a proxy that is trusted may forward', async () => {
    const wire = await openWire(await listen(createNtlmServer({ ...options, trustedProxy: true }, whoAmI)));
    expect((await handshake(wire, withField(GET, 'Via', '1.1 balancer'), { credentials: alice() })).status).toBe(200);
    await delay(5);
    expect(warnings).toEqual([]);
  });

  it('a middleware beside listeners of upgrades says once that it does not guard them', async () => {
    const gate = requireNtlm(options);
    const server = createServer((request, response) => gate(request, response, () => response.end()));
    const call = openConnection(await listen(server));
    await call();
    await delay(5);
    expect(warnings).toEqual([]);
    server.on('upgrade', () => {});
    await call();
    await call();
    await delay(5);
    expect(warnings.map(({ code }) => code)).toEqual(['NTLMACHINE_UNGUARDED_UPGRADES']);
    expect(warnings[0]).toMatchObject({
      name: 'SecurityWarning',
      message:
        'This server has listeners of "upgrade", which requireNtlm does not guard: anybody gets a WebSocket or a tunnel. ' +
        'Call guardUpgrades(server, gate) with what requireNtlm returned.',
    });
    const both = createServer((request, response) => requireNtlm(options)(request, response, () => response.end()));
    both.on('upgrade', () => {}).on('connect', () => {});
    await openConnection(await listen(both))();
    await delay(5);
    expect(warnings[1]?.message).toContain('"upgrade" and "connect"');
  });

  it('a guarded server has nothing to say', async () => {
    const gate = requireNtlm(options);
    const server = guardUpgrades(createServer((request, response) => gate(request, response, () => response.end())), gate);
    server.on('upgrade', () => {});
    await openConnection(await listen(server))();
    await delay(5);
    expect(warnings).toEqual([]);
  });

  it.each([
    ['throws', () => { throw new Error('the log is full'); }],
    ['promises in vain', () => Promise.reject(new Error('the log is full'))],
  ])('what onVerdict %s is a warning, and the request is answered', async (_how, onVerdict) => {
    const call = openConnection(await listen(createNtlmServer({ ...options, onVerdict }, whoAmI)));
    expect((await authenticate(call, alice())).status).toBe(200);
    expect((await authenticate(call, alice('wrong'))).status).toBe(401);
    await delay(5);
    expect(warnings.map(({ message }) => message)).toEqual(['the log is full', 'the log is full']);
  });
});

describe('HTTP/2', () => {
  it('is sent back to HTTP/1.1, and HTTP/1.1 beside it is served', async () => {
    const certificate = await makeCertificate();
    const gate = requireNtlm(options);
    const server = createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) => {
      gate(request as unknown as IncomingMessage, response as never, () => void response.end('in'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closeLater(() => server.close());
    const { port } = server.address() as AddressInfo;
    const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${port}`, { ca: certificate.ca });
    const stream = session.request({ ':path': '/' });
    const [error] = (await once(stream, 'error')) as [Error];
    expect(error.message).toContain('NGHTTP2_HTTP_1_1_REQUIRED');
    expect(stream.rstCode).toBe(constants.NGHTTP2_HTTP_1_1_REQUIRED);
    session.destroy();
    const wire = await openWire(port, certificate.ca);
    expect((await handshake(wire, GET, { credentials: alice() })).body).toBe('in');
    wire.socket.destroy();
  });
});
