/** The samples of the documents and docstrings that want a browser, each bundled and run in one as it stands. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { javascriptOf, namingWhatItMakes } from '../samples/made.ts';
import { samplesIn } from '../samples/samples.ts';
import { startChromium } from './support/chromium.ts';

const resolveDir = fileURLToPath(new URL('../..', import.meta.url));
const readersOwn = fileURLToPath(new URL('support/readers-own.ts', import.meta.url));

/** Goes through a handshake once the inspector listens. */
const SHAKE_HANDS = `
import { NtlmAcceptor } from 'ntlmachine/acceptor';
globalThis.shakeHands = (actor) => {
  actor.send({ type: 'negotiate' });
  actor.send({ type: 'challenge', token: new NtlmAcceptor({ credentials: options.credentials }).challenge(actor.getSnapshot().context.token) });
  actor.send({ type: 'accepted' });
};`;
/** Stately's own reader of such events, in place of its page. */
const INSPECTOR = `
import { createBrowserReceiver } from '@statelyai/inspect';
globalThis.seen = [];
createBrowserReceiver().subscribe((event) => seen.push(event));`;

async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({ stdin: { contents, resolveDir }, absWorkingDir: resolveDir, bundle: true, write: false, format: 'esm', platform: 'browser', inject: [readersOwn], tsconfigRaw: '{}' });
  return outputFiles[0]!.text;
}

let browser: Browser;
let context: BrowserContext;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  context = await browser.newContext();
});
afterEach(() => context.close());

const page = (script: string) => ({ contentType: 'text/html', body: `<!doctype html><script type="module">${script.replaceAll('</script', '<\\/script')}</script>` });

describe('a sample for an inspector', () => {
  test.each(samplesIn('browser'))('$place', async ({ sample }) => {
    const { code, made } = namingWhatItMakes(await javascriptOf(sample));
    await context.route('https://app.castle.example/', async (route) => route.fulfill(page(await bundle(`${code}\n${SHAKE_HANDS}\nglobalThis.made = [${made.join(', ')}];`))));
    await context.route('https://stately.ai/**', async (route) => route.fulfill(page(await bundle(INSPECTOR))));
    const app = await context.newPage();
    const [inspector] = await Promise.all([context.waitForEvent('page'), app.goto('https://app.castle.example/')]);
    await app.evaluate("shakeHands(made.find((each) => typeof each?.getSnapshot === 'function'))");
    const seen = async (): Promise<string> => JSON.stringify(await inspector.evaluate('seen'));
    await expect.poll(seen).toContain('"authenticated"');
    expect(await seen()).toMatch(/@xstate\.actor.*@xstate\.snapshot/);
    expect(await seen()).not.toMatch(/"credentials"|ntHash/);
  });
});

test('there is one', () => {
  expect(samplesIn('browser').length).toBeGreaterThan(0);
});
