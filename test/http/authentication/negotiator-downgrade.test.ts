/** A server that has seen a ticket, or might have, and then would rather have NTLM: by whatever way, it gets none. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { HTTP_CHANNEL, explainRefusal } from '../../../src/http/index.ts';
import { NtlmError } from '../../../src/index.ts';
import { kerberos, type KerberosOptions } from '../../../src/kerberos/index.ts';
import { MechType } from '../../../src/spnego/index.ts';
import { LAST_WORD, reply, standIn, type Script } from '../../kerberos/support.ts';
import { carriers, type Client, type Reply } from '../support/carriers.ts';
import { ALICE } from '../support/origin.ts';

interface Asked {
  readonly path: string;
  readonly response: ServerResponse;
  /** `none`, `ticket`, `type 1` or `type 3`. */
  readonly what: string;
  /** How many tickets came so far. */
  readonly tickets: number;
  readonly ask: (...challenges: readonly string[]) => void;
  /** Lets in, with the proof where it was a ticket. */
  readonly pass: () => void;
  readonly close: () => void;
}

type Answering = (asked: Asked) => void;

/** What answers as it is told, but takes type 1 and type 3 whenever they come. */
async function listen(answer: Answering) {
  const seen: string[] = [];
  const acceptors = new WeakMap<object, NtlmAcceptor>();
  let tickets = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { socket } = request;
    for await (const _ of request);
    const [, base64] = (request.headers.authorization ?? '').split(' ');
    const token = base64 === undefined ? undefined : Buffer.from(base64, 'base64');
    const isNtlm = token?.includes('NTLMSSP') === true;
    const what = token === undefined ? 'none' : !isNtlm ? 'ticket' : `type ${token[token.indexOf('NTLMSSP') + 8]}`;
    seen.push(isNtlm && token?.indexOf('NTLMSSP') !== 0 ? `SPNEGO ${what}` : what);
    if (what !== 'type 1') response.setHeader('Connection', 'close'); // so that the next request opens another
    if (what === 'ticket') tickets += 1;
    const ask = (...challenges: readonly string[]): void => void response.writeHead(401, { 'WWW-Authenticate': [...challenges] }).end('who?');
    if (what === 'type 1' && token?.indexOf('NTLMSSP') === 0) {
      const acceptor = new NtlmAcceptor({ credentials: ALICE });
      acceptors.set(socket, acceptor);
      return ask(`NTLM ${Buffer.from(acceptor.challenge(token!)).toString('base64')}`);
    }
    if (what === 'type 3') return (await acceptors.get(socket)!.authenticate(token!)).ok ? void response.end('in') : ask('NTLM');
    const pass = (): void => {
      if (what === 'ticket') response.setHeader('WWW-Authenticate', `Negotiate ${base64Of(reply({ responseToken: LAST_WORD }))}`);
      response.end('in');
    };
    answer({ path: request.url ?? '', response, what, tickets, ask, pass, close: () => void socket.destroy() });
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    /** Without the requests that carried nothing. */
    tokens: () => seen.filter((each) => each !== 'none'),
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const TYPE_2 = base64Of(new NtlmAcceptor({ credentials: ALICE }).challenge(Buffer.from('TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA=', 'base64')));
const codeOf = (end: Reply | NtlmError): unknown => (end instanceof Error ? end.code : end.status === 401 ? explainRefusal(end)?.code : end.status);
const get = (client: Client, url: string): Promise<Reply | NtlmError> => client.request(url).catch((error: unknown) => error as NtlmError);

beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => {}));
afterEach(() => void vi.restoreAllMocks());

describe.each(carriers)('$name', (carrier) => {
  const open = (options: KerberosOptions = {}, script: Script = {}): Client => carrier.open({ credentials: ALICE, connections: 1, legTimeout: 2000, negotiate: kerberos({ provider: standIn(script), ...options }) });

  describe('a ticket that is answered', () => {
    const BOTH = ['Negotiate', 'NTLM'];
    test.each<[string, Answering]>([
      ['by NTLM alone', ({ ask }) => ask('NTLM')],
      ['by a type 2 of the scheme NTLM', ({ ask }) => ask(`NTLM ${TYPE_2}`)],
      ['by a type 2 within Negotiate', ({ ask }) => ask(`Negotiate ${TYPE_2}`, 'NTLM')],
      ['by a reject beside NTLM', ({ ask }) => ask(`Negotiate ${base64Of(reply({ negState: 'reject' }))}`, 'NTLM')],
      ['by the choice of NTLM', ({ ask }) => ask(`Negotiate ${base64Of(reply({ negState: 'request-mic', supportedMech: MechType.NTLMSSP }))}`, 'NTLM')],
      ['by the choice of NTLM with a type 2', ({ ask }) => ask(`Negotiate ${base64Of(reply({ negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP, responseToken: Buffer.from(TYPE_2, 'base64') }))}`, 'NTLM')],
      ['by a type 2 as if it were of Kerberos', ({ ask }) => ask(`Negotiate ${base64Of(reply({ negState: 'accept-incomplete', responseToken: Buffer.from(TYPE_2, 'base64') }))}`, 'NTLM')],
      ['by request-mic', ({ ask }) => ask(`Negotiate ${base64Of(reply({ negState: 'request-mic' }))}`, 'NTLM')],
      ['by a 401 that closes the connection', ({ response, ask }) => (response.setHeader('Connection', 'close'), ask('NTLM'))],
      ['by a redirect to where NTLM is asked for', ({ response }) => void response.writeHead(302, { Location: '/other' }).end()],
      ['by a 407 of nobody', ({ response }) => void response.writeHead(407, { 'Proxy-Authenticate': 'NTLM' }).end()],
      ['by no answer', ({ close }) => close()],
    ])('%s: no NTLM, then or by the next request, whatever it is asked for', async (_, answer) => {
      await using server = await listen((asked) => {
        if (asked.path === '/open') return asked.tickets === 0 ? asked.pass() : asked.ask('NTLM');
        if (asked.what === 'ticket') return answer(asked);
        asked.ask(...(asked.tickets === 0 ? BOTH : ['NTLM']));
      });
      await using client = open();
      expect(codeOf(await get(client, `${server.url}/open`))).toBe(200);
      await get(client, `${server.url}/closed`);
      await get(client, `${server.url}/open`);
      await get(client, `${server.url}/closed`);
      await get(client, `${server.url}/open`);
      expect(new Set(server.tokens())).toEqual(new Set(['ticket']));
    });
  });

  test('a refusal outlasts the offer of Negotiate, until refusals are forgotten', async () => {
    let isOpen = true;
    await using server = await listen(({ path, response, ask }) => (path !== '/open' ? ask('Negotiate', 'NTLM') : isOpen ? void response.end('in') : ask('NTLM')));
    await using client = open();
    expect(codeOf(await get(client, `${server.url}/closed`))).toBe('ticket-refused');
    expect(codeOf(await get(client, `${server.url}/open`))).toBe(200); // and known to be open from now on
    isOpen = false;
    const refused = await get(client, `${server.url}/open`);
    expect([codeOf(refused), refused instanceof Error ? '' : explainRefusal(refused)?.message]).toEqual(['ticket-refused', expect.stringMatching(/no Negotiate, by which Kerberos goes, after this: the server refused the Kerberos ticket.*"forgetRefusals\(\)" begins anew$/)]);
    expect(server.tokens()).toEqual(['ticket', 'ticket']);
    isOpen = true;
    client.forgetRefusals();
    expect(codeOf(await get(client, `${server.url}/open`))).toBe(200);
  });

  test('or until a ticket is taken', async () => {
    let [isOpen, takes] = [true, false];
    await using server = await listen(({ path, what, response, ask, pass }) => {
      if (path === '/open') return isOpen ? void response.end('in') : ask('NTLM');
      return takes && what === 'ticket' ? pass() : ask('Negotiate', 'NTLM');
    });
    await using client = open();
    await get(client, `${server.url}/closed`);
    await get(client, `${server.url}/open`);
    takes = true;
    expect(codeOf(await get(client, `${server.url}/closed`))).toBe(200);
    isOpen = false;
    expect(codeOf(await get(client, `${server.url}/open`))).toBe(200);
    expect(server.tokens().slice(-2)).toEqual(['type 1', 'type 3']);
  });

  test('"after-refusal" takes NTLM by either offer', async () => {
    let offers = ['Negotiate', 'NTLM'];
    await using server = await listen(({ ask }) => ask(...offers));
    await using client = open({ ntlm: 'after-refusal' });
    expect(codeOf(await get(client, server.url))).toBe(200);
    offers = ['NTLM'];
    expect(codeOf(await get(client, server.url))).toBe(200);
    expect(server.tokens().filter((each) => each === 'ticket')).toHaveLength(1);
  });

  test('NTLM that was offered alone once is taken where it is asked for, and never unasked: Negotiate may be back', async () => {
    let offers = ['NTLM'];
    await using server = await listen(({ what, ask, pass }) => (what === 'ticket' ? pass() : ask(...offers)));
    await using client = open();
    expect(codeOf(await get(client, server.url))).toBe(200);
    offers = ['Negotiate', 'NTLM'];
    expect(codeOf(await get(client, server.url))).toBe(200);
    expect(server.tokens()).toEqual(['type 1', 'type 3', 'ticket']);
  });

  test('so after a Negotiate that took no NTLM: a ticket that is there by then goes first', async () => {
    const none = new NtlmError('no ticket', { code: 'no-ticket', phase: 'kerberos', side: 'local' });
    let has = false;
    const provider = standIn();
    const late = { ...provider, begin: (...given: Parameters<typeof provider.begin>) => (has ? provider.begin(...given) : Promise.reject(none)) };
    await using server = await listen(({ what, ask, pass }) => (what === 'ticket' ? pass() : what === 'none' ? ask('Negotiate') : ask('Negotiate', 'NTLM')));
    await using client = open({ provider: late });
    expect(codeOf(await get(client, server.url))).toBe(200);
    has = true;
    expect(codeOf(await get(client, server.url))).toBe(200);
    expect(server.tokens()).toEqual(['SPNEGO type 1', 'type 1', 'type 3', 'ticket']);
  });

  describe('a page that is open to all, beside one that is not', () => {
    const one = (answer: (asked: Asked) => void) => listen((asked) => (asked.path === '/closed' ? (asked.what === 'ticket' ? asked.pass() : asked.ask('Negotiate')) : answer(asked)));

    test('owes no proof of a ticket that it did not ask for, and gets none from then on; the body comes once', async () => {
      let handled = 0;
      const states: unknown[] = [];
      const listen = (event: unknown): void => void states.push((event as { to?: string }).to);
      diagnostics.subscribe(HTTP_CHANNEL, listen);
      await using server = await one(({ response }) => ((handled += 1), void response.end('in')));
      await using client = open();
      expect(codeOf(await get(client, `${server.url}/closed`))).toBe(200);
      expect((await client.request(`${server.url}/open`, { method: 'POST', body: 'x' })).status).toBe(200);
      expect((await client.request(`${server.url}/open`, { method: 'POST', body: 'x' })).status).toBe(200);
      diagnostics.unsubscribe(HTTP_CHANNEL, listen);
      expect([server.tokens(), handled, states.includes('refused')]).toEqual([['ticket', 'ticket'], 2, false]);
    });

    test('nor is its connection anybody\'s', async () => {
      await using server = await one(({ response }) => void response.setHeader('Connection', 'keep-alive').end('in'));
      await using client = open();
      expect(codeOf(await get(client, `${server.url}/closed`))).toBe(200);
      expect(codeOf(await get(client, `${server.url}/open`))).toBe(200);
      expect(codeOf(await get(client, `${server.url}/closed`))).toBe(200);
      expect(server.tokens()).toEqual(['ticket', 'ticket', 'ticket']);
    });

    test('is not believed with a proof that is wrong', async () => {
      await using server = await one(({ response }) => void response.setHeader('WWW-Authenticate', `Negotiate ${base64Of(reply())}`).end('in'));
      await using client = open();
      expect(codeOf(await get(client, `${server.url}/closed`))).toBe(200);
      expect(codeOf(await get(client, `${server.url}/open`))).toBe('server-unproven');
    });

    test('nor is one that has asked before', async () => {
      let proves = true;
      await using server = await listen(({ what, response, ask, pass }) => (what === 'none' ? ask('Negotiate') : proves ? pass() : void response.end('in')));
      await using client = open();
      expect(codeOf(await get(client, `${server.url}/closed`))).toBe(200);
      proves = false;
      expect(codeOf(await get(client, `${server.url}/closed`))).toBe('server-unproven');
    });
  });
});
