/** What goes before NTLM, over every carrier: who is asked for what, how often, and what is said of it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { NtlmDispatcher } from '../../../src/http/fetch.ts';
import { HTTP_CHANNEL, NtlmAgent, explainRefusal } from '../../../src/http/index.ts';
import { NtlmError } from '../../../src/index.ts';
import { currentUser, kerberos, type KerberosOptions } from '../../../src/kerberos/index.ts';
import { encodeNegTokenInit, decodeSpnegoToken } from '../../../src/spnego/index.ts';
import { FIRST, LAST_WORD, NEXT, reply, standIn, type Script, type StandIn } from '../../kerberos/support.ts';
import { carriers, type CarrierOptions, type Client } from '../support/carriers.ts';
import { ALICE } from '../support/origin.ts';
import { thrown } from '../../support/thrown.ts';

/** How the server takes a token of Kerberos. `token`: beside its status. */
type Answer = { readonly status: number; readonly token?: Uint8Array | string; readonly date?: Date };

interface ServerOptions {
  readonly offers?: readonly string[];
  /** The answers to tokens of Kerberos, the last for all that follow. */
  readonly answers?: readonly Answer[];
  /** Authentication lasts for one request. */
  readonly each?: boolean;
}

const PROVEN: Answer = { status: 200, token: reply({ responseToken: LAST_WORD }) };
const PLAIN_REFUSAL: Answer = { status: 401 };

/** A server on loopback that takes Kerberos as it is told, and NTLM as it is. */
class Server implements AsyncDisposable {
  /** Of each request: `none`, `Kerberos`, or a message of NTLM. */
  readonly seen: string[] = [];
  /** Bodies that were handled. */
  readonly handled: string[] = [];
  readonly #server;
  readonly #sockets = new Set<Socket>();
  #states = new WeakMap<object, { acceptor: NtlmAcceptor; in: boolean }>();
  readonly #options: ServerOptions;
  #tickets = 0;

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket) => void this.#sockets.add(socket));
  }

  static async listen(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Connections live on, and nobody is authenticated. */
  forget(): void {
    this.#states = new WeakMap();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { offers = ['Negotiate', 'NTLM'], answers = [PROVEN], each = false } = this.#options;
    let body = '';
    for await (const part of request.setEncoding('latin1')) body += part as string;
    let state = this.#states.get(request.socket);
    if (state === undefined) this.#states.set(request.socket, (state = { acceptor: new NtlmAcceptor({ credentials: ALICE }), in: false }));
    const [scheme = '', base64] = (request.headers.authorization ?? '').split(' ');
    const token = base64 === undefined ? undefined : Buffer.from(base64, 'base64');
    const ask = (...also: string[]): void => {
      response.setHeader('WWW-Authenticate', [...also, ...(also.length > 0 ? [] : offers)]);
      response.writeHead(401).end('who?');
    };
    if (token === undefined) {
      this.seen.push('none');
      if (!state.in) return ask();
    } else if (token.subarray(0, 7).toString() === 'NTLMSSP') {
      this.seen.push(`${scheme} type ${token[8]}`);
      if (token[8] === 1) return ask(`${scheme} ${Buffer.from(state.acceptor.challenge(token)).toString('base64')}`);
      if (!(await state.acceptor.authenticate(token)).ok) return ask();
      state.in = true;
    } else {
      const kind = decodeSpnegoToken(token);
      const isNtlm = kind.type === 'init' && kind.mechTypes.includes('1.3.6.1.4.1.311.2.2.10');
      this.seen.push(isNtlm ? `${scheme} NTLM in SPNEGO` : 'Kerberos');
      if (isNtlm) return ask();
      const answer = answers[Math.min(this.#tickets++, answers.length - 1)]!;
      if (answer.date !== undefined) response.setHeader('Date', answer.date.toUTCString());
      if (answer.token !== undefined) response.setHeader('WWW-Authenticate', `Negotiate ${typeof answer.token === 'string' ? answer.token : Buffer.from(answer.token).toString('base64')}`);
      else if (answer.status === 401) return ask();
      if (answer.status !== 200) return void response.writeHead(answer.status).end('no');
      state.in = true;
    }
    this.handled.push(body);
    if (each) state.in = false;
    response.end('in');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

const said = (code: NtlmError['code']) => new NtlmError(`because ${code}`, { code, phase: 'kerberos', side: 'local' });
const failing = (code: NtlmError['code']): Script => ({ steps: [{ error: said(code) }] });

afterEach(() => vi.restoreAllMocks());

describe.each(carriers)('$name', (carrier) => {
  /** A client with NTLM behind Kerberos, or with `credentials: kerberos()` alone. */
  function open(script: Script = {}, options: KerberosOptions & { readonly alone?: boolean } & Partial<Pick<CarrierOptions, 'connections' | 'legTimeout' | 'spn'>> = {}): { client: Client; provider: StandIn } {
    const { alone = false, connections, legTimeout, spn, ...rest } = options;
    const provider = standIn(script);
    const value = kerberos({ provider, ...rest });
    const who = alone ? { credentials: value } : { credentials: ALICE, negotiate: value };
    const some = { ...(connections === undefined ? {} : { connections }), ...(legTimeout === undefined ? {} : { legTimeout }), ...(spn === undefined ? {} : { spn }) };
    return { client: carrier.open({ ...who, ...some }), provider };
  }

  test('goes first, is asked by the name of the host, and the connection is kept', async () => {
    await using server = await Server.listen();
    const { client, provider } = open({}, { connections: 1 });
    await using _ = client;
    for (let at = 0; at < 3; at += 1) expect((await client.request(server.url)).status).toBe(200);
    expect(server.seen).toEqual(['none', 'Kerberos', 'none', 'none']);
    expect(provider.requests.map(({ spn }) => spn)).toEqual(['HTTP/127.0.0.1']);
  });

  test.each([
    [{ spn: 'HTTP/named' }, {}, 'HTTP/named'],
    [{ spn: 'HTTP/named' }, { spn: 'HTTP/closer' }, 'HTTP/closer'],
  ])('under the name that options give: %o %o', async ({ spn }, { spn: closer }: { spn?: string }, expected) => {
    await using server = await Server.listen();
    const provider = standIn();
    await using client = carrier.open({ credentials: ALICE, spn, negotiate: kerberos({ provider, ...(closer === undefined ? {} : { spn: closer }) }) });
    expect((await client.request(server.url)).status).toBe(200);
    expect(provider.requests[0]?.spn).toBe(expected);
  });

  test('once for each connection that is opened, however many at a time', async () => {
    await using server = await Server.listen();
    const { client, provider } = open({}, { connections: 4 });
    await using _ = client;
    const bodies = Array.from({ length: 12 }, (_, at) => `body ${at}`);
    const replies = await Promise.all(bodies.map((body) => client.request(server.url, { method: 'POST', body })));
    expect(replies.map(({ status }) => status)).toEqual(bodies.map(() => 200));
    expect([...server.handled].sort()).toEqual([...bodies].sort());
    expect(provider.requests.length).toBeLessThanOrEqual(4);
    expect(server.seen.filter((each) => each.startsWith('NTLM'))).toEqual([]);
  });

  test('a server that wants it with each request: a fresh token, the body once, also one that cannot be sent twice', async () => {
    await using server = await Server.listen({ each: true });
    const { client, provider } = open({}, { connections: 1 });
    await using _ = client;
    const bodies = Array.from({ length: 6 }, (_, at) => `${at}`.repeat(50));
    for (const [at, body] of bodies.entries()) {
      const reply = await client.request(server.url, { method: 'POST', body: at % 2 === 0 ? Readable.from([Buffer.from(body)]) : body });
      expect(reply.status).toBe(200);
    }
    expect(server.handled).toEqual(bodies);
    expect(provider.requests.length).toBe(6);
  });

  test('a server that wants another leg gets it on the same connection', async () => {
    await using server = await Server.listen({ answers: [{ status: 401, token: reply({ negState: 'accept-incomplete', responseToken: NEXT }) }, PROVEN] });
    const { client, provider } = open({ steps: [{ answer: { token: FIRST, complete: false } }, { answer: { token: NEXT, complete: false } }, { answer: { complete: true } }] });
    await using _ = client;
    expect((await client.request(server.url, { method: 'POST', body: 'once' })).status).toBe(200);
    expect(provider.given).toEqual([undefined, NEXT, LAST_WORD]);
    expect(server.handled).toEqual(['once']);
  });

  describe('no downgrade', () => {
    test.each(['no-ticket', 'unknown-service', 'unsupported'] as const)('%s: nothing was sent, and NTLM follows, with a reason and one warning', async (code) => {
      await using server = await Server.listen();
      const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { client } = open(failing(code), { connections: 1 });
      await using _ = client;
      expect((await client.request(server.url, { method: 'POST', body: 'x' })).status).toBe(200);
      expect((await client.request(server.url)).status).toBe(200);
      expect(server.seen).not.toContain('Kerberos');
      expect(server.seen).toContain('NTLM type 3');
      expect(warnings.mock.calls).toEqual([[`NTLM in place of what was to go first, for ${new URL(server.url).origin}: because ${code}`, { type: 'NtlmWarning', code }]]);
    });

    test.each(['no-ticket', 'unknown-service', 'ticket-expired', 'clock-skew', 'realm-unreachable'] as const)('%s, and NTLM is forbidden: the 401, and why', async (code) => {
      await using server = await Server.listen();
      const { client } = open(failing(code), { ntlm: false });
      await using _ = client;
      const reply = await client.request(server.url);
      expect([reply.status, explainRefusal(reply)]).toEqual([401, { code, message: `because ${code}` }]);
      expect(server.seen.filter((each) => each !== 'none')).toEqual([]);
    });

    test.each(['ticket-expired', 'clock-skew', 'realm-unreachable'] as const)('%s is answered by NTLM only where that was asked for', async (code) => {
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      await using server = await Server.listen();
      const { client } = open(failing(code));
      await using _ = client;
      const reply = await client.request(server.url);
      expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, code]);
      expect(server.seen.filter((each) => each !== 'none')).toEqual([]);
      const asked = open(failing(code), { ntlm: 'after-refusal' });
      await using __ = asked.client;
      expect((await asked.client.request(server.url)).status).toBe(200);
    });

    test.each([PLAIN_REFUSAL, { status: 401, token: reply({ negState: 'reject' }) }])('a server that refuses every ticket gets one with each request, and never NTLM: %o', async (answer) => {
      await using server = await Server.listen({ answers: [answer] });
      const { client } = open({}, { connections: 1 });
      await using _ = client;
      for (let at = 1; at <= 3; at += 1) {
        const reply = await client.request(server.url, { method: 'POST', body: 'x' });
        expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'ticket-refused']);
        expect(server.seen.filter((each) => each !== 'none')).toEqual(Array.from({ length: at }, () => 'Kerberos'));
      }
      expect(server.handled).toEqual([]);
    });

    test.each([[3600, /; its clock is (?:3599|3600) seconds ahead of ours, and tickets allow 300$/], [-3600, /; its clock is 360[01] seconds behind ours/], [0, /may not come in$/]])('a refusal of a server whose clock is %i seconds ahead', async (ahead, message) => {
      await using server = await Server.listen({ answers: [{ status: 401, date: new Date(Date.now() + 1000 * ahead) }] });
      const { client } = open();
      await using _ = client;
      expect(explainRefusal(await client.request(server.url))).toEqual({ code: 'ticket-refused', message: expect.stringMatching(message) });
    });

    test('"after-refusal": NTLM follows on another connection, and goes first from then on, until refusals are forgotten', async () => {
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      await using server = await Server.listen({ answers: [PLAIN_REFUSAL, PROVEN] });
      const { client } = open({}, { ntlm: 'after-refusal', connections: 4 });
      await using _ = client;
      expect((await client.request(server.url, { method: 'POST', body: 'once' })).status).toBe(200);
      expect(server.seen.filter((each) => each !== 'none')).toEqual(['Kerberos', 'NTLM type 1', 'NTLM type 3']);
      expect(server.handled).toEqual(['once']);
      const other = await Promise.all(Array.from({ length: 3 }, () => client.request(server.url)));
      expect(other.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(server.seen.filter((each) => each === 'Kerberos')).toHaveLength(1);
      server.forget();
      expect((await client.request(server.url)).status).toBe(200);
      expect(server.seen.filter((each) => each === 'Kerberos')).toHaveLength(1);
      client.forgetRefusals();
      server.forget();
      expect((await client.request(server.url)).status).toBe(200);
      expect(server.seen.filter((each) => each === 'Kerberos')).toHaveLength(2);
    });

    test('a server that offers NTLM alone: NTLM, with a warning, or nothing where it is forbidden', async () => {
      const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      await using server = await Server.listen({ offers: ['NTLM'] });
      const { client, provider } = open();
      await using _ = client;
      expect((await client.request(server.url)).status).toBe(200);
      expect(warnings.mock.calls).toEqual([[expect.stringMatching(/the other end offers NTLM and no Negotiate, by which Kerberos goes/), { type: 'NtlmWarning', code: 'mechanism-refused' }]]);
      const forbidden = open({}, { ntlm: false });
      await using __ = forbidden.client;
      const reply = await forbidden.client.request(server.url);
      expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'downgrade-refused']);
      expect([...provider.requests, ...forbidden.provider.requests]).toEqual([]);
    });

    test('a server that offers Negotiate alone may take NTLM inside it; where it does not, both reasons are said', async () => {
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      await using server = await Server.listen({ offers: ['Negotiate'] });
      const { client } = open(failing('no-ticket'));
      await using _ = client;
      const reply = await client.request(server.url);
      expect(reply.status).toBe(401);
      expect(explainRefusal(reply)?.message).toMatch(/; NTLM was taken since because no-ticket$/);
      expect(server.seen.filter((each) => each !== 'none')).toEqual(['Negotiate NTLM in SPNEGO']);
    });

    test('nothing for NTLM: nothing of it is tried', async () => {
      await using server = await Server.listen();
      const { client } = open(failing('no-ticket'), { alone: true });
      await using _ = client;
      const reply = await client.request(server.url);
      expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'no-ticket']);
      const well = open({}, { alone: true });
      await using __ = well.client;
      expect((await well.client.request(server.url)).status).toBe(200);
    });
  });

  describe('a server that', () => {
    const once = async (script: Script, options: ServerOptions, more: KerberosOptions & { legTimeout?: number } = {}): Promise<{ code: unknown; seen: string[] }> => {
      await using server = await Server.listen(options);
      const { client } = open(script, { ...more, alone: true });
      await using _ = client;
      const reply = await client.request(server.url).catch((error: unknown) => error as NtlmError);
      return { code: reply instanceof Error ? (reply as NtlmError).code : reply.status === 401 ? explainRefusal(reply)?.code : reply.status, seen: server.seen };
    };
    const broken: Script = { steps: [{ answer: { token: FIRST, complete: false } }, { error: new Error('an invalid token was supplied') }] };

    test.each<[string, Answer, Script, unknown]>([
      ['lets in without its last token', { status: 200 }, {}, 'server-unproven'],
      ['lets in with a last token for nobody', { status: 200, token: reply() }, {}, 'server-unproven'],
      ['lets in with a token that the provider refuses: garbage, foreign, or one replayed', { status: 200, token: reply({ responseToken: FIRST }) }, broken, 'server-unproven'],
      ['lets in and says reject', { status: 200, token: reply({ negState: 'reject' }) }, {}, 'ticket-refused'],
      ['sends back what it got', { status: 200, token: encodeNegTokenInit({ mechTypes: ['1.2.840.113554.1.2.2'], mechToken: FIRST }) }, broken, 'server-unproven'],
      ['answers with noise', { status: 200, token: Uint8Array.of(1, 2, 3) }, {}, 'malformed-token'],
      ['answers with what is no base64', { status: 200, token: 'YIJ' }, {}, 'malformed-token'],
      ['answers with NTLM', { status: 200, token: new TextEncoder().encode('NTLMSSP\0\x02') }, {}, 'mechanism-refused'],
      ['asks on with noise', { status: 401, token: Uint8Array.of(1, 2, 3) }, {}, 'malformed-token'],
      ['asks on with a token that the provider refuses', { status: 401, token: reply({ responseToken: NEXT }) }, broken, 'ticket-refused'],
      ['asks on though there is nothing more to say', { status: 401, token: reply({ negState: 'accept-incomplete', responseToken: NEXT }) }, {}, 'ticket-refused'],
      ['asks on with NTLM', { status: 401, token: new TextEncoder().encode('NTLMSSP\0\x02') }, {}, 'mechanism-refused'],
      ['fails, and says nothing of the ticket', { status: 503 }, {}, 503],
      ['has no such page', { status: 404 }, {}, 404],
      ['wants more than a name, and proves its own', { status: 403, token: reply({ responseToken: LAST_WORD }) }, {}, 403],
    ])('%s', async (_, answer, script, code) => {
      expect((await once(script, { answers: [answer] })).code).toBe(code);
    });

    test('lets in without its last token, where that was not asked for', async () => {
      expect((await once({}, { answers: [{ status: 200 }] }, { mutual: false })).code).toBe(200);
    });
  });

  describe('a provider that', () => {
    test.each<[string, Script, string]>([
      ['throws', { begin: { error: new Error('broken') } }, 'service-failed'],
      ['gives no context', { begin: { answer: 5 } }, 'service-failed'],
      ['gives no step', { steps: [{ answer: 5 }] }, 'service-failed'],
      ['hangs as it begins', { begin: 'hangs' }, 'timed-out'],
      ['hangs as it steps', { steps: ['hangs'] }, 'timed-out'],
      ['hangs over the last token', { steps: [{ answer: { token: FIRST, complete: false } }, 'hangs'] }, 'timed-out'],
    ])('%s: an error of the request, and no NTLM', async (_, script, code) => {
      await using server = await Server.listen();
      const { client } = open(script, { legTimeout: 200 });
      await using __ = client;
      await expect(client.request(server.url)).rejects.toMatchObject({ code });
      expect(server.seen.filter((each) => each.includes('NTLM'))).toEqual([]);
    });
  });

  test('what happens is told over the channel: the machine of Kerberos beside that of the connection', async () => {
    const { subscribe, unsubscribe } = await import('node:diagnostics_channel');
    const told: { machine?: string; to?: string; error?: { code: string } }[] = [];
    const listen = (event: unknown): void => void ((event as { type: string }).type === 'step' && told.push(event as (typeof told)[number]));
    subscribe(HTTP_CHANNEL, listen);
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      await using server = await Server.listen();
      const { client } = open(failing('no-ticket'));
      await using _ = client;
      expect((await client.request(server.url)).status).toBe(200);
    } finally {
      unsubscribe(HTTP_CHANNEL, listen);
    }
    expect(told.some(({ machine, to }) => machine === 'connection' && to === 'presenting.initiating')).toBe(true);
    expect(told.find(({ machine, to }) => machine === 'kerberos' && to === 'failed')?.error?.code).toBe('no-ticket');
  });
});

test('options that are no value of the kind are named', () => {
  const wrong = [5, {}, { mechanism: 'Kerberos' }, null] as unknown as ReturnType<typeof kerberos>[];
  for (const negotiate of wrong) expect(thrown(() => new NtlmAgent({ credentials: ALICE, negotiate })).message).toMatch(/^"negotiate" must be what kerberos\(\)/);
  for (const negotiate of wrong) expect(thrown(() => new NtlmAgent({ credentials: ALICE, proxy: { url: 'http://proxy', negotiate } })).message).toMatch(/^"proxy.negotiate" must be/);
  expect(thrown(() => new NtlmDispatcher({ credentials: kerberos(), negotiate: kerberos() })).message).toMatch(/^"negotiate" goes before other credentials/);
  expect(thrown(() => new NtlmAgent({ negotiate: kerberos() } as never)).message).toMatch(/^"credentials" must be/);
  expect(() => new NtlmAgent({ credentials: currentUser(), proxy: { url: 'http://proxy', credentials: ALICE, negotiate: kerberos() } })).not.toThrow();
});
