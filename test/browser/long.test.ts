/** A connection that is used for long: the page shows as much as fits, and a step costs the same however many there are. */
import { Credentials, NtlmClient } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';
import { visualize, type Visualization } from 'ntlmachine/visualize';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { longRun } from '../support/long-run.ts';
import { startChromium } from './support/chromium.ts';

/** A busy machine takes its time. */
const patiently = <T>(work: () => T | Promise<T>) => expect.poll(work, { timeout: 20_000 });

let browser: Browser;
let page: Page;
let shown: Visualization;

beforeAll(async () => {
  browser = await startChromium();
  shown = await visualize();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 720 }, reducedMotion: 'reduce' })).newPage();
  await page.goto(shown.url);
});
afterAll(async () => {
  await browser.close();
  await shown.close();
});

async function open(requests: number): Promise<void> {
  const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge-41' });
  const client = new NtlmClient({ credentials });
  const negotiate = client.negotiate();
  const challenge = new NtlmAcceptor({ credentials }).challenge(negotiate);
  const [first, second, third] = [negotiate, challenge, client.respond(challenge)].map((token) => Buffer.from(token).toString('base64'));
  const name = `${requests}.har`;
  await page.setInputFiles('#open', { name, mimeType: 'application/json', buffer: Buffer.from(longRun({ tokens: [first!, second!, third!], requests })) });
  await patiently(() => page.textContent('#title')).toBe(name);
  await patiently(async () => (await at()).length).toBeGreaterThan(2 * requests);
}

interface At {
  readonly step: number;
  readonly length: number;
  readonly nodes: number;
  readonly current: string | undefined;
}

const at = (): Promise<At> => page.evaluate(() => {
  const flow = document.querySelector('ntlm-flow') as unknown as { position?: { step: number }; length: number; shadowRoot: ShadowRoot };
  const list = flow.shadowRoot.querySelector('[role=listbox]')!;
  return {
    step: flow.position?.step ?? -1,
    length: flow.length,
    nodes: flow.shadowRoot.querySelectorAll('*').length,
    current: flow.shadowRoot.getElementById(list.getAttribute('aria-activedescendant') ?? '')?.getAttribute('aria-description') ?? undefined,
  };
});

/** Nodes that come and go on a step. */
const costOf = (step: number): Promise<number> => page.evaluate(async (to) => {
  const flow = document.querySelector('ntlm-flow') as unknown as { position: { thread: string }; go(thread: string, step: number): void; shadowRoot: ShadowRoot };
  let nodes = 0;
  const sizeOf = (node: Node): number => (node instanceof Element ? node.querySelectorAll('*').length : 0) + 1;
  const observer = new MutationObserver((all) => {
    for (const { addedNodes, removedNodes } of all) for (const node of [...addedNodes, ...removedNodes]) nodes += sizeOf(node);
  });
  observer.observe(flow.shadowRoot, { childList: true, subtree: true });
  flow.go(flow.position.thread, to);
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  observer.disconnect();
  return nodes;
}, step);

test('two thousand requests are one row, which opens; what is in the document and what a step changes are bounded', async () => {
  await open(60);
  const few: number[] = [];
  for (const step of [1, 4, 30, 90]) few.push(await costOf(step));

  await open(2000);
  expect((await at()).nodes).toBeLessThan(2000);
  expect(await page.locator('ntlm-flow [data-fold]').count()).toBe(1);
  const many: number[] = [];
  for (const step of [1, 4, 2000, 3999]) {
    many.push(await costOf(step));
    const { nodes, step: stands, current } = await at();
    expect(nodes).toBeLessThan(2000);
    expect(stands).toBe(step);
    expect(current).toMatch(/^(client|server) to |^state /);
  }
  expect(Math.max(...many)).toBeLessThan(3 * Math.max(...few));
});

test('arrows pass the fold in one step; Enter opens and closes it; whoever scrolls sees rows, and the current one is kept', async () => {
  await open(2000);
  const list = page.locator('ntlm-flow [role=listbox]');
  await list.focus();
  await page.keyboard.press('Home');
  for (let moves = 0; moves < 40 && !(await at()).current?.includes('requests more'); moves++) await page.keyboard.press('ArrowDown');
  const fold = await at();
  expect(fold.current).toMatch(/^1,996 requests more, each answered 200, in /);
  await page.keyboard.press('ArrowDown');
  expect((await at()).step).toBe(fold.step + 2 * 1996);
  await page.keyboard.press('ArrowUp');
  expect((await at()).step).toBe(fold.step);

  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  expect((await at()).step).toBe(fold.step + 1);
  await list.evaluate((each) => void (each.scrollTop = 60_000));
  await patiently(() => page.locator('ntlm-flow [data-step]').evaluateAll((rows) => rows.filter((row) => {
    const { top } = row.getBoundingClientRect();
    return top > 100 && top < 600;
  }).length)).toBeGreaterThan(10);
  expect((await at()).nodes).toBeLessThan(2000);
  expect((await at()).current).toBe('server to client: 200');
  await page.keyboard.press('Enter');
  expect(await at()).toMatchObject({ step: fold.step, current: fold.current });
});

test('playing goes over the fold', async () => {
  await open(2000);
  const last = (await at()).length - 1;
  const inFold = 2 * 1996;
  await page.evaluate((to) => {
    const flow = document.querySelector('ntlm-flow') as unknown as { position: { thread: string }; go(thread: string, step: number): void; play(): void };
    flow.go(flow.position.thread, to);
    flow.play();
  }, last - inFold - 4);
  await patiently(async () => (await at()).step).toBe(last);
});
