/** `<ntlm-flow>` on a page that is not ours, from the built package: fed with an actor, a value, a stream. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startChromium } from './support/chromium.ts';

const APP = `
import 'ntlmachine/flow';
import { Credentials, createNtlmActor } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';
const credentials = Credentials.fromPassword({ username: 'alice', password: 'drawbridge-41' });
const flow = document.querySelector('ntlm-flow');
globalThis.own = createNtlmActor({ credentials });
globalThis.login = () => {
  flow.source = own;
  own.send({ type: 'negotiate' });
  own.send({ type: 'challenge', token: new NtlmAcceptor({ credentials, target: { nbDomainName: 'CASTLE', nbComputerName: 'KEEP' } }).challenge(own.getSnapshot().context.token) });
  own.send({ type: 'rejected' });
};
globalThis.again = () => {
  own.send({ type: 'reset', credentials });
  own.send({ type: 'negotiate' });
};
globalThis.stream = async function* (conversations) { for (const each of conversations) yield each; };
`;

let browser: Browser;
let page: Page;
let script: string;
let troubles: string[];

beforeAll(async () => {
  browser = await startChromium();
  const resolveDir = fileURLToPath(new URL('../..', import.meta.url));
  const { outputFiles } = await build({ stdin: { contents: APP, resolveDir }, absWorkingDir: resolveDir, bundle: true, write: false, format: 'iife', platform: 'browser', tsconfigRaw: '{}' });
  script = outputFiles[0]!.text;
});
afterAll(() => browser.close());
beforeEach(async () => {
  page = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  troubles = [];
  page.on('pageerror', (error) => void troubles.push(error.message));
  await page.setContent('<!doctype html><body style="margin:0;height:700px"><ntlm-flow>nothing yet</ntlm-flow>');
  await page.addScriptTag({ content: script });
});
afterEach(async () => {
  expect(troubles).toEqual([]);
  await page.context().close();
});

const state = (): Promise<string | null> => page.locator('ntlm-flow .standing').textContent();
const run = (code: string): Promise<unknown> => page.evaluate(code);

test('an actor is followed; the way from a refusal back to a new start is drawn as a way', async () => {
  expect(await page.locator('ntlm-flow').innerText()).toBe('nothing yet');
  await run('login()');
  await expect.poll(state).toBe('ntlm: failed.rejected');
  await run('again()');
  await expect.poll(state).toBe('ntlm: negotiated.waiting');
  await page.locator('ntlm-flow [data-step]', { hasText: 'idle' }).last().click();
  expect(await page.locator('ntlm-flow .way.taken').evaluateAll((ways) => ways.map((way) => way.getAttribute('data-six-way')))).toEqual(['failed idle']);
  await page.locator('ntlm-flow .link').click();
  await page.locator('ntlm-flow .whole .state.active').waitFor();
  expect(await run('document.querySelector("ntlm-flow").shadowRoot.innerHTML')).not.toContain('drawbridge-41');
});

test('a stream is followed to its latest; an empty one shows what stands inside the element', async () => {
  await run('login()');
  await expect.poll(state).toBe('ntlm: failed.rejected');
  await run('globalThis.kept = document.querySelector("ntlm-flow").conversation; document.querySelector("ntlm-flow").source = undefined; document.querySelector("ntlm-flow").conversation = undefined');
  await expect.poll(() => page.locator('ntlm-flow .flow').isVisible()).toBe(false);
  await run('document.querySelector("ntlm-flow").source = stream([{ ...kept, connections: [] }, kept])');
  await expect.poll(state).toBe('ntlm: failed.rejected');
});
