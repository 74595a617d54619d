/** The playground in a real browser: what it reads, what it steps through, and that nothing leaves it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startChromium } from './support/chromium.ts';
import { serveFolder, type ServedFolder } from './support/folder.ts';

const RIGHT = 'drawbridge-41';
/** MS-NLMP 4.2.4.3: the challenge of the specification's NTLMv2 example. */
const CHALLENGE =
  'TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwARABvAG0AYQBpAG4AAQAMAFMAZQByAHYAZQByAAAAAAA=';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let context: BrowserContext;
let page: Page;
let served: ServedFolder;
let folder: string;
let troubles: string[];
/** Requests of any kind after the page had loaded, and whatever else it tried to reach. */
let left: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ntlmachine-playground-'));
  execFileSync(process.execPath, [fileURLToPath(new URL('../../site/playground/build.mjs', import.meta.url)), folder]);
  served = await serveFolder(folder);
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
  await served[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  expect(troubles).toEqual([]);
  expect(left).toEqual([]);
  await context.close();
});

async function open(fragment = '', options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
  context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 800 }, ...options });
  page = await context.newPage();
  troubles = [];
  left = [];
  page.on('console', (message) => void (['error', 'warning'].includes(message.type()) && troubles.push(message.text())));
  page.on('pageerror', (error) => void troubles.push(error.message));
  await page.goto(`${served.url}${fragment}`);
  await page.waitForLoadState('networkidle');
  page.on('request', (request) => void left.push(request.url()));
  page.on('websocket', (socket) => void left.push(socket.url()));
}

const colours = (): Promise<string[]> =>
  page.evaluate(() => [document.body, document.querySelector('ntlm-flow')!].map((element) => {
    const own = element.shadowRoot === null ? getComputedStyle(element).backgroundColor : getComputedStyle(element).getPropertyValue('--ntlm-paper').trim();
    return `${own} ${getComputedStyle(element).colorScheme}`;
  }));

const flow = (): string => `ntlm-flow:visible`;
const eventually = (work: () => Promise<unknown>, due: unknown): Promise<void> => expect.poll(work, { timeout: 8_000 }).toEqual(due);
const sentence = (): Promise<string> => page.locator(`${flow()} .sentence`).innerText();
const state = async (): Promise<string> => (await page.locator(`${flow()} .standing`).textContent()) ?? '';
const tree = (): Promise<string> => page.locator(`${flow()} .tree`).innerText();

describe('what is pasted', () => {
  test('a token of the specification is decoded, field by field', async () => {
    await open();
    await page.fill('#input', `WWW-Authenticate: NTLM ${CHALLENGE}`);
    await eventually(tree, expect.stringContaining('ServerChallenge'));
    const fields = (await tree()).replace(/\s+/g, ' ');
    for (const text of ['0123456789abcdef', 'TargetName "Server"', '"Domain"', '0xe28a8233']) expect(fields).toContain(text);
    await page.fill('#input', CHALLENGE);
    await eventually(tree, expect.stringContaining('ServerChallenge'));
    await page.fill('#input', 'neither a token nor a log');
    await eventually(() => page.isVisible('#problem'), true);
    await page.click('#clear');
    await eventually(() => page.isVisible('#problem'), false);
  });

  test.each([
    ['works', /accepted "CASTLE\\alice"/],
    ['wrong-password', /password is wrong/],
    ['clock', /clock/],
    ['bindings', /channel binding|Extended Protection/i],
    ['balancer', /TOWER|another (?:server|challenge|connection)/i],
    ['kerberos', /Negotiate/],
    ['challenge', /asked for authentication/],
  ])('the example "%s" is said in its sentence', async (name, said) => {
    await open();
    await page.click(`[data-example="${name}"]`);
    await eventually(sentence, expect.stringMatching(said));
    await page.locator(`${flow()} .link`).click();
    await page.locator(`${flow()} .whole svg`).waitFor();
  });

  test('files are read as well; a capture is bytes', async () => {
    await open();
    const har = JSON.stringify({ log: { version: '1.2', entries: [{ startedDateTime: '2026-11-26T12:00:00Z', request: { method: 'GET', url: 'http://keep/x', httpVersion: 'HTTP/1.1', headers: [] }, response: { status: 401, statusText: '', httpVersion: 'HTTP/1.1', headers: [{ name: 'WWW-Authenticate', value: 'NTLM' }], content: {} } }] } });
    await page.setInputFiles('#file', { name: 'a.har', mimeType: 'application/json', buffer: Buffer.from(har) });
    await eventually(sentence, expect.stringContaining('401'));
    await page.click('#clear');
    await page.setInputFiles('#file', { name: 'a.har.gz', mimeType: 'application/gzip', buffer: gzipSync(har) });
    await eventually(sentence, expect.stringContaining('401'));
    await page.setInputFiles('#file', { name: 'a.pcap', mimeType: 'application/octet-stream', buffer: captureOf(`HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM ${CHALLENGE}\r\nContent-Length: 0\r\n\r\n`) });
    await eventually(tree, expect.stringContaining('ServerChallenge'));
  });

  test('responses are masked until they are asked for; a password is verified in place', async () => {
    await open('#example=works');
    await eventually(tree, expect.stringMatching(/NTProofStr\s+masked/));
    await page.check('#whole');
    await eventually(tree, expect.not.stringMatching(/NTProofStr\s+masked/));
    await page.fill('#user', 'CASTLE\\alice');
    for (const [password, outcome] of [['portcullis', 'wrong'], [RIGHT, 'right']] as const) {
      await page.fill('#password', password);
      await page.click('#verify button');
      await eventually(() => page.locator('.verdict').first().innerText(), `NT response ${outcome}`);
    }
    expect(await page.locator('.verdict').last().innerText()).toBe('MIC right');
  });
});

describe('a link', () => {
  const link = async (): Promise<string> => {
    await page.click('#link');
    await eventually(() => page.inputValue('#address'), expect.stringContaining(served.url));
    return page.inputValue('#address');
  };

  test('names an example, and holds nothing of what was pasted unless that is asked for', async () => {
    await open('#example=clock');
    await eventually(sentence, expect.stringMatching(/clock/));
    expect(await link()).toBe(`${served.url}#example=clock`);
    await page.fill('#input', CHALLENGE);
    expect(await link()).toBe(served.url);
    expect(await page.isVisible('#warning')).toBe(false);
    await page.check('#with-input');
    await eventually(() => page.inputValue('#address'), expect.stringMatching(/#in=[\w-]+$/));
    expect(await page.isVisible('#warning')).toBe(true);
  });

  test('with what was pasted opens it elsewhere; it goes to no server, and does not stay in the address', async () => {
    await open();
    await page.fill('#input', CHALLENGE);
    await page.check('#with-input');
    const address = await link();
    await eventually(() => page.inputValue('#address'), expect.stringContaining('#in='));
    expect(new URL(address).search).toBe('');
    await context.close();
    const before = served.asked.length;
    await open(new URL(await Promise.resolve(address)).hash);
    await eventually(tree, expect.stringContaining('ServerChallenge'));
    expect(await page.evaluate(() => location.hash)).toBe('');
    expect(served.asked.slice(before).map(({ path }) => path).join()).not.toContain('in=');
  });
});

describe('step by step', () => {
  const next = (): Promise<string[]> => page.locator('#moves button:enabled').allInnerTexts();
  const move = (name: string): Promise<void> => page.click(`[data-move="${name}"]`);

  test('a wrong password is refused, the machine is reset, the right one is accepted', async () => {
    await open('#step');
    expect(await next()).toEqual(['1 Negotiate']);
    await move('negotiate');
    await eventually(state, 'ntlm: negotiated.waiting');
    expect(await next()).toEqual(['2 Challenge', 'Reset']);
    await move('challenge');
    await eventually(state, 'ntlm: responded');
    await move('judge');
    await eventually(state, 'ntlm: failed.rejected');
    expect(await page.innerText('#said')).toContain('wrong credentials');
    expect(await next()).toEqual(['Reset']);
    await page.fill('#own-password', RIGHT);
    await move('reset');
    for (const name of ['negotiate', 'challenge', 'judge']) await move(name);
    await eventually(state, 'ntlm: authenticated');
    expect(await page.innerText('#said')).toContain('welcome, alice');
    const held = await page.evaluate(() => document.querySelector('#step-flow')!.shadowRoot!.innerHTML);
    expect(held).not.toContain(RIGHT);
  });

  test.each([
    ['downgrade', ['negotiate', 'challenge'], 'ntlm: failed.refused'],
    ['cut', ['negotiate', 'challenge'], 'ntlm: failed.faulted'],
    ['mic', ['negotiate', 'challenge', 'judge'], 'ntlm: failed.rejected'],
  ])('on the way: %s', async (mischief, moves, end) => {
    await open('#step');
    await page.fill('#own-password', RIGHT);
    await page.click('#tab-read');
    await page.click('#tab-step');
    await page.selectOption('#mischief', mischief);
    for (const name of moves) await move(name);
    await eventually(state, end);
  });
});

describe('the page stands alone', () => {
  test('its policy allows its own script and style, and no connection at all', async () => {
    await open();
    const html = readFileSync(join(folder, 'index.html'), 'utf8');
    const [, policy] = /http-equiv="content-security-policy" content="([^"]+)"/.exec(html) ?? [];
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'none'"]) expect(policy?.split('; ')).toContain(rule);
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=/);
    expect([...new Set(served.asked.map(({ path }) => path))].sort()).toEqual(['/', '/main.js', '/style.css']);
  });

  test('what tries to leave is stopped', async () => {
    await open();
    const tried = await page.evaluate(async (url) => {
      const ways = {
        fetch: () => fetch(url),
        beacon: async () => {
          if (!navigator.sendBeacon(url)) throw new Error('refused');
          await new Promise((resolve, reject) => document.addEventListener('securitypolicyviolation', reject, { once: true }) ?? setTimeout(resolve, 500));
        },
        image: () => new Promise((resolve, reject) => Object.assign(new Image(), { src: `${url}x.png`, onload: resolve, onerror: reject })),
        script: () => new Promise((resolve, reject) => document.head.append(Object.assign(document.createElement('script'), { src: `${url.replace('127.0.0.1', 'localhost')}x.js`, onload: resolve, onerror: reject }))),
      };
      const ended: string[] = [];
      for (const [name, way] of Object.entries(ways)) await way().then(() => ended.push(`${name} left`), () => ended.push(`${name} stopped`));
      return ended;
    }, served.url);
    expect(tried).toEqual(['fetch stopped', 'beacon stopped', 'image stopped', 'script stopped']);
    expect(served.asked.some(({ path }) => /x\.(?:png|js)/.test(path))).toBe(false);
    troubles = []; // the browser tells of each
    left = [];
  });
});

describe('accessibility', () => {
  const violations = async (): Promise<string[]> => {
    if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
    return page.evaluate(async () => {
      const { axe: engine } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
      return (await engine.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    });
  };

  test.each([
    [1280, 800, 'light'],
    [1280, 800, 'dark'],
    [390, 844, 'light'],
    [390, 844, 'dark'],
  ] as const)('axe-core finds nothing at %i by %i, %s, and nothing leaves the width', async (width, height, colorScheme) => {
    await open('', { viewport: { width, height }, colorScheme, bypassCSP: true }); // axe comes in as a script
    const look = async (what: string): Promise<void> => {
      expect(await violations(), what).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), what).toBe(width);
    };
    await look('empty');
    await page.click('[data-example="wrong-password"]');
    await eventually(sentence, expect.stringMatching(/password/));
    await page.fill('#user', 'alice');
    await page.click('#verify button');
    await page.check('#with-input');
    await page.click('#link');
    await look('read');
    await page.fill('#input', 'nothing of use');
    await look('refused');
    await page.click('#tab-step');
    await look('idle');
    for (const name of ['negotiate', 'challenge', 'judge']) await page.click(`[data-move="${name}"]`);
    await eventually(state, 'ntlm: failed.rejected');
    await look('rejected');
  });
});

/** One packet of TCP over IPv4 in a pcap of Ethernet, from port 80. */
function captureOf(text: string): Buffer {
  const payload = Buffer.from(text, 'latin1');
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(80, 0);
  tcp.writeUInt16BE(50000, 2);
  tcp.writeUInt32BE(1, 4);
  tcp.writeUInt8(0x50, 12);
  tcp.writeUInt8(0x18, 13);
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(40 + payload.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(6, 9);
  ip.set([192, 0, 2, 7, 192, 0, 2, 8], 12);
  const frame = Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0]), ip, tcp, payload]);
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65535, 16);
  head.writeUInt32LE(1, 20);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(frame.length, 8);
  record.writeUInt32LE(frame.length, 12);
  return Buffer.concat([head, record, frame]);
}

describe('light and dark', () => {
  const LIGHT = ['rgb(238, 242, 247) light', '#f4f7fb light'];
  const DARK = ['rgb(13, 18, 24) dark', '#0d1218 dark'];

  test.each([
    ['light', null, LIGHT],
    ['dark', null, DARK],
    ['light', 'auto', LIGHT],
    ['light', 'dark', DARK],
    ['dark', 'light', LIGHT],
  ] as const)('a system that is %s, and the choice %s on the site', async (colorScheme, chosen, due) => {
    const storageState = { cookies: [], origins: chosen === null ? [] : [{ origin: new URL(served.url).origin, localStorage: [{ name: 'vitepress-theme-appearance', value: chosen }] }] };
    await open('', { colorScheme, storageState });
    await eventually(colours, due);
    await page.emulateMedia({ colorScheme: colorScheme === 'dark' ? 'light' : 'dark' });
    await eventually(colours, chosen === 'dark' || chosen === 'light' ? due : due === DARK ? LIGHT : DARK);
  });
});

describe('whatever is dropped', () => {
  const har = (): string => JSON.stringify({ log: { version: '1.2', creator: { name: 'x' }, entries: [] } });
  test.each<[string, () => Buffer, RegExp]>([
    ['nothing', () => Buffer.alloc(0), /^$/],
    ['noise', () => Buffer.from(Array.from({ length: 4000 }, (_, index) => (index * 7919 + (index >> 3) * 31) & 0xff)), /no token .*record with/],
    ['a picture', () => Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1'), /this is a picture/],
    ['half a HAR', () => Buffer.from(har().slice(0, 40)), /breaks off/],
    ['20 MB of text', () => Buffer.alloc(20 * 1024 * 1024, 'lorem ipsum dolor\n'), /at most 4 MiB|no token/],
    ['20 MB of bytes', () => Buffer.alloc(20 * 1024 * 1024, 0xf7), /at most 4 MiB|no token/],
    ['65 MB', () => Buffer.alloc(65 * 1024 * 1024, 'x'), /64 MiB/],
    ['a log of IIS', () => Buffer.from('2026-11-26 10:20:31 10.0.0.5 GET /api - 443 - 10.0.0.9 axios - 401 1 1909 3\n'), /the account is locked/],
  ])('%s: a sentence, and the page goes on', async (_, bytes, said) => {
    await open();
    const folderOf = mkdtempSync(join(tmpdir(), 'ntlmachine-dropped-'));
    const path = join(folderOf, 'given');
    writeFileSync(path, bytes());
    await page.locator('#file').setInputFiles(path);
    await expect.poll(() => page.locator('#problem').innerText(), { timeout: 20_000 }).toMatch(said);
    rmSync(folderOf, { recursive: true });
    await page.locator('#input').fill(`NTLM ${CHALLENGE}`);
    await expect.poll(sentence, { timeout: 8_000 }).toMatch(/\.$/);
    expect(await page.locator('#problem').isVisible()).toBe(false);
  });
});
