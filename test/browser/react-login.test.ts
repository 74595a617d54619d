/** `examples/react-login` as its README says to start it, in a browser. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeChallenge, NegotiateFlags as F } from 'ntlmachine/messages';
import type { Browser, BrowserContext, ElementHandle, Page, WebSocketRoute } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium } from './support/chromium.ts';
import { startExample, type Example } from './support/react-login.ts';
import { formsOf, held } from './support/secrets.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RIGHT = 'Moat+Bridge 1066';
const WRONG = 'Moat+Bridge 1067';
const PASSED = [
  'idle',
  'negotiated.encoding',
  'negotiated.waiting',
  'challenged.decoding',
  'challenged.responding',
  'responded',
];

const secrets = [RIGHT, WRONG].flatMap(formsOf);

let server: Example;
let url: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What must stay empty. */
let troubles: string[];
/** All that left or reached the page. */
let wire: Buffer[];

beforeAll(async () => {
  server = await startExample({ NTLM_PASSWORD: RIGHT, LATENCY: '500' });
  url = server.url;
  browser = await startChromium();
}, 240_000);
afterAll(async () => {
  server?.close();
  await browser?.close();
});

async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
  context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  page = await context.newPage();
  troubles = [];
  wire = [];
  const note = (data: string | Buffer): void => void wire.push(Buffer.from(data));
  page.on('console', (message) => void troubles.push(message.text()));
  page.on('pageerror', (error) => void troubles.push(error.message));
  page.on('request', (asked) => {
    if (!asked.url().startsWith(url)) troubles.push(`asked for ${asked.url()}`);
    note(`${asked.url()}\n${JSON.stringify(asked.headers())}\n${asked.postData() ?? ''}`);
  });
  page.on('websocket', (socket) => {
    if (socket.url() !== `${url.replace('http', 'ws')}ntlm`) troubles.push(`connected to ${socket.url()}`);
    socket.on('framesent', ({ payload }) => note(payload));
    socket.on('framereceived', ({ payload }) => note(payload));
  });
}

beforeEach(async () => {
  await open();
});
afterEach(async () => {
  expect(troubles).toEqual([]);
  expect(wire.filter((bytes) => secrets.some((secret) => bytes.includes(secret)))).toEqual([]);
  await context.close();
});

const button = (name: string) => page.getByRole('button', { name, exact: true });
const field = (name: string) => page.getByRole('textbox', { name, exact: true });
const alert = () => page.getByRole('alert');
const passed = (): Promise<string[]> => page.locator('ol code').allTextContents();
const focused = (): Promise<string | undefined> =>
  page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id);
const eventually = (work: () => Promise<unknown>, due: unknown): Promise<void> =>
  expect.poll(work, { timeout: 10_000 }).toEqual(due);
const status = (text: string) => eventually(() => page.getByRole('status').textContent(), text);
const says = (text: string): Promise<void> =>
  expect.poll(() => alert().textContent(), { timeout: 10_000 }).toContain(text);
const welcomed = () => eventually(() => page.getByRole('heading', { level: 1 }).textContent(), 'Welcome, alice');
const refused = () =>
  eventually(() => alert().textContent(), 'The server refused this user name or password. Check both and try again.');

/** The first message is out: a browser complains of a socket that is closed before it is open. */
const underway = () => eventually(async () => wire.some((bytes) => bytes.includes('NTLMSSP\0')), true);

async function signIn(password: string, username = 'alice', domain = 'CASTLE'): Promise<void> {
  await field('User name').fill(username);
  await field('Domain').fill(domain);
  await field('Password').fill(password);
  await page.keyboard.press('Enter');
}

async function expectNoSecretHeld(): Promise<void> {
  expect(await held(page, 'alice')).not.toEqual([]); // the walk finds what is there
  for (const password of [RIGHT, WRONG]) {
    expect(await held(page, password)).toEqual([]);
    expect(await page.content()).not.toContain(password);
  }
  const kept = await page.evaluate(() => ({
    fields: [...document.querySelectorAll('input')].map(({ id, value }) => (id === 'password' ? value : '')).join(''),
    stored: localStorage.length + sessionStorage.length,
    cookie: document.cookie,
    path: location.href.slice(location.origin.length),
  }));
  expect(kept).toEqual({ fields: '', stored: 0, cookie: '', path: '/' });
}

describe('the login form', () => {
  beforeEach(() => page.goto(url));

  test('refuses a wrong password aloud, keeps the name, and lets the right password in', async () => {
    const region = (await alert().elementHandle()) as ElementHandle; // a live region has to be there before its text
    await signIn(WRONG);
    await status('Waiting for the server…');
    expect(await field('User name').isDisabled()).toBe(true);
    expect(await focused()).toBe('Cancel');
    await expectNoSecretHeld();

    await refused();
    expect(await region.textContent()).toContain('refused');
    expect(await passed()).toEqual([...PASSED, 'failed.rejected']);
    expect(await field('User name').inputValue()).toBe('alice');
    expect(await field('Domain').inputValue()).toBe('CASTLE');
    await eventually(focused, 'password');
    expect(await field('Password').getAttribute('aria-invalid')).toBe('true');
    const description = await field('Password').getAttribute('aria-describedby');
    expect(await page.locator(`#${description}`).textContent()).toContain('refused');
    await expectNoSecretHeld();

    await page.keyboard.type(RIGHT);
    await page.keyboard.press('Enter');
    await welcomed();
    await eventually(focused, 'Welcome, alice');
    expect(await passed()).toEqual([...PASSED, 'authenticated']);
    expect(await page.locator('dd').allTextContents()).toEqual(['CASTLE\\alice', 'keep.castle.example', 'ntlmv2']);
    await expectNoSecretHeld();
    expect(wire.filter((bytes) => bytes.includes('NTLMSSP\0')).length).toBe(6);
  });

  test('is cancelled on the way: the connection closes, and what comes late changes nothing', async () => {
    const socket = page.waitForEvent('websocket');
    await signIn(RIGHT);
    const closed = (await socket).waitForEvent('close');
    await underway();
    await button('Cancel').click();
    await closed;
    await status('Cancelled. The connection is closed.');
    await eventually(focused, 'password');
    await delay(1200); // two latencies
    expect(await passed()).toEqual(['idle']);
    expect(await alert().textContent()).toBe('');
    await expectNoSecretHeld();

    await signIn(RIGHT);
    await welcomed();
  });

  test('starts over: fields, refusal and state are as at first', async () => {
    await signIn(WRONG);
    await refused();
    await button('Start over').click();
    await eventually(() => alert().textContent(), '');
    expect(await passed()).toEqual(['idle']);
    for (const name of ['User name', 'Domain', 'Password']) expect(await field(name).inputValue()).toBe('');
    expect(await field('Password').getAttribute('aria-invalid')).toBe('false');
  });

  test('signs out: the connection closes, the name stays, the password has to be given again', async () => {
    const socket = page.waitForEvent('websocket');
    await signIn(RIGHT);
    const closed = (await socket).waitForEvent('close');
    await welcomed();
    await button('Sign out').click();
    await closed;
    await status('You are signed out.');
    expect(await field('User name').inputValue()).toBe('alice');
    expect(await field('Password').inputValue()).toBe('');
    expect(await passed()).toEqual(['idle']);
  });

  test('takes DOMAIN\\user, and says what it cannot take', async () => {
    await signIn(RIGHT, 'CASTLE\\', '');
    await says('This cannot be used to sign in.');
    await says('"username"');
    expect(await passed()).toEqual(['idle']);
    await signIn(RIGHT, 'castle\\alice', '');
    await welcomed();
  });

  for (const [width, height] of [[1280, 860], [390, 844]] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`has no flaw that axe knows and no sideways scrolling at ${width} pixels, ${colorScheme}`, async () => {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme });
        await page.evaluate(axe);
        const check = async (): Promise<void> => {
          const violations = await page.evaluate(async () => {
            const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string }[] }> } };
            return (await axe.run()).violations.map(({ id }) => id);
          });
          expect(violations).toEqual([]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
        };
        await check();
        await signIn(WRONG);
        await check();
        await refused();
        await check();
        await signIn(RIGHT);
        await welcomed();
        await check();
      });
    }
  }
});

describe('a connection or server that fails', () => {
  let route: WebSocketRoute;
  let received: Buffer[];

  /** Stands between page and server; `answer` takes the place of the server's. */
  async function between(answer?: Uint8Array): Promise<void> {
    received = [];
    await page.routeWebSocket('**/ntlm', (socket) => {
      route = socket;
      if (answer === undefined) return void socket.connectToServer();
      socket.onMessage((message) => {
        received.push(Buffer.from(message));
        socket.send(Buffer.from(answer));
      });
    });
    await page.goto(url);
  }

  test('ends the session with the connection, and asks again', async () => {
    await between();
    await signIn(RIGHT);
    await welcomed();
    await route.close();
    await status('The connection was closed, and your session with it. Please sign in again.');
    expect(await passed()).toEqual(['idle']);
    await signIn(RIGHT);
    await welcomed();
  });

  test('a connection lost before the verdict is told apart from a refusal', async () => {
    await between();
    await signIn(RIGHT);
    await underway();
    await status('Waiting for the server…');
    await route.close();
    await status('The connection was lost before the server gave its verdict.');
    expect(await alert().textContent()).toBe('');
    await eventually(focused, 'password');
  });

  test('a challenge that is none does not blame the password', async () => {
    await between(Buffer.from('welcome, welcome'));
    await signIn(RIGHT);
    await says('The server’s answer makes no sense.');
    expect(await field('Password').getAttribute('aria-invalid')).toBe('false');
    expect((await passed()).at(-1)).toBe('failed.faulted');
  });

  test('a challenge that asks for a weak response gets none, and no other password is asked for', async () => {
    await between(
      encodeChallenge({
        negotiateFlags: F.NEGOTIATE_UNICODE | F.NEGOTIATE_NTLM,
        targetName: 'CASTLE',
        serverChallenge: new Uint8Array(8),
        targetInfo: undefined,
      }),
    );
    await signIn(RIGHT);
    await says('another password will not help');
    expect((await passed()).at(-1)).toBe('failed.refused');
    expect(received.map((token) => token.readUInt32LE(8))).toEqual([1]);
  });
});

test('the server answers to its own page alone', async () => {
  const { port } = new URL(url);
  const statusOf = (path: string, headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, headers }, (response) => resolve(response.resume().statusCode))
        .on('upgrade', (response, socket) => (socket.destroy(), resolve(response.statusCode)))
        .on('error', reject)
        .end();
    });
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': `${'A'.repeat(22)}==`,
  };
  const ours = `127.0.0.1:${port}`;
  expect(await statusOf('/', { Host: ours })).toBe(200);
  expect(await statusOf('/', { Host: 'rebound.example' })).toBe(404);
  expect(await statusOf('/../server.mjs', { Host: ours })).toBe(404);
  expect(await statusOf('/ntlm', { ...upgrade, Host: ours, Origin: `http://${ours}` })).toBe(101);
  expect(await statusOf('/ntlm', { ...upgrade, Host: ours, Origin: 'http://evil.example' })).toBe(403);
  expect(await statusOf('/ntlm', { ...upgrade, Host: 'rebound.example', Origin: 'http://rebound.example' })).toBe(403);
});
