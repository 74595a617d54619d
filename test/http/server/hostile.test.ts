/** Clients that mean harm: requests behind each leg, handshakes left open, heads that never end. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createNtlmServer, guardUpgrades, identityOf, requireNtlm, type NtlmServerOptions } from '../../../src/http/index.ts';
import { NtlmClient, type Credentials } from '../../../src/index.ts';
import { alice, bob, closeLater, header, listen, options, users, whoAmI } from './support.ts';
import { CONNECT, GET, UPGRADE, handshake, openWire, withField, type Wire } from './wire.ts';

const slow: NtlmServerOptions = { credentials: async ({ username }) => (await delay(20), users.get(username)) };

describe('requests pipelined behind a leg', () => {
  const serve = async (given: NtlmServerOptions = slow) => {
    const seen: string[] = [];
    const server = createNtlmServer(given, (request, response) => {
      seen.push(`${request.url} ${request.ntlm.username}`);
      response.end(`${request.url} ${request.ntlm.username}`);
    });
    server.on('upgrade', (request, socket) => {
      seen.push(`${request.url} ${identityOf(request)?.username}`);
      socket.on('error', () => {});
      socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    });
    server.on('connect', (request, socket) => {
      seen.push(`${request.url} ${identityOf(request)?.username}`);
      socket.on('error', () => {});
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
    return { port: await listen(server), seen };
  };
  const at = (path: string, head = GET) => head.replace(/^(\w+) \S+/, `$1 ${path}`);
  const type1 = (who: Credentials) => new NtlmClient({ credentials: who });
  const challengeIn = (wire: Wire, head: string) =>
    wire.ask(head).then(({ fields }) => new Uint8Array(Buffer.from(fields.get('www-authenticate')!.split(' ')[1]!, 'base64')));

  it('a type 1: they are nobody’s, and end the handshake', async () => {
    const { port, seen } = await serve();
    const wire = await openWire(port);
    const client = type1(alice());
    wire.write(withField(GET, 'Authorization', header(client.negotiate())) + at('/behind'));
    const challenged = await wire.answer();
    expect((await wire.answer()).status).toBe(401);
    const challenge = new Uint8Array(Buffer.from(challenged.fields.get('www-authenticate')!.split(' ')[1]!, 'base64'));
    const late = await wire.ask(withField(GET, 'Authorization', header(client.respond(challenge))));
    expect(late.status).toBe(401);
    expect(seen).toEqual([]);
  });

  it('a right type 3: they are its client’s, in their order', async () => {
    const { port, seen } = await serve();
    const wire = await openWire(port);
    const client = type1(alice());
    const challenge = await challengeIn(wire, withField(GET, 'Authorization', header(client.negotiate())));
    wire.write(withField(at('/one'), 'Authorization', header(client.respond(challenge))) + at('/two') + at('/three'));
    expect([(await wire.answer()).body, (await wire.answer()).body, (await wire.answer()).body]).toEqual(['/one alice', '/two alice', '/three alice']);
    expect(seen).toEqual(['/one alice', '/two alice', '/three alice']);
  });

  it('a wrong type 3: they are nobody’s', async () => {
    const { port, seen } = await serve();
    const wire = await openWire(port);
    const client = type1(alice('wrong'));
    const challenge = await challengeIn(wire, withField(GET, 'Authorization', header(client.negotiate())));
    wire.write(withField(at('/one'), 'Authorization', header(client.respond(challenge))) + at('/two'));
    expect([(await wire.answer()).status, (await wire.answer()).status]).toEqual([401, 401]);
    expect(seen).toEqual([]);
  });

  it('a type 3, with another handshake behind it: each request is its own client’s', async () => {
    const { port, seen } = await serve();
    const wire = await openWire(port);
    const [first, second] = [type1(alice()), type1(bob())];
    const challenge = await challengeIn(wire, withField(GET, 'Authorization', header(first.negotiate())));
    wire.write(
      withField(at('/one'), 'Authorization', header(first.respond(challenge))) +
        at('/two') +
        withField(at('/three'), 'Authorization', header(second.negotiate())) +
        at('/four'),
    );
    const statuses = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await wire.answer()).status);
    expect(statuses).toEqual([200, 200, 401, 401]);
    expect(seen).toEqual(['/one alice', '/two alice']);
  });

  it('a type 3 twice: once is enough', async () => {
    const { port, seen } = await serve();
    const wire = await openWire(port);
    const client = type1(alice());
    const challenge = await challengeIn(wire, withField(GET, 'Authorization', header(client.negotiate())));
    const answer = header(client.respond(challenge));
    wire.write(withField(at('/one'), 'Authorization', answer) + withField(at('/two'), 'Authorization', answer) + at('/three'));
    expect([(await wire.answer()).status, (await wire.answer()).status, (await wire.answer()).status]).toEqual([200, 401, 401]);
    expect(seen).toEqual(['/one alice']);
  });

  it.each([
    ['an upgrade', UPGRADE],
    ['a tunnel', CONNECT],
  ])('each leg of %s: none is served before the verdict, and none after a refusal', async (_, head) => {
    const { port, seen } = await serve();
    const bare = await openWire(port);
    bare.write(head + at('/behind'));
    expect((await bare.answer()).fields.get('connection')).toBe('close');
    expect(await bare.rest()).toBe('');
    const wire = await openWire(port);
    const client = type1(alice('wrong'));
    wire.write(withField(head, 'Authorization', header(client.negotiate())) + at('/behind'));
    expect((await wire.answer()).fields.get('connection')).toBe('close');
    expect(await wire.rest()).toBe('');
    const last = await openWire(port);
    const guess = type1(alice('wrong'));
    const challenge = await challengeIn(last, withField(head, 'Authorization', header(guess.negotiate())));
    last.write(withField(head, 'Authorization', header(guess.respond(challenge))) + at('/behind'));
    expect((await last.answer()).status).toBe(401);
    expect(await last.rest()).toBe('');
    expect(seen).toEqual([]);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heap = async (): Promise<number> => {
  for (let i = 0; i < 3; i += 1) {
    collect();
    await delay(20);
  }
  return process.memoryUsage().heapUsed;
};

describe('handshakes left open', () => {
  const COUNT = 10_000;

  it(`${COUNT} of them cost what they hold, keep nobody out, and leave nothing behind`, async () => {
    const server = createNtlmServer({ ...options, refusalLimit: { address: Infinity } }, whoAmI);
    server.keepAliveTimeout = 300_000;
    const port = await listen(server);
    expect((await handshake(await openWire(port), GET, { credentials: alice() })).status).toBe(200);
    const before = await heap();
    const crowd = fork(new URL('half-open.mjs', import.meta.url), [String(port), String(COUNT), header(new NtlmClient({ credentials: alice() }).negotiate())]);
    closeLater(() => crowd.kill());
    const [challenged] = (await once(crowd, 'message')) as [number];
    expect(challenged).toBe(COUNT);
    const each = ((await heap()) - before) / COUNT;
    expect(each).toBeLessThan(64 * 1024);
    const started = performance.now();
    expect((await handshake(await openWire(port), GET, { credentials: bob() })).body).toBe('GET bob');
    expect(performance.now() - started).toBeLessThan(10_000);
    crowd.kill();
    for (let open = COUNT; open > 5; ) {
      await delay(50);
      open = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    }
    const left = ((await heap()) - before) / COUNT;
    expect(left).toBeLessThan(1024);
  }, 120_000);

  it('end with their connection, which node ends', async () => {
    const server = createNtlmServer(options, whoAmI);
    server.keepAliveTimeout = 50;
    const wire = await openWire(await listen(server));
    await wire.ask(withField(GET, 'Authorization', header(new NtlmClient({ credentials: alice() }).negotiate())));
    expect(await wire.rest()).toBe('');
  });
});

describe('slow heads', () => {
  it('are ended by node, at each leg and after an upgrade that was refused', async () => {
    const server = createServer({ headersTimeout: 1_000, requestTimeout: 2_000, connectionsCheckingInterval: 100 });
    const gate = requireNtlm(options, whoAmI);
    server.on('request', gate);
    server.on('upgrade', () => {});
    guardUpgrades(server, gate);
    const port = await listen(server);
    const starts = [
      [],
      [GET],
      [UPGRADE],
      [UPGRADE, withField(UPGRADE, 'Authorization', header(new NtlmClient({ credentials: alice() }).negotiate()))],
    ];
    const outcomes = await Promise.all(
      starts.map(async (heads) => {
        const socket = connect(port, '127.0.0.1');
        closeLater(() => socket.destroy());
        await once(socket, 'connect');
        let received = '';
        socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
        socket.on('error', () => {});
        for (const head of heads) {
          socket.write(head);
          while (!received.includes('Unauthorized\n')) await delay(2);
          received = '';
        }
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
        const drip = setInterval(() => socket.write('X-A: b\r\n'), 20);
        await new Promise((resolve) => socket.once('close', resolve)); // by a reset, where a drip was not read
        clearInterval(drip);
        return received.split('\r\n')[0];
      }),
    );
    expect(outcomes).toEqual(Array(4).fill('HTTP/1.1 408 Request Timeout'));
  });
});
