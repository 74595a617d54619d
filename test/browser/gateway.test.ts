/** Chromium and a gateway: as its proxy, and as somebody whose pages have no business there. Over the built package. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Credentials } from 'ntlmachine';
import { createGateway, type Gateway, type GatewayEntry, type GatewayOptions } from 'ntlmachine/gateway';
import { createNtlmServer } from 'ntlmachine/http';
import type { Browser } from 'playwright-core';
import { WebSocketServer } from 'ws';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startSquid, type Squid } from '../interop/support/squid.ts';
import { alice } from '../interop/support/users.ts';
import { startChromium } from './support/chromium.ts';

const credentials = Credentials.fromPassword(alice);

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function listening<S extends Server>(server: S): Promise<S> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function end(...servers: readonly Server[]): void {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
}

let entries: GatewayEntry[];
beforeEach(() => void (entries = []));

const startGateway = (options: GatewayOptions): Promise<Gateway> =>
  listening(createGateway({ onExchange: (entry) => entries.push(entry), ...options }));

describe('a page of another origin', () => {
  let browser: Browser;
  let upstream: Server;
  let page: Server;
  /** What reached the server that the gateway stands for, or its proxy. */
  let reached: string[];

  beforeAll(async () => {
    browser = await startChromium('--host-resolver-rules=MAP evil.test 127.0.0.1');
    page = await listening(createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>page</title>')));
  });
  afterAll(async () => {
    await browser.close();
    end(page);
  });
  beforeEach(async () => {
    reached = [];
    upstream = await listening(
      createNtlmServer({ credentials }, (request, response) => {
        reached.push(`${request.method} ${request.url}`);
        response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>server</title>');
      }).on('upgrade', (request) => reached.push(`upgrade ${request.url}`)),
    );
  });
  afterEach(() => end(upstream));

  /** All that a page can do to a server that does not want it to. */
  async function attack(origin: string, target: string): Promise<void> {
    const own = await browser.newPage();
    await own.goto(origin);
    await own.evaluate(async (url) => {
      const quietly = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
      await quietly(fetch(`${url}/fetch-get`, { mode: 'no-cors', credentials: 'include' }));
      await quietly(fetch(`${url}/fetch-post`, { mode: 'no-cors', method: 'POST', body: 'x' }));
      await quietly(fetch(`${url}/fetch-cors`, { method: 'PUT', headers: { 'X-Mine': '1' } }));
      await new Promise((resolve) => {
        const image = new Image();
        image.onload = image.onerror = resolve;
        image.src = `${url}/image`;
      });
      await new Promise((resolve) => {
        const script = document.createElement('script');
        script.onload = script.onerror = resolve;
        script.src = `${url}/script`;
        document.head.append(script);
      });
      await new Promise((resolve) => {
        const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`);
        socket.onopen = socket.onerror = resolve;
      });
      navigator.sendBeacon(`${url}/beacon`, 'x');
      const frame = document.createElement('iframe');
      frame.name = 'frame';
      document.body.append(frame);
      const form = document.createElement('form');
      Object.assign(form, { method: 'POST', action: `${url}/form`, target: 'frame', enctype: 'text/plain' });
      document.body.append(form);
      const posted = new Promise((resolve) => (frame.onload = resolve));
      form.submit();
      await posted;
    }, target);
    await own.close();
  }

  test('can do nothing with a gateway in front of a server: 403, and the server hears nothing', async () => {
    const gateway = await startGateway({ to: `http://127.0.0.1:${portOf(upstream)}`, credentials });
    for (const host of ['localhost', '127.0.0.1', 'evil.test']) {
      await attack(`http://${host}:${portOf(page)}/`, `http://127.0.0.1:${portOf(gateway)}`);
    }
    expect(reached).toEqual([]);
    expect(new Set(entries.map(({ status }) => status))).toEqual(new Set([403]));
    expect(entries.length).toBeGreaterThanOrEqual(3 * 7);
    end(gateway);
  });

  test('can do nothing by a name that leads to the gateway, be it in the address bar', async () => {
    const gateway = await startGateway({ to: `http://127.0.0.1:${portOf(upstream)}`, credentials });
    const rebound = `http://evil.test:${portOf(gateway)}`;
    await attack(`http://evil.test:${portOf(page)}/`, rebound);
    const own = await browser.newPage();
    expect((await own.goto(`${rebound}/`))?.status()).toBe(421);
    await own.close();
    expect(reached).toEqual([]);
    expect(entries.every(({ status }) => status === 421)).toBe(true);
    end(gateway);
  });

  test('can do nothing with a gateway in front of a proxy', async () => {
    const gateway = await startGateway({ upstream: `http://127.0.0.1:${portOf(upstream)}`, credentials });
    for (const host of ['127.0.0.1', 'evil.test']) {
      for (const name of ['127.0.0.1', 'evil.test']) await attack(`http://${host}:${portOf(page)}/`, `http://${name}:${portOf(gateway)}`);
    }
    expect(reached).toEqual([]);
    expect(new Set(entries.map(({ status }) => status))).toEqual(new Set([400]));
    end(gateway);
  });

  test('is one thing, the gateway’s own pages another: they are users', async () => {
    const gateway = await startGateway({ to: `http://127.0.0.1:${portOf(upstream)}`, credentials });
    const sockets = new WebSocketServer({ server: upstream });
    sockets.on('connection', (socket) => socket.send('welcome'));
    const own = await browser.newPage();
    const url = `http://127.0.0.1:${portOf(gateway)}`;
    expect((await own.goto(`${url}/`))?.status()).toBe(200);
    expect(await own.title()).toBe('server');
    const said = await own.evaluate(async (at) => {
      const posted = await fetch('/posted', { method: 'POST', body: 'x' });
      const socket = new WebSocket(`${at.replace('http', 'ws')}/socket`);
      return [posted.status, await new Promise((resolve) => ((socket.onmessage = ({ data }) => resolve(data)), (socket.onerror = () => resolve('refused'))))];
    }, url);
    expect(said).toEqual([200, 'welcome']);
    await own.close();
    sockets.close();
    end(gateway);
  });
});

describe('Chromium through a gateway to Squid', () => {
  let squid: Squid;
  beforeAll(async () => {
    squid = await startSquid();
  });
  afterAll(() => squid?.close());

  test('loads a page with all that is on it, and opens its WebSocket', async () => {
    const server = await listening(
      createServer((request, response) => {
        if (request.url !== '/') return void response.setHeader('Content-Type', 'text/javascript').end('document.title += "+"');
        const scripts = Array.from({ length: 12 }, (_, i) => `<script src="/script-${i}.js"></script>`).join('');
        response.setHeader('Content-Type', 'text/html').end(`<!doctype html><title>page</title>${scripts}`);
      }),
    );
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${String(data)}`)));
    const gateway = await startGateway({ upstream: squid.proxy, credentials });
    const browser = await startChromium(`--proxy-server=http://127.0.0.1:${portOf(gateway)}`, '--proxy-bypass-list=<-loopback>');
    try {
      const page = await browser.newPage();
      const url = `http://127.0.0.1:${portOf(server)}/`;
      expect((await page.goto(url))?.status()).toBe(200);
      expect(await page.title()).toBe(`page${'+'.repeat(12)}`);
      const heard = await page.evaluate(
        (at) =>
          new Promise((resolve) => {
            const socket = new WebSocket(at.replace('http', 'ws'));
            socket.onopen = () => socket.send('you');
            socket.onmessage = ({ data }) => (resolve(data), socket.close());
            socket.onerror = () => resolve('refused');
          }),
        url,
      );
      expect(heard).toBe('heard you');
    } finally {
      await browser.close();
    }
    await expect.poll(() => entries.filter(({ method }) => method === 'CONNECT').length).toBeGreaterThan(0);
    const { host } = new URL(`http://127.0.0.1:${portOf(server)}`);
    const ours = entries.filter((entry) => entry.host === host && !(entry.status === 404));
    expect(ours.every(({ status }) => status === 200)).toBe(true);
    expect(ours.filter(({ method }) => method === 'GET').length).toBeGreaterThanOrEqual(13);
    sockets.close();
    end(gateway, server);
  });
});
