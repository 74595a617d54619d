/** The page as a reader has it: what it says, where it stands, what is in view. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Each with the state that it ends in, and how its lane looks then. */
export const DEMONSTRATIONS = [
  ['right', 'authenticated', 'good'],
  ['wrong-then-right', 'authenticated', 'good'],
  ['proxy', 'authenticated', 'good'],
  ['downgrade', 'failed.refused', 'bad'],
  ['broken', 'failed.faulted', 'bad'],
  ['altered-mic', 'failed.rejected', 'bad'],
] as const;

interface Flow extends HTMLElement {
  readonly position: { readonly thread: string; readonly step: number };
  readonly length: number;
  go(thread: string, step: number): void;
}

export class FlowPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async state(): Promise<string> {
    return (await this.page.locator('ntlm-flow .standing').textContent())?.replace(/^\w+: /, '') ?? '';
  }

  /** What a screen reader is told of each step that is drawn. */
  steps(): Promise<string[]> {
    return this.page.locator('ntlm-flow [data-step]').evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-description') ?? ''));
  }

  bands(): Promise<string[]> {
    return this.page.locator('ntlm-flow [data-band]').evaluateAll((all) => all.map((band) => band.getAttribute('data-band') ?? ''));
  }

  count(): Promise<string> {
    return this.page.locator('ntlm-flow .count').innerText();
  }

  length(): Promise<number> {
    return this.page.evaluate(() => document.querySelector<Flow>('ntlm-flow')!.length);
  }

  go(step: number): Promise<void> {
    return this.page.evaluate((to) => {
      const flow = document.querySelector<Flow>('ntlm-flow')!;
      flow.go(flow.position.thread, to);
    }, step);
  }

  async demonstrate(name: string, end: string): Promise<void> {
    await this.page.click(`[data-demo="${name}"]`);
    await expect.poll(async () => (await this.length()) > 0 && (await this.state()), { timeout: 8_000 }).toBe(end);
  }

  /** What is lit and not wholly in the window and its pane; panes that are not shown do not count. */
  litOutside(): Promise<string[]> {
    return this.page.evaluate(() => {
      const root = document.querySelector('ntlm-flow')!.shadowRoot!;
      const lit = [...root.querySelectorAll('.row.now, .box.lit, .whole .state.active:not(:has(~ .state.active))')].filter((each) => (each as SVGElement).checkVisibility());
      if (lit.length === 0) return ['nothing is lit'];
      return lit.flatMap((each) => {
        const box = each.getBoundingClientRect();
        const frame = (each.closest('.scroll, .chart') ?? document.documentElement).getBoundingClientRect();
        const inside = box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1 && box.left >= frame.left - 1 && box.right <= frame.right + 1 && box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
        return inside && box.width > 0 ? [] : [`${each.getAttribute('class')} ${JSON.stringify(box)}`];
      });
    });
  }

  /** By axe-core; the page must let scripts in (`bypassCSP`). `rules`: these alone. */
  async violations(rules?: readonly string[]): Promise<string[]> {
    if (!(await this.page.evaluate(() => 'axe' in globalThis))) await this.page.evaluate(axe);
    return this.page.evaluate(async (only) => {
      interface Engine {
        run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
      }
      const { axe: engine } = globalThis as unknown as { axe: Engine };
      const { violations } = await engine.run(only === undefined ? {} : { runOnly: { type: 'rule', values: only } });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    }, rules);
  }

  /** Width and height that the document needs. */
  size(): Promise<readonly [number, number]> {
    return this.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight] as const);
  }
}
