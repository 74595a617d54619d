import type { PageEntry } from '../view.ts';
import { byId, reveal } from './dom.ts';

/** The statechart: drawn once for each machine, then only classes change. */
export class Chart {
  readonly #place = byId('chart');
  readonly #state = byId('state');

  draw(svg: string, machine: string): void {
    if (svg === '') {
      this.#place.textContent = `There is no drawing of the machine "${machine}" here.`;
      return;
    }
    const { documentElement } = new DOMParser().parseFromString(svg, 'image/svg+xml');
    documentElement.removeAttribute('height');
    documentElement.removeAttribute('width');
    this.#place.replaceChildren(document.importNode(documentElement, true));
  }

  /** Lights the states of a step and the arrows that led there. */
  show(entry: PageEntry | undefined): void {
    this.#state.textContent = entry?.to ?? '';
    this.#state.dataset['mood'] = entry === undefined ? '' : moodOf(entry);
    const active = new Set(entry?.active);
    const ways = new Set(entry?.ways);
    for (const shape of this.#place.querySelectorAll<SVGElement>('[data-state]')) {
      shape.classList.toggle('active', active.has(shape.dataset['state'] ?? ''));
    }
    for (const shape of this.#place.querySelectorAll<SVGElement>('[data-way]')) {
      shape.classList.toggle('taken', ways.has(shape.dataset['way'] ?? ''));
    }
    const lit = [...this.#place.querySelectorAll('.state.active')].at(-1);
    if (lit !== undefined) reveal(this.#place, lit);
  }
}

export function moodOf({ to }: PageEntry): string {
  if (/(^|\.)(authenticated|accepted)$/.test(to)) return 'good';
  return /^failed|^refused/.test(to) ? 'bad' : '';
}
