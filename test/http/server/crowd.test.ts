/** Many clients at once, in any interleaving: each is seen as itself, or as nobody. */
import fc from 'fast-check';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guardUpgrades, identityOf, requireNtlm } from '../../../src/http/index.ts';
import { Credentials, NtlmClient } from '../../../src/index.ts';
import { header } from './support.ts';
import { GET, UPGRADE, openWire, withField, type Wire } from './wire.ts';

const passwords = { alice: 'Drawbridge1', bob: 'Portcullis2', carol: 'Battlement3' } as const;
type Name = keyof typeof passwords;
const names = Object.keys(passwords) as Name[];
const credentialsOf = (username: Name, password: string = passwords[username]) =>
  Credentials.fromPassword({ username, domain: 'CASTLE', password });
const users = new Map<string, Credentials>(names.map((name) => [name, credentialsOf(name)]));

/** What a client does next; `who` is whom it comes as from then on. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ act: fc.constant('authenticate' as const), who: fc.constantFrom(...names), head: fc.constantFrom('get', 'upgrade') }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('begin' as const), who: fc.constantFrom(...names) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('guess' as const), who: fc.constantFrom(...names) }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('ask' as const) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('nonsense' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

let server: ReturnType<typeof createServer>;
let port = 0;
const sockets = new Set<Socket>();

beforeAll(async () => {
  const gate = requireNtlm({
    // A turn or more passes before each verdict, by an order of its own.
    credentials: async ({ username }) => {
      for (let i = Math.random() * 4; i > 0; i -= 1) await new Promise(setImmediate);
      return users.get(username);
    },
    refusalLimit: { account: Infinity, address: Infinity },
    maxRefusals: 1000,
  });
  server = createServer((request, response) => {
    gate(request, response, () => {
      setImmediate(() => response.end(`${request.headers['x-client']} ${identityOf(request)?.username}`));
    });
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    const body = `${request.headers['x-client']} ${identityOf(socket)?.username}`;
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  });
  guardUpgrades(server, gate);
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  port = (server.address() as { port: number }).port;
});
afterAll(() => {
  server.closeAllConnections();
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** One client on one connection, which it opens anew where an upgrade ended it. */
async function live(id: string, steps: readonly Step[]): Promise<string[]> {
  const wrong: string[] = [];
  let wire: Wire | undefined;
  let who: Name | undefined;
  const send = async (head: string): Promise<{ status: number; body: string; challenge: string }> => {
    wire ??= await openWire(port);
    const answer = await wire.ask(withField(head, 'X-Client', id));
    if (answer.fields.get('connection') === 'close') {
      wire.socket.destroy();
      wire = undefined;
    }
    return { ...answer, challenge: answer.fields.get('www-authenticate')?.split(' ')[1] ?? '' };
  };
  const check = (what: string, answer: { status: number; body: string }): void => {
    const expected = who === undefined ? [401, 'Unauthorized\n'] : [200, `${id} ${who}`];
    if (answer.status !== expected[0] || answer.body !== expected[1]) {
      wrong.push(`${id} ${what}: ${answer.status} ${answer.body}, wanted ${expected.join(' ')}`);
    }
    if (wire === undefined) who = undefined;
  };
  const come = async (name: Name, password: string | undefined, head: string, both: boolean): Promise<void> => {
    const client = new NtlmClient({ credentials: credentialsOf(name, password) });
    who = undefined;
    const challenged = await send(withField(head, 'Authorization', header(client.negotiate())));
    if (!both) return check('began', challenged);
    const answer = client.respond(new Uint8Array(Buffer.from(challenged.challenge, 'base64')));
    who = password === undefined ? name : undefined;
    check(`came as ${name}`, await send(withField(head, 'Authorization', header(answer))));
  };
  for (const next of steps) {
    switch (next.act) {
      case 'authenticate':
        await come(next.who, undefined, next.head === 'get' ? GET : UPGRADE, true);
        break;
      case 'begin':
        await come(next.who, undefined, GET, false).catch(() => {});
        break;
      case 'guess':
        await come(next.who, 'wrong', GET, true);
        break;
      case 'ask':
        check('asked', await send(GET));
        break;
      case 'nonsense': {
        who = undefined;
        const { status } = await send(withField(GET, 'Authorization', 'NTLM !!!'));
        if (status !== 400) wrong.push(`${id} nonsense: ${status}`);
      }
    }
  }
  wire?.socket.destroy();
  return wrong;
}

describe('64 clients of three identities', () => {
  it('are each seen as themselves in any interleaving', async () => {
    const lives = fc.array(fc.array(step, { minLength: 2, maxLength: 6 }), { minLength: 64, maxLength: 64 });
    await fc.assert(
      fc.asyncProperty(lives, async (all) => {
        const wrong = await Promise.all(all.map((steps, index) => live(`c${index}`, steps)));
        expect(wrong.flat()).toEqual([]);
      }),
      { numRuns: 6, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
    );
  }, 120_000);
});
