/** Who reads the page by other means: a screen reader, the keyboard, other colours, larger letters, less motion. */
import { visualize, type Visualization } from 'ntlmachine/visualize';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startChromium } from './support/chromium.ts';
import { DEMONSTRATIONS, FlowPage } from './support/flow-page.ts';

let browser: Browser;
let shown: Visualization;
let context: BrowserContext;
let page: Page;
let flow: FlowPage;

beforeAll(async () => {
  browser = await startChromium();
  shown = await visualize();
});
afterAll(async () => {
  await browser.close();
  await shown.close();
});
afterEach(() => context.close());

async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
  context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 720 }, bypassCSP: true, ...options }); // axe comes in as a script
  page = await context.newPage();
  flow = new FlowPage(page);
  await page.goto(shown.url);
}

test.each(DEMONSTRATIONS)('axe-core finds nothing at any step of "%s", in light and in dark', async (name, end) => {
  await open();
  expect(await flow.violations()).toEqual([]);
  await flow.demonstrate(name, end);
  for (let step = 0; step < (await flow.length()); step++) {
    await flow.go(step);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await flow.violations(), `step ${step + 1}`).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await flow.violations(['color-contrast']), `step ${step + 1}, dark`).toEqual([]);
  }
}, 180_000);

test('axe-core finds nothing while it plays, nor in the whole chart, nor in what is behind "more"', async () => {
  await open();
  await flow.demonstrate('altered-mic', 'failed.rejected');
  await page.locator('ntlm-flow .play').click();
  let seen = 0;
  do {
    expect(await flow.violations(), await flow.count()).toEqual([]);
    seen++;
  } while ((await page.locator('ntlm-flow .play').textContent()) === 'Pause');
  expect(seen).toBeGreaterThan(1);
  await page.locator('ntlm-flow .link').click();
  await page.locator('ntlm-flow .whole .state.active').first().waitFor();
  await page.locator('ntlm-flow summary').click();
  expect(await flow.violations()).toEqual([]);
});

test.each([
  ['a phone', 390, 844],
  ['a small window at 200 %', 640, 360],
  ['reflow at 400 %', 320, 256],
] as const)('%s, %i by %i: one pane at a time, no scrolling sideways, what is lit in view at every step, nothing that axe-core finds', async (_, width, height) => {
  await open({ viewport: { width, height }, deviceScaleFactor: height < 500 ? 2 : 1 });
  expect((await flow.size())[0]).toBe(width);
  expect(await flow.violations()).toEqual([]);
  for (const [name, end] of DEMONSTRATIONS) {
    await flow.demonstrate(name, end);
    for (const pane of ['machine', 'message', 'flow']) {
      await page.locator(`ntlm-flow [data-pane="${pane}"]`).last().click();
      expect((await flow.size())[0]).toBe(width);
      if (name === 'wrong-then-right' || name === 'downgrade') expect(await flow.violations(), `${name}, ${pane}`).toEqual([]);
      expect(await sideways(), pane).toEqual([]);
      if (pane === 'message') continue;
      for (let step = 0; step < (await flow.length()); step++) {
        await flow.go(step);
        if ((await flow.state()) === 'no state passed yet' && pane === 'machine') continue; // nothing to light
        expect(await flow.litOutside(), `${name}, ${pane}, step ${step + 1}`).toEqual([]);
      }
    }
  }
  const { height: room } = (await page.locator('ntlm-flow .ladder-pane').boundingBox())!;
  expect(room).toBeGreaterThan(96); // three rows, whatever the window
}, 120_000);

/** Panes whose content is wider than they are; the whole chart may be, as a picture (WCAG 1.4.10). */
const sideways = (): Promise<string[]> => page.evaluate(() =>
  [...document.querySelector('ntlm-flow')!.shadowRoot!.querySelectorAll('.scroll, .card, .flow')]
    .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1)
    .map((each) => `${each.className} ${each.scrollWidth} > ${each.clientWidth}`));

test.each(['light', 'dark'] as const)('in forced colours, %s, what is current is told apart by system colours, and its words can be read', async (colorScheme) => {
  await open({ forcedColors: 'active', colorScheme });
  await flow.demonstrate('wrong-then-right', 'authenticated');
  const colours = await page.evaluate(() => Object.fromEntries(['Highlight', 'HighlightText', 'Canvas', 'CanvasText'].map((name) => {
    const probe = document.createElement('i');
    probe.style.cssText = `forced-color-adjust:none;color:${name}`;
    document.body.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return [name, color] as const;
  })));
  expect(colours['Highlight']).not.toBe(colours['Canvas']);
  const painted = (selector: string, what: 'fill' | 'stroke'): Promise<string[]> => page.evaluate(([query, property]) =>
    [...new Set([...document.querySelector('ntlm-flow')!.shadowRoot!.querySelectorAll(query)].map((each) => getComputedStyle(each)[property]))], [selector, what] as const);
  for (let step = 0; step < (await flow.length()); step++) {
    await flow.go(step);
    expect(await painted('.row.now .hit', 'stroke'), `step ${step + 1}`).toEqual([colours['Highlight']]);
    for (const selector of ['.row.now :is(.pill,.chip)', '.box.lit rect']) expect([[], [colours['Highlight']]]).toContainEqual(await painted(selector, 'fill'));
    for (const selector of ['.row.now :is(.pill-text,.chip-text)', '.box.lit text']) expect([[], [colours['HighlightText']]]).toContainEqual(await painted(selector, 'fill'));
    expect(await painted('.row:not(.now) .pill, .box:not(.lit) rect', 'fill')).toEqual([colours['Canvas']]);
    expect(await painted('.row:not(.now) text, .box:not(.lit) text', 'fill')).toEqual([colours['CanvasText']]);
    expect(await flow.violations(['color-contrast']), `step ${step + 1}`).toEqual([]);
  }
}, 120_000);

test('each step is announced once, and nothing else is; nothing moves by itself', async () => {
  await open();
  await flow.demonstrate('wrong-then-right', 'authenticated');
  const told = await page.evaluate(async () => {
    const element = document.querySelector('ntlm-flow') as unknown as { shadowRoot: ShadowRoot; length: number; position: { thread: string }; go(thread: string, step: number): void };
    const heard: string[] = [];
    const regions = [...element.shadowRoot.querySelectorAll('[aria-live], [role=status], [role=alert], output')];
    const observer = new MutationObserver((changes) => {
      for (const region of new Set(changes.map(({ target }) => regions.find((each) => each.contains(target))!))) if (region.textContent !== '') heard.push(region.textContent!);
    });
    for (const region of regions) observer.observe(region, { childList: true, characterData: true, subtree: true });
    for (let step = 0; step < element.length; step++) {
      element.go(element.position.thread, step);
      element.go(element.position.thread, step); // standing there already
      await new Promise((resolve) => setTimeout(resolve));
    }
    observer.disconnect();
    return { heard, moving: document.getAnimations().length };
  });
  const length = await flow.length();
  expect(told.heard.map((text) => /^step (\d+) of/.exec(text)?.[1])).toEqual(Array.from({ length }, (_, i) => String(i + 1)));
  expect(told.heard.some((text) => text.endsWith('state rejected: the server refused the credentials'))).toBe(true);
  expect(told.moving).toBe(0);
});

test('Tab stops once at each pane, in the order in which they stand', async () => {
  await open();
  await flow.demonstrate('proxy', 'authenticated');
  await page.locator('ntlm-flow [role=tab][aria-selected=true]').focus();
  const stops: string[] = [];
  for (let i = 0; i < 6; i++) {
    stops.push(await page.evaluate(() => {
      const { activeElement } = document.querySelector('ntlm-flow')!.shadowRoot!;
      return activeElement?.getAttribute('role') ?? activeElement?.className ?? '';
    }));
    await page.keyboard.press('Tab');
  }
  expect(stops).toEqual(['tab', 'listbox', 'link', 'tree', 'group', 'play']);
});
