/** The page in a real browser: what is live, what is lit, who may come in, and what must never be there. */
import { readFileSync } from 'node:fs';
import { get, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { Credentials, createNtlmActor } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';
import { createNtlmFetch } from 'ntlmachine/fetch';
import { NtlmAgent, createNtlmServer } from 'ntlmachine/http';
import { trace, visualize, type Visualization } from 'ntlmachine/visualize';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium } from './support/chromium.ts';
import { DEMONSTRATIONS, FlowPage } from './support/flow-page.ts';

const RIGHT = 'drawbridge-41';
const WRONG = 'portcullis-41';

let browser: Browser;
let context: BrowserContext;
let page: Page;
let flow: FlowPage;
let shown: Visualization;
/** What must stay empty. */
let troubles: string[];
let wire: string[];

beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());

async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
  context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 720 }, ...options });
  page = await context.newPage();
  flow = new FlowPage(page);
  troubles = [];
  wire = [];
  const origin = new URL(shown.url).origin;
  page.on('console', (message) => void (['error', 'warning'].includes(message.type()) && troubles.push(message.text())));
  page.on('pageerror', (error) => void troubles.push(error.message));
  page.on('request', (asked) => void (asked.url().startsWith(origin) || asked.url().startsWith('blob:') || troubles.push(`asked for ${asked.url()}`)));
  page.on('response', (response) => {
    if (!response.url().endsWith('/events')) void response.text().then((text) => wire.push(text), () => {});
  });
  await page.goto(shown.url);
}

const state = (): Promise<string> => flow.state();
const steps = (): Promise<string[]> => flow.steps();
const bands = (): Promise<string[]> => flow.bands();
const count = (): Promise<string> => flow.count();
const eventually = (work: () => Promise<unknown>, due: unknown): Promise<void> => expect.poll(work, { timeout: 8_000 }).toEqual(due);
const go = (step: number): Promise<void> => flow.go(step);
const length = (): Promise<number> => flow.length();
const demonstrate = (name: string, end: string): Promise<void> => flow.demonstrate(name, end);

describe('the page', () => {
  beforeEach(async () => {
    shown = await visualize();
    await open();
  });
  afterEach(async () => {
    expect(troubles).toEqual([]);
    await context.close();
    await shown.close();
  });

  test.each(DEMONSTRATIONS)('the demonstration "%s" ends in %s; at every step what is lit is in view', async (name, end, mood) => {
    await demonstrate(name, end);
    expect(await page.locator('ntlm-flow .thread').getAttribute('class')).toContain(mood);
    for (let step = (await length()) - 1; step >= 0; step--) {
      await go(step);
      expect(await flow.litOutside(), `step ${step + 1}`).toEqual([]);
      expect(await count()).toContain(`step ${step + 1} of`);
    }
    await page.locator('ntlm-flow .link').click();
    await page.locator('ntlm-flow .whole svg').waitFor();
    for (let step = 0; step < (await length()); step++) {
      await go(step);
      expect(await flow.litOutside(), `whole chart, step ${step + 1}`).toEqual([]);
    }
    expect(await flow.size()).toEqual([1280, 720]);
  });

  test('a wrong password is refused first; the second attempt is on another connection, in the same story', async () => {
    await demonstrate('wrong-then-right', 'authenticated');
    expect(await bands()).toEqual(['1 refused', '2 accepted']);
    expect(await page.locator('ntlm-flow .thread').count()).toBe(1);
    expect(await page.locator('ntlm-flow .ladder').last().textContent()).toMatch(/on another connection, #\d+/);
    expect((await steps()).filter((label) => label.includes('NEGOTIATE')).length).toBe(2);
    expect((await steps()).filter((label) => label.includes('AUTHENTICATE alice')).length).toBe(2);
    expect(await page.locator('ntlm-flow .wait').count()).toBe(1);
    await page.locator('ntlm-flow [data-step]', { hasText: 'rejected' }).click();
    await eventually(state, 'failed.rejected');
    expect(await page.locator('ntlm-flow [data-box="failed"].lit').count()).toBe(1);
  });

  test('a proxy has a lane and attempts of its own', async () => {
    await demonstrate('proxy', 'authenticated');
    expect(await bands()).toEqual(['proxy 1 accepted', 'server 1 accepted']);
    expect(await page.locator('ntlm-flow .names').textContent()).toBe('clientproxyserver');
  });

  test('keys lead through each pane, which is one tab stop; the fragment is a link to a step', async () => {
    await demonstrate('right', 'authenticated');
    await page.locator('ntlm-flow [role=listbox]').focus();
    await page.keyboard.press('Home');
    await eventually(count, expect.stringContaining('step 1 of'));
    await page.keyboard.press('ArrowDown');
    await eventually(count, expect.stringContaining('step 2 of'));
    const link = page.url();
    expect(new URL(link).hash).toMatch(/^#\d+\/2$/);
    await page.keyboard.press('End');
    await eventually(state, 'authenticated');
    await page.evaluate((hash) => void (location.hash = hash), new URL(link).hash);
    await eventually(count, expect.stringContaining('step 2 of'));
    await page.keyboard.press('Tab');
    const stops: string[] = [];
    for (let i = 0; i < 5; i++) {
      stops.push(await page.evaluate(() => document.querySelector('ntlm-flow')!.shadowRoot!.activeElement?.className ?? ''));
      await page.keyboard.press('Tab');
    }
    expect(stops).toEqual(['link', 'tree scroll', 'hex scroll', 'play', '']);
  });

  test('a field lights its bytes, and a byte its field', async () => {
    await demonstrate('right', 'authenticated');
    const lit = (): Promise<string[]> => page.locator('ntlm-flow .byte.lit').allTextContents();
    await page.locator('ntlm-flow .node', { hasText: 'TimeStamp' }).first().click();
    expect((await lit()).length).toBe(8);
    expect(await page.locator('ntlm-flow .node', { hasText: 'NTProofStr' }).locator('.value').textContent()).toBe('masked');
    await page.locator('ntlm-flow .hex').focus();
    await page.keyboard.press('Home');
    expect(await page.locator('ntlm-flow .node.lit .name').textContent()).toMatch(/^Header $/);
    expect(await page.locator('ntlm-flow .told').textContent()).toContain('0x00 Header');
    await page.locator('ntlm-flow .tree').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    expect(await lit()).toEqual(['4e', '54', '4c', '4d', '53', '53', '50', '00']);
  });

  test('playing goes from step to step, with reduced motion too', async () => {
    await demonstrate('broken', 'failed.faulted');
    await page.locator('ntlm-flow .play').click();
    await eventually(count, expect.stringContaining('step 1 of'));
    await eventually(count, expect.stringContaining('step 3 of'));
    await eventually(state, 'failed.faulted');
    await eventually(() => page.locator('ntlm-flow .play').textContent(), 'Play');
  });

  test('no secret is on the page or on the wire, and what is saved is what is shown', async () => {
    await demonstrate('wrong-then-right', 'authenticated');
    const saving = page.waitForEvent('download');
    await page.click('#save');
    const saved = readFileSync((await (await saving).path())!, 'utf8');
    const inner = await page.evaluate(() => document.querySelector('ntlm-flow')!.shadowRoot!.innerHTML);
    for (const secret of [RIGHT, WRONG]) expect([await page.content(), inner, saved, ...wire].join('\n')).not.toContain(secret);
    expect((JSON.parse(saved) as { connections: unknown[] }).connections.length).toBe(2);
    for (const id of ['save-svg', 'save-png']) {
      const picture = page.waitForEvent('download');
      await page.click(`#${id}`);
      expect(readFileSync((await (await picture).path())!).length).toBeGreaterThan(5000);
    }
  });

  test('any file that explain reads can be opened; what is none is refused in words', async () => {
    const actor = createNtlmActor({ credentials: Credentials.anonymous() });
    const tracer = trace(actor);
    actor.send({ type: 'negotiate' });
    const file = (name: string, body: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(body) });
    await page.setInputFiles('#open', file('run.json', JSON.stringify(tracer)));
    await eventually(state, 'negotiated.waiting');
    const curl = '* Connected to keep port 80\n> GET /x HTTP/1.1\n> Host: keep\n> Authorization: NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAAAAAAAADw==\n>\n< HTTP/1.1 401 Unauthorized\n< WWW-Authenticate: NTLM\n<\n';
    await page.setInputFiles('#open', file('curl.txt', curl));
    await eventually(steps, ['client to server: GET /x, NEGOTIATE 40', 'state negotiated', 'server to client: 401  NTLM']);
    await page.setInputFiles('#open', { name: 'curl.txt.gz', mimeType: 'application/gzip', buffer: gzipSync(curl.replace('/x', '/packed')) });
    await eventually(steps, ['client to server: GET /packed, NEGOTIATE 40', 'state negotiated', 'server to client: 401  NTLM']);
    await page.setInputFiles('#open', file('run.json', JSON.stringify({ ...tracer.toJSON(), version: 9 })));
    await eventually(() => page.textContent('#problem'), 'run.json: the trace has version 9; this release reads version 1');
    expect((await steps()).length).toBe(3);
  });
});

describe('an app that is watched', () => {
  const server = createNtlmServer({ credentials: Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: RIGHT }) }, (_, response) => void response.end('orders'));
  let url: string;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close(() => {}).closeAllConnections());
  afterEach(async () => {
    expect(troubles).toEqual([]);
    await context.close();
    await shown.close();
  });
  const login = (password: string) => Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });

  test('an agent, live: a wrong password, then the right one, as the server saw it', async () => {
    let asked = 0;
    const agent = new NtlmAgent({ allow: url, maxAttempts: 2, credentials: async () => login(asked++ === 0 ? WRONG : RIGHT) });
    shown = await visualize(agent);
    await open();
    await eventually(() => page.textContent('#title'), 'waiting for the first request');
    const [response] = (await once(get(`${url}/orders?secret=1`, { agent }), 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(200);
    await eventually(state, 'authenticated');
    expect(await bands()).toEqual(['1 refused', '2 accepted']);
    const labels = await steps();
    expect(labels.filter((label) => label.startsWith('client to server')).length).toBe(labels.filter((label) => label.startsWith('server to client')).length);
    for (const message of ['NEGOTIATE', 'CHALLENGE', 'AUTHENTICATE']) expect(labels.filter((label) => label.includes(message)).length).toBe(2);
    const times = await page.locator('ntlm-flow [data-time]').evaluateAll((all) => all.map((each) => Number(each.getAttribute('data-time'))));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(await page.evaluate(() => document.querySelector('ntlm-flow')!.shadowRoot!.innerHTML)).not.toContain('secret=1');
    agent.destroy();
  });

  test('a file that is opened stays what it is while the app goes on; the way back is a button', async () => {
    const own = createNtlmFetch({ allow: url, credentials: login(RIGHT) });
    shown = await visualize(own);
    await open();
    await (await own(`${url}/one`)).text();
    await eventually(state, 'authenticated');
    await page.setInputFiles('#open', { name: 'token.txt', mimeType: 'text/plain', buffer: Buffer.from('NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAAAAAAAADw==') });
    await eventually(async () => (await steps()).length, 3);
    await (await own(`${url}/two`)).text();
    await page.waitForTimeout(400);
    expect((await steps()).join()).not.toContain('/two');
    await page.click('#live');
    await eventually(async () => (await steps()).some((label) => label.includes('GET /two')), true);
    await own.close();
  });

  test('an actor of one\'s own; hostile names of a server are text', async () => {
    const credentials = Credentials.fromPassword({ username: 'u', password: 'p' });
    const actor = createNtlmActor({ credentials });
    shown = await visualize(actor);
    await open();
    actor.send({ type: 'negotiate' });
    const target = { nbDomainName: '<img src=x onerror=alert(1)>', nbComputerName: '"><script>alert(2)</script>' };
    actor.send({ type: 'challenge', token: new NtlmAcceptor({ credentials, target }).challenge(actor.getSnapshot().context.token!) });
    await eventually(state, 'responded');
    await page.locator('ntlm-flow [data-step]', { hasText: 'CHALLENGE' }).first().click();
    expect(await page.locator('ntlm-flow .tree').textContent()).toContain('<img src=x onerror=alert(1)>');
    expect(await page.evaluate(() => document.querySelector('ntlm-flow')!.shadowRoot!.querySelectorAll('img, script').length)).toBe(0);
  });
});

describe('who may come in', () => {
  const status = (url: string, headers: Record<string, string> = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      request(url, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });

  test('a wrong token, another host name and another origin get 403', async () => {
    await using own = await visualize();
    const { origin, host } = new URL(own.url);
    expect(await status(own.url)).toBe(200);
    expect(await status(`${own.url}conversation`)).toBe(200);
    expect(await status(`${origin}/`)).toBe(403);
    expect(await status(`${origin}/${'a'.repeat(32)}/`)).toBe(403);
    const otherEnd = own.url.at(-2) === 'A' ? 'B' : 'A';
    expect(await status(`${own.url.slice(0, -2)}${otherEnd}/`)).toBe(403);
    expect(await status(own.url, { host: `attacker.example:${host.split(':')[1]}` })).toBe(403);
    expect(await status(own.url, { origin: 'http://attacker.example' })).toBe(403);
    expect(await status(`${own.url}../package.json`)).toBe(403);
    expect(await status(`${own.url}code/visualize/page/client/main.js`)).toBe(200);
    for (const path of ['code/..%2f..%2fpackage.json', 'code/visualize/..%2f..%2f..%2fvitest.config.ts', 'code/../package.json', 'packages/../server.js', 'packages/..%2fserver.js', 'code/.build/index.js', 'code//etc/passwd', 'code/nothing.js', 'code/index.d.ts']) {
      expect([403, 404], path).toContain(await status(`${own.url}${path}`));
    }
  });
});
