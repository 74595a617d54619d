/** Apps of three kinds, watched live in a browser: what the page shows is what the server saw, no more and no less. */
import { once } from 'node:events';
import { Agent, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import axios from 'axios';
import { Credentials } from 'ntlmachine';
import { createNtlmFetch } from 'ntlmachine/fetch';
import { NtlmAgent, createNtlmServer } from 'ntlmachine/http';
import { visualize, type Visualization } from 'ntlmachine/visualize';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startChromium } from './support/chromium.ts';
import { stepsOf, witnessed, type Message, type Witnessed } from './support/witness.ts';

const RIGHT = 'drawbridge-41';
const WRONG = 'portcullis-41';
const login = (password: string) => Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });

/** A busy machine takes its time. */
const patiently = <T>(work: () => T | Promise<T>) => expect.poll(work, { timeout: 20_000 });

let browser: Browser;
let page: Page;
let shown: Visualization;
let servers: Server[];
let troubles: string[];

beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());
beforeEach(() => {
  servers = [];
  troubles = [];
});
afterEach(async () => {
  await page.context().close();
  await shown.close();
  for (const server of servers) server.close().closeAllConnections();
  expect(troubles).toEqual([]);
});

async function listening(server: Server): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function watch(carrier: object): Promise<void> {
  shown = await visualize(carrier);
  page = await (await browser.newContext({ viewport: { width: 1280, height: 720 }, reducedMotion: 'reduce' })).newPage();
  page.on('console', (message) => void (['error', 'warning'].includes(message.type()) && troubles.push(message.text())));
  page.on('pageerror', (error) => void troubles.push(error.message));
  await page.goto(shown.url);
  await patiently(() => page.textContent('#title')).toBe('waiting for the first request');
}

const descriptions = (): Promise<string[]> => page.locator('ntlm-flow [data-step]').evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-description') ?? ''));
const threadId = (): Promise<string | undefined> => page.evaluate(() => (document.querySelector('ntlm-flow') as unknown as { position?: { thread: string } }).position?.thread);
const bands = (): Promise<string[]> => page.locator('ntlm-flow [data-band]').evaluateAll((all) => all.map((band) => band.getAttribute('data-band') ?? ''));

/** Each token hangs on one rung, and its bytes are those that the server saw, but for what is masked. */
async function expectTokens(messages: readonly Message[]): Promise<void> {
  const rungs = page.locator('ntlm-flow .row:has(.chip)');
  expect(await rungs.count()).toBe(messages.length);
  const shownBytes: string[][] = [];
  for (let at = 0; at < messages.length; at++) {
    await rungs.nth(at).click();
    shownBytes.push(await page.locator('ntlm-flow .byte').allTextContents());
  }
  for (const [at, bytes] of shownBytes.entries()) {
    const due = [...messages[at]!.bytes].map((byte) => byte.toString(16).padStart(2, '0'));
    expect(bytes.map((byte, i) => (byte === '**' ? due[i] : byte)), messages[at]!.label).toEqual(due);
    if (messages[at]!.type !== 'AUTHENTICATE') expect(bytes).not.toContain('**');
  }
}

async function expectTimeForwards(): Promise<void> {
  const times = await page.locator('ntlm-flow .row [data-time]').evaluateAll((all) => all.map((each) => Number(each.getAttribute('data-time'))));
  expect(times.length).toBeGreaterThan(2);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
}

const messagesOf = (seen: readonly Witnessed[]): Message[] => seen.flatMap(({ sent, answered }) => [sent, answered].filter((each) => each !== undefined));

test('axios with an NtlmAgent: two requests at once are two lanes, one that waits is shown waiting', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => void (release = resolve));
  const { server, seen } = witnessed({ credentials: login(RIGHT) }, (incoming, response) => {
    if (incoming.url !== '/slow') return void response.end('orders');
    void held.then(() => response.end('slow'));
  });
  const url = await listening(server);
  const agent = new NtlmAgent({ allow: url, credentials: login(RIGHT), maxSockets: 2 });
  await watch(agent);
  const client = axios.create({ httpAgent: agent, proxy: false, baseURL: url });

  await client.get('/first');
  const slow = client.get('/slow');
  await patiently(async () => (await descriptions()).slice(-2)).toEqual(['client to server: GET /slow', 'server to client: no answer yet']);
  const quick = await client.get('/orders?customer=41');
  expect(quick.data).toBe('orders');
  await patiently(() => page.locator('ntlm-flow [role=tab]').count()).toBe(2);
  expect((await descriptions()).at(-1)).toBe('server to client: no answer yet');
  release();
  expect((await slow).data).toBe('slow');

  const connections = [...new Set(seen.map(({ connection }) => connection))];
  expect(connections.length).toBe(2);
  for (const [at, connection] of connections.entries()) {
    const own = seen.filter((each) => each.connection === connection);
    await page.locator('ntlm-flow [role=tab]').nth(at).click();
    await patiently(descriptions).toEqual(stepsOf(own));
    expect(await bands()).toEqual(['1 accepted']);
    await expectTimeForwards();
    await expectTokens(messagesOf(own));
  }
  agent.destroy();
});

test('createNtlmFetch with a wrong password, then the right one, which somebody types', async () => {
  const { server, seen } = witnessed({ credentials: login(RIGHT) }, (_, response) => void response.end('orders'));
  const url = await listening(server);
  let type = (_password: string): void => {};
  let asked = 0;
  const own = createNtlmFetch({
    allow: url,
    maxAttempts: 2,
    credentials: () => (asked++ === 0 ? login(WRONG) : new Promise<Credentials>((resolve) => void (type = (password) => resolve(login(password))))),
  });
  await watch(own);

  const answer = own(`${url}/orders`, { method: 'POST', body: 'one cart' });
  await patiently(bands).toEqual(['1 refused']);
  await patiently(() => page.locator('ntlm-flow [role=tab]').textContent()).toBe('#1 alice asking…, asking'.replace('#1', `#${await threadId()}`));
  await page.waitForTimeout(1100); // nobody types faster
  type(RIGHT);
  expect(await (await answer).text()).toBe('orders');

  await patiently(bands).toEqual(['1 refused', '2 accepted']);
  const steps = await descriptions();
  expect(steps.filter((step) => !step.startsWith('state asking')).map((step) => step.replace(/^(state rejected): .*/, '$1'))).toEqual(stepsOf(seen));
  expect(steps.some((step) => step.startsWith('state asking'))).toBe(true);
  expect(await page.locator('ntlm-flow .row.wait').textContent()).toMatch(/^1\.\d s until credentials were given$/);
  await expectTimeForwards();
  await expectTokens(messagesOf(seen));
  expect(await page.evaluate(() => document.querySelector('ntlm-flow')!.shadowRoot!.innerHTML)).not.toMatch(new RegExp(`${RIGHT}|${WRONG}`));
  await own.close();
});

test('a proxy that asks as well: 407, then 401, each at its own lane', async () => {
  const url = await listening(createNtlmServer({ credentials: login(RIGHT), trustedProxy: true }, (_, response) => void response.end('orders')));
  const onward = new Agent({ keepAlive: true, maxSockets: 1 }); // one client: what it proves to the server belongs to its connection
  const bridge = Credentials.fromPassword({ username: 'bob', domain: 'BRIDGE', password: 'causeway-41' });
  const { server: proxy, seen } = witnessed({ side: 'proxy', credentials: bridge }, (incoming, response) => {
    const { 'proxy-authorization': _own, ...headers } = incoming.headers;
    incoming.pipe(request(incoming.url ?? '', { method: incoming.method, headers, agent: onward }, (got) => {
      response.statusCode = got.statusCode ?? 502;
      response.setHeaders(new Headers(got.headers as Record<string, string>));
      got.pipe(response);
    }));
  });
  const agent = new NtlmAgent({ allow: url, credentials: login(RIGHT), proxy: { url: await listening(proxy), credentials: bridge } });
  await watch(agent);

  const { data, status } = await axios.get<string>(`${url}/orders`, { httpAgent: agent, proxy: false });
  expect([status, data]).toEqual([200, 'orders']);
  const { data: again } = await axios.get<string>(`${url}/carts`, { httpAgent: agent, proxy: false });
  expect(again).toBe('orders');
  expect(seen.map((each) => each.status)).toEqual([407, 407, 401, 401, 200, 200]);

  await patiently(descriptions).toEqual(stepsOf(seen));
  expect(await bands()).toEqual(['proxy 1 accepted', 'server 1 accepted']);
  expect(await page.locator('ntlm-flow .names').textContent()).toBe('clientproxyserver');
  expect(await page.locator('ntlm-flow [role=tab]').count()).toBe(1);
  await expectTimeForwards();
  await expectTokens(messagesOf(seen));
  agent.destroy();
  onward.destroy();
});
