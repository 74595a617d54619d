/** The site as a reader gets it: built by `npm run site`, which fails for a dead link, and looked at in a real browser. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documents, root } from '../support/documents.ts';
import { startChromium } from './support/chromium.ts';
import { serveFolder, type ServedFolder } from './support/folder.ts';

const FIRST_VIEW = 100_000;
const dist = join(root, 'site/dist');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let served: ServedFolder;

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'site/build.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
  served = await serveFolder(dist);
  browser = await startChromium();
}, 600_000);
afterAll(async () => {
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

/** With what it had to load for its first view, and what went wrong. */
async function visit(path: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<{ page: Page; bytes: number; troubles: string[] }> {
  const context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('console', (message) => void (['error', 'warning'].includes(message.type()) && troubles.push(message.text())));
  page.on('pageerror', (error) => void troubles.push(error.message));
  page.on('request', (request) => void (request.url().startsWith(served.url) || request.url().startsWith('data:') || troubles.push(`asked for ${request.url()}`)));
  const before = served.asked.length;
  await page.goto(`${served.url}${path}`);
  await page.waitForLoadState('networkidle');
  return { page, troubles, bytes: served.asked.slice(before).reduce((sum, { bytes }) => sum + bytes, 0) };
}

const pages = ['', 'start.html', 'handshake.html', 'reference/fetch.html'];

test('every document is a page, and stands in the navigation', async () => {
  const { page, troubles } = await visit('start.html');
  const links = await page.locator('.VPSidebar a').evaluateAll((all) => all.map((each) => (each as HTMLAnchorElement).pathname));
  const own = documents.map(({ path }) => path).filter((path) => path.startsWith('docs/'));
  for (const path of own) expect(links).toContain(`/${path.slice(5).replace(/\.md$/, '.html')}`);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test.each(['', 'start.html', 'http.html'])('the first view of "%s" loads at most 100 kB, compressed', async (path) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, bytes, troubles } = await visit(path, { colorScheme });
    expect(bytes).toBeLessThan(FIRST_VIEW);
    expect(troubles).toEqual([]);
    await page.context().close();
  }
});

test('no page loads more than 100 kB for its first view, compressed, its pictures aside', () => {
  const compressed = (path: string): number => gzipSync(readFileSync(join(dist, path))).length;
  const pagesOf = (readdirSync(dist, { recursive: true }) as string[]).filter((path) => path.endsWith('.html') && !path.startsWith('playground'));
  expect(pagesOf.length).toBeGreaterThan(50);
  for (const path of pagesOf) {
    const loads = readFileSync(join(dist, path), 'utf8').matchAll(/<(?:link rel="(?:preload stylesheet|modulepreload|stylesheet)"|script type="module") [^>]*?(?:href|src)="\/([^"]+\.(?:css|js))"/g);
    const all = new Set([path, ...Array.from(loads, ([, file]) => file!)]);
    expect(all.size, path).toBeGreaterThan(3);
    expect([...all].reduce((sum, each) => sum + compressed(each), 0), path).toBeLessThan(FIRST_VIEW);
  }
});

test('search leads a newcomer to a page that helps, and not to the reference', async () => {
  const { page } = await visit('');
  await page.locator('.DocSearch-Button, #local-search button').first().click();
  for (const [words, place] of [
    ['401', /^\/(?:start|explain)/],
    ['unauthorized', /^\/start/],
    ['axios', /^\/(?:start|migrating)/],
    ['account locked', /^\/recipes\/locked/],
    ['IIS', /^\/recipes\/iis/],
    ['proxy 407', /^\/(?:start|proxies|recipes\/git-npm)/],
    ['Extended Protection', /^\/recipes\/extended-protection/],
    ['self-signed certificate', /^\/recipes\/iis/],
    ['fetch', /^\/start/],
    ['domain', /^\/(?!reference)/],
  ] as const) {
    await page.locator('.VPLocalSearchBox input').fill(words);
    await expect.poll(() => page.locator('.VPLocalSearchBox .result').first().getAttribute('href'), { timeout: 8_000, message: words }).toMatch(place);
  }
  await page.context().close();
});

test('search finds a word of a page, without asking anybody', async () => {
  const { page, troubles } = await visit('');
  await page.locator('.DocSearch-Button, #local-search button').first().click();
  await page.locator('.VPLocalSearchBox input').fill('channel bindings');
  await page.locator('.VPLocalSearchBox .result').first().waitFor();
  expect(await page.locator('.VPLocalSearchBox .result').allInnerTexts()).toEqual(expect.arrayContaining([expect.stringMatching(/channel bindings/i)]));
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the way to the playground is a link, and it is there', async () => {
  const { page, troubles } = await visit('');
  await page.locator('.VPNavBar a', { hasText: 'Playground' }).click();
  await page.waitForURL(`${served.url}playground/`);
  await page.locator('#input').waitFor();
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('light and dark are the reader\'s choice, and the pictures follow', async () => {
  const { page } = await visit('handshake.html', { colorScheme: 'light' });
  expect(await page.locator('.only-light').isVisible()).toBe(true);
  await page.locator('.VPNavBar .VPSwitchAppearance').first().click();
  expect([await page.locator('.only-light').isVisible(), await page.locator('.only-dark').isVisible()]).toEqual([false, true]);
  await page.context().close();
});

describe('accessibility', () => {
  test.each(
    pages.flatMap((path) => [1280, 390].flatMap((width) => (['light', 'dark'] as const).map((scheme) => [path, width, scheme] as const))),
  )('axe-core finds nothing on "%s" at %i, %s', async (path, width, colorScheme) => {
    const { page } = await visit(path, { colorScheme, viewport: { width, height: 844 } });
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { axe: engine } = globalThis as unknown as { axe: { run(context: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
      return (await engine.run({ exclude: ['.DocSearch-Button'] })).violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    });
    expect(found).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await page.context().close();
  });
});
