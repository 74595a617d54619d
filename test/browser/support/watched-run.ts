/** Many connections used for long by one app, while a page watches: what the app and the page hold, now and then. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import { Credentials } from 'ntlmachine';
import { NtlmAgent, createNtlmServer } from 'ntlmachine/http';
import { visualize, type Conversation } from 'ntlmachine/visualize';
import type { CDPSession, Page } from 'playwright-core';
import { startChromium } from './chromium.ts';

export interface WatchedRun {
  readonly connections: number;
  /** Requests of the app; each connection's handshake costs two more. */
  readonly requests: number;
  readonly samples: number;
  /** Requests after which the server ends a connection: another takes its place. */
  readonly each: number;
  readonly onSample?: (sample: Sample) => void;
}

/** Bytes are those of a heap that was just collected. */
export interface Sample {
  readonly requests: number;
  readonly appHeap: number;
  readonly pageHeap: number;
  /** Of the DOM, whether in the document or not. */
  readonly pageNodes: number;
  readonly lanes: number;
  /** Exchanges that the page holds. */
  readonly kept: number;
}

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge-41' });

export async function watchedRun({ connections, requests, samples, each, onSample }: WatchedRun): Promise<readonly Sample[]> {
  const server = createNtlmServer({ credentials }, (_, response) => void response.end('orders'));
  server.maxRequestsPerSocket = each;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = new NtlmAgent({ allow: url, credentials, maxSockets: connections });
  const shown = await visualize(agent);
  const browser = await startChromium();
  try {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
    const cdp = await page.context().newCDPSession(page);
    await page.goto(shown.url);
    const taken: Sample[] = [];
    let asked = 0;
    for (let round = 1; round <= samples; round++) {
      const until = Math.round((requests * round) / samples);
      const worker = async (): Promise<void> => {
        while (asked < until) await ask(agent, `${url}/orders/${++asked}`);
      };
      await Promise.all(Array.from({ length: connections }, worker));
      const sample = { requests: asked, ...(await sampled(page, cdp, `/orders/${asked}`)) };
      taken.push(sample);
      onSample?.(sample);
    }
    return taken;
  } finally {
    agent.destroy();
    await browser.close();
    await shown.close();
    server.close().closeAllConnections();
  }
}

async function ask(agent: NtlmAgent, url: string): Promise<void> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
}

type Flow = HTMLElement & { readonly conversation?: Conversation };

/** When the page has heard of the last request. */
async function sampled(page: Page, cdp: CDPSession, last: string): Promise<Omit<Sample, 'requests'>> {
  await page.waitForFunction((target) => {
    const { conversation } = document.querySelector<Flow>('ntlm-flow')!;
    return conversation?.connections.some(({ exchanges }) => exchanges.some(({ request, response }) => request?.target === target && response !== undefined)) === true;
  }, last, { timeout: 120_000, polling: 200 });
  for (let round = 0; round < 3; round++) {
    await later(100);
    globalThis.gc?.();
    await cdp.send('HeapProfiler.collectGarbage');
  }
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  const { nodes } = await cdp.send('Memory.getDOMCounters');
  const { lanes, kept } = await page.evaluate(() => {
    const flow = document.querySelector<Flow>('ntlm-flow')!;
    return { lanes: flow.shadowRoot!.querySelectorAll('.thread').length, kept: flow.conversation!.connections.reduce((sum, { exchanges }) => sum + exchanges.length, 0) };
  });
  return { appHeap: process.memoryUsage().heapUsed, pageHeap: usedSize, pageNodes: nodes, lanes, kept };
}
