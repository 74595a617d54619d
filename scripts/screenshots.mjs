/**
 * The pictures of the page, to be looked at: run after `npm run build`. `node scripts/screenshots.mjs` makes those of docs/;
 * `node scripts/screenshots.mjs FOLDER` each view in each size and colour.
 */
import { writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { visualize } from '../dist/visualize/node.js';

const [, , folder] = process.argv;
const SIZES = [[1280, 720], [1920, 1080], [390, 844]];
const KEPT = new Set(['1280', '390']);
/** By the words of the step at which a reader stands. */
const VIEWS = { first: undefined, running: /^client to server: .*AUTHENTICATE/, refusal: /^state rejected/, end: /^state authenticated/ };

const page = await visualize();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu'] });
for (const [width, height] of SIZES) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
    const tab = await context.newPage();
    await tab.goto(page.url);
    for (const [view, step] of Object.entries(VIEWS)) {
      if (step !== undefined) await standAt(tab, step);
      if (folder !== undefined) await shoot(tab, `${folder}/${view}-${width}-${colorScheme}.webp`);
      else if (view === 'refusal' && KEPT.has(String(width))) await shoot(tab, `docs/page-${width}-${colorScheme}.webp`);
    }
    await context.close();
  }
}
await browser.close();
await page.close();

/** WebP, a third of a PNG: Chromium makes it, Playwright does not ask for it. */
async function shoot(tab, file) {
  const session = await tab.context().newCDPSession(tab);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 85 });
  writeFileSync(file, Buffer.from(data, 'base64'));
  await session.detach();
}

async function standAt(tab, step) {
  if (!(await tab.locator('ntlm-flow .thread').isVisible())) {
    await tab.click('[data-demo="wrong-then-right"]');
    await tab.locator('ntlm-flow .thread').waitFor();
    await tab.mouse.move(0, 0);
  }
  await tab.evaluate((pattern) => {
    const flow = document.querySelector('ntlm-flow');
    const words = new RegExp(pattern);
    const rows = [...flow.shadowRoot.querySelectorAll('[data-step]')];
    flow.go(flow.position.thread, Number(rows.find((row) => words.test(row.getAttribute('aria-description'))).dataset.step));
  }, step.source);
  const field = tab.locator('ntlm-flow .node', { hasText: 'TimeStamp' }).first();
  if (await field.isVisible()) await field.click();
  await tab.waitForTimeout(200);
}
