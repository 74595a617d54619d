import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext } from 'playwright-core';

const executablePath = '/usr/bin/chromium';

/** Debian's Chromium, kept from speaking to anybody of its own accord. `more`: of its command line. */
export async function startChromium(...more: readonly string[]): Promise<Browser> {
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is missing: run scripts/install-servers.sh`);
  return chromium.launch({ executablePath, args: [...QUIET, ...more] });
}

/** The same with a profile, which has what private windows have not, such as tickets. */
export async function startChromiumProfile(folder: string, environment: Readonly<Record<string, string>>, ...more: readonly string[]): Promise<BrowserContext> {
  const env = Object.fromEntries(Object.entries({ ...process.env, ...environment }).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return chromium.launchPersistentContext(folder, { executablePath, env, args: [...QUIET, ...more] });
}

const QUIET: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
