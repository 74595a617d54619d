import { fileURLToPath } from 'node:url';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium } from './support/chromium.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
let vite: ViteDevServer;
let browser: Browser;
let page: Page;
let troubles: string[];

beforeAll(async () => {
  vite = await createServer({
    root: path('examples/react-login'),
    configFile: path('examples/react-login/vite.config.ts'),
    cacheDir: path('node_modules/.vite-react-login'),
    server: { host: '127.0.0.1', port: 0, hmr: false, ws: false, fs: { allow: [path('.')] } },
    resolve: { alias: [{ find: 'ntlmachine/acceptor', replacement: path('dist/acceptor/index.js') }, { find: /^ntlmachine$/, replacement: path('dist/index.js') }, { find: '#hmac-md5', replacement: path('dist/crypto/_hmac-md5-noble.js') }] },
    logLevel: 'error',
  });
  await vite.listen();
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
  await vite.close();
});
beforeEach(async () => {
  page = await browser.newPage();
  troubles = [];
  page.on('pageerror', (error) => void troubles.push(error.message));
  await page.goto(`http://127.0.0.1:${(vite.httpServer!.address() as AddressInfo).port}/`);
  return async () => {
    expect(troubles).toEqual([]);
    await page.close();
  };
});

const logIn = async (password: string): Promise<void> => {
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
};
const says = (role: 'alert' | 'status', text: string): Promise<void> =>
  expect.poll(() => page.getByRole(role).textContent(), { timeout: 10_000 }).toContain(text);

describe('the login form', () => {
  test('shows progress, a refusal, asks again, lets the right password in, and logs out', async () => {
    await logIn('portcullis-41');
    await says('status', 'Asking the server');
    await says('status', 'checking the response');
    await says('alert', 'refused these credentials');
    await logIn('drawbridge-41');
    await says('status', 'Logged in as CASTLE\\alice');
    await page.getByRole('button', { name: 'Log out' }).click();
    await expect.poll(() => page.getByLabel('Password').isEnabled()).toBe(true);
  });

  test('can be cancelled on the way, and used again', async () => {
    await logIn('drawbridge-41');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => page.getByLabel('Password').isEnabled()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 900)); // the answer of the cancelled attempt would be here
    expect(await page.getByRole('alert').count()).toBe(0);
    await logIn('drawbridge-41');
    await says('status', 'Logged in as');
  });
});
