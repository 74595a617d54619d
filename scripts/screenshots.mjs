/** The pictures of the page in docs/: run after `npm run build`, then look at them. */
import { chromium } from 'playwright-core';
import { visualize } from '../dist/visualize/node.js';

const page = await visualize();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu'] });
for (const [width, height] of [[1280, 1000], [390, 844]]) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
    const tab = await context.newPage();
    await tab.goto(page.url);
    await tab.click('[data-demo="wrong-then-right"]');
    await tab.waitForFunction(() => document.querySelectorAll('#sequence .accepted').length === 1);
    await tab.click('#sequence li:nth-child(8) button');
    await tab.waitForTimeout(300);
    if (width > 1000) await tab.locator('.field', { hasText: 'NTLMv2Response.TimeStamp' }).focus();
    await tab.evaluate(() => scrollTo(0, 0));
    await tab.screenshot({ path: `docs/page-${width}-${colorScheme}.png`, fullPage: width > 1000 });
    await context.close();
  }
}
await browser.close();
await page.close();
