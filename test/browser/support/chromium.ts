import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const executablePath = '/usr/bin/chromium';

/** Debian's Chromium, kept from speaking to anybody of its own accord. `more`: of its command line. */
export async function startChromium(...more: readonly string[]): Promise<Browser> {
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is missing: run scripts/install-servers.sh`);
  return chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  });
}
