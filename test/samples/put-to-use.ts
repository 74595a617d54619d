/**
 * What a sample makes and does not use itself is put to use, each by its kind: a door goes to the keep, a server is asked, a
 * client and an acceptor shake hands. Whatever comes of that other than what the sample is shown for throws.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { ClientRequest, get, request, Server, type IncomingMessage } from 'node:http';
import { createServer, get as getOverTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Credentials, NtlmClient, type NtlmActor } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';
import { channelBindings } from 'ntlmachine/channel-bindings';
import { NtlmAgent, type NtlmMiddleware } from 'ntlmachine/http';
import { currentUser, type Negotiator } from 'ntlmachine/kerberos';
import { lm } from 'ntlmachine/legacy';
import { SaslClient } from 'ntlmachine/sasl';
import { SpnegoAcceptor } from 'ntlmachine/spnego';
import type { Visualization } from 'ntlmachine/visualize';
import { credentials, socket } from './readers-own.ts';
import { speaksOf, surroundings } from './surroundings.ts';
import { wire } from './wire.ts';

const { site, greeting } = surroundings;

interface Use {
  readonly kind: string;
  is(thing: unknown): boolean;
  put(thing: unknown): unknown;
}

const isObject = (thing: unknown): thing is object => (typeof thing === 'object' && thing !== null) || typeof thing === 'function';
const use = <T extends object>(kind: string, is: (thing: object) => boolean, put: (thing: T) => unknown): Use => ({
  kind,
  is: (thing) => isObject(thing) && is(thing),
  put: (thing) => put(thing as T),
});
const has = (...names: readonly string[]) => (thing: object) => names.every((name) => name in thing);

const uses: readonly Use[] = [
  use<NtlmAgent>('agent', (thing) => thing instanceof NtlmAgent, async (agent) => greets(await ask(site, agent))),
  use<Negotiator>('Kerberos', has('mechanism', 'machine', 'forProxy'), async (negotiate) => greets(await ask(site, new NtlmAgent({ credentials, negotiate })))),
  use<Dispatcher>('dispatcher', has('dispatch', 'forgetRefusals'), async (dispatcher) => {
    const { fetch } = await import('undici');
    greets(await fetch(site, { dispatcher }));
  }),
  use<typeof fetch>('fetch', (thing) => typeof thing === 'function' && has('forgetRefusals', 'close')(thing), async (ntlmFetch) => greets(await ntlmFetch(site))),
  use<Axios>('axios', has('interceptors', 'get'), async (axios) => {
    const { status, data } = await axios.get('/', { baseURL: axios.defaults.baseURL ?? site });
    assert.deepEqual([status, data], [200, greeting]);
  }),
  use<Got>('got', has('paginate', 'stream'), async (got) => assert.equal(await got(site).text(), greeting)),
  use<Server>('server', (thing) => thing instanceof Server, async (server) => {
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await (speaksOf('createGateway') ? goesThrough(port) : asksForNtlm(`http://keep.castle.example:${port}/`));
    server.close();
  }),
  use<NtlmMiddleware>('middleware', (thing) => typeof thing === 'function' && thing.length === 3, async (middleware) => {
    const { cert, key } = surroundings;
    const server = createServer({ cert, key }, (request, response) => middleware(request, response, () => response.end('past it')));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    await asksForNtlm(`https://keep.castle.example:${(server.address() as AddressInfo).port}/`);
    server.close();
  }),
  use<NtlmClient>('client', (thing) => thing instanceof NtlmClient, async (client) => {
    if (client.state === 'idle') await shakesHands(client);
    assert.equal(client.state, 'authenticated');
  }),
  use<NtlmActor>('actor', (thing) => has('getSnapshot', 'send', 'on')(thing) && has('challengeToken')((thing as NtlmActor).getSnapshot().context), async (actor) => {
    await shakesHands(new NtlmClient(actor));
    assert.equal(actor.getSnapshot().value, 'authenticated');
  }),
  use<Credentials>('credentials', (thing) => thing instanceof Credentials, (made) => shakesHands(new NtlmClient({ credentials: made }))),
  use<SaslClient>('SASL', (thing) => thing instanceof SaslClient, ({ client }) => assert.equal(client.state, 'authenticated')),
  use<NtlmAcceptor | SpnegoAcceptor>('acceptor', (thing) => thing instanceof NtlmAcceptor || thing instanceof SpnegoAcceptor, ({ state }) => assert.equal(state, 'accepted')),
  use<Visualization>('page', has('url', 'unref', 'close'), async (page) => {
    const response = await fetch(page.url);
    assert.match(await response.text(), /^<!doctype html>/i);
    await page.close();
  }),
  use<ClientRequest>('request', (thing) => thing instanceof ClientRequest, async (sent) => {
    const response = (sent as { readonly res?: IncomingMessage }).res ?? ((await once(sent, 'response')) as [IncomingMessage])[0];
    assert.equal(response.statusCode, 200);
  }),
  use<Promise<unknown>>('promise', (thing) => thing instanceof Promise, async (promise) => putEach(await promise)),
  use<Answer>('answer', (thing) => has('headers')(thing) && (has('status')(thing) || has('statusCode')(thing)), ({ status, statusCode }) => assert.equal(status ?? statusCode, 200)),
];

/** As alice, by a ticket where there are some. */
async function ask(url: string, agent = new NtlmAgent({ credentials: speaksOf('ntlmachine/kerberos') ? currentUser() : credentials })): Promise<{ status: number; text(): Promise<string> }> {
  const asked = (url.startsWith('https:') ? getOverTls : get)(url, { agent });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, text: () => text(response) };
}

async function greets(response: { readonly status: number; text(): Promise<string> }): Promise<void> {
  assert.deepEqual([response.status, await response.text()], [200, greeting]);
}

/** 401 to somebody, 200 to alice: of all that a server has, or of what it keeps apart. */
async function asksForNtlm(url: string): Promise<void> {
  const nobody = new NtlmAgent({ credentials: () => undefined });
  const closed = [url, `${url}private`];
  while (closed.length > 0 && (await ask(closed[0]!, nobody)).status !== 401) closed.shift();
  assert.notEqual(closed.length, 0, 'this server asks nobody');
  assert.equal((await ask(closed[0]!)).status, 200);
}

async function goesThrough(port: number): Promise<void> {
  const asked = request({ host: '127.0.0.1', port, path: 'http://news.example/', headers: { host: 'news.example' } }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  assert.deepEqual([response.statusCode, await text(response)], [200, 'http://news.example/ for CASTLE\\alice']);
}

/** With who knows the password of whoever comes, and takes what the sample was told to send. */
async function shakesHands(client: NtlmClient): Promise<void> {
  const acceptor = new SpnegoAcceptor({
    credentials: ({ username, domain }) => Credentials.fromPassword({ username, domain, password: surroundings.password }),
    policy: speaksOf('ntlmachine/legacy') ? lm : 'ntlmv2',
    ...(speaksOf('socket') ? { channelBindings: channelBindings.fromTlsSocket(socket), requireChannelBindings: true } : {}),
  });
  for (let { token } = client.step(); token !== undefined; ) {
    const step = await acceptor.accept(token);
    assert.notEqual(step.state, 'refused');
    ({ token } = client.step(step.token));
  }
  assert.deepEqual([client.state, acceptor.state], ['authenticated', 'accepted']);
}

interface Answer {
  readonly status?: number;
  readonly statusCode?: number;
}
interface Axios {
  readonly defaults: { readonly baseURL?: string };
  get(url: string, config: object): Promise<{ readonly status: number; readonly data: unknown }>;
}
type Got = (url: string) => { text(): Promise<string> };
type Dispatcher = import('undici').Dispatcher;

/** @throws where something is not what it is shown for, and where nothing is shown to be anything. */
export async function putToUse(made: readonly unknown[]): Promise<never> {
  const put: string[] = [];
  for (const thing of new Set(made)) put.push(...(await putEach(thing)));
  assert.equal(await wire.wasRefused(), false, 'the server at the other end of the wire did not take what was sent');
  assert.notEqual(put.length, 0, 'nothing that this sample makes is known here: let it print something and mark it "run", or say in put-to-use.ts how it is used');
  process.exit(0); // connections are kept
}

async function putEach(thing: unknown): Promise<string[]> {
  const known = uses.find(({ is }) => is(thing));
  if (known === undefined) return [];
  await known.put(thing);
  return [known.kind];
}
