/** The pictures of the page in docs/: run after `npm run build`, then look at them. */
import { chromium } from 'playwright-core';
import { visualize } from '../dist/visualize/node.js';

const page = await visualize();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu'] });
for (const [width, height] of [[1280, 720], [390, 844]]) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
    const tab = await context.newPage();
    await tab.goto(page.url);
    await tab.click('[data-demo="wrong-then-right"]');
    await tab.locator('ntlm-flow .thread').waitFor();
    await tab.mouse.move(0, 0);
    await tab.evaluate(() => {
      const flow = document.querySelector('ntlm-flow');
      flow.go(flow.position.thread, flow.length - 3);
    });
    if (width > 1000) await tab.locator('ntlm-flow .node', { hasText: 'TimeStamp' }).first().click();
    await tab.waitForTimeout(200);
    await tab.screenshot({ path: `docs/page-${width}-${colorScheme}.png` });
    await context.close();
  }
}
await browser.close();
await page.close();
