import { drawLadder, drawNames } from '../ladder.ts';
import { layOut, placeAt, type LadderLayout } from '../ladder-layout.ts';
import type { Thread } from '../story.ts';
import { toElement } from '../svg.ts';
import { make, stepOfKey } from './dom.ts';

export interface LadderMoves {
  go(step: number): void;
  move(by: 1 | -1): void;
  /** Opens or closes a fold, by default the one where the reader stands. */
  toggle(fold?: string): void;
}

/**
 * One tab stop: the arrow keys go from step to step, the pointer to any. What is drawn is what is in view and as much again
 * on either side, however long the thread.
 */
export class LadderPane {
  readonly root = make('section', { className: 'card ladder-pane', attributes: { 'aria-label': 'What was said' } });
  readonly #list = make('div', { className: 'scroll', attributes: { role: 'listbox', tabindex: '0', 'aria-label': 'Steps between client and server' } });
  readonly #names = make('div', { className: 'names', attributes: { role: 'none' } });
  #thread: Thread | undefined;
  #step = -1;
  #open: ReadonlySet<string> = new Set();
  #layout: LadderLayout | undefined;
  #drawn = { from: 0, to: 0 };
  /** Where the reader was last brought: whoever scrolls away stays away until the next step. */
  #shown = '';

  constructor({ go, move, toggle }: LadderMoves) {
    this.root.append(this.#list);
    this.#list.addEventListener('click', ({ target }) => {
      const row = target instanceof Element ? target.closest<SVGElement>('[data-step],[data-fold]') : null;
      const { step, fold } = row?.dataset ?? {};
      if (step !== undefined) go(Number(step));
      if (fold !== undefined) toggle(fold);
    });
    this.#list.addEventListener('keydown', (event) => {
      const { key } = event;
      const step = stepOfKey(key);
      const toggles = key === 'Enter' || key === ' ';
      if ((step === undefined && !toggles) || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      if (step === undefined) toggle();
      else if (step === 1 || step === -1) move(step);
      else go(step === Infinity ? Infinity : 0);
    });
    this.#list.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#renew()).observe(this.#list);
  }

  show(thread: Thread | undefined, step: number, open: ReadonlySet<string>): void {
    this.#thread = thread;
    this.#step = step;
    this.#open = open;
    this.#renew();
  }

  #renew(): void {
    const width = this.#list.clientWidth;
    if (this.#thread === undefined || width === 0) {
      this.#layout = undefined;
      this.#list.replaceChildren();
      this.#list.removeAttribute('aria-activedescendant');
      return;
    }
    const known = this.#layout;
    if (known === undefined || known.thread !== this.#thread || known.open !== this.#open || known.frame.width !== width) {
      this.#layout = layOut(this.#thread, { width, open: this.#open });
      this.#names.replaceChildren(toElement(drawNames(this.#layout)));
    }
    this.#draw();
    const shown = `${this.#thread.id} ${this.#step} ${this.#open.size} ${width} ${this.#list.clientHeight}`;
    if (shown !== this.#shown) this.#reveal();
    this.#shown = shown;
  }

  #draw(): void {
    if (this.#layout === undefined) return;
    const { scrollTop, clientHeight } = this.#list;
    this.#drawn = { from: scrollTop - clientHeight, to: scrollTop + 2 * clientHeight };
    const current = placeAt(this.#layout, this.#step);
    this.#list.replaceChildren(this.#names, toElement(drawLadder(this.#layout, { step: current?.step ?? -1, ...this.#drawn, always: current })));
    if (current !== undefined) this.#list.setAttribute('aria-activedescendant', `step-${current.step}`);
    else this.#list.removeAttribute('aria-activedescendant');
  }

  #scrolled(): void {
    const { scrollTop, clientHeight } = this.#list;
    const { from, to } = this.#drawn;
    if (scrollTop < Math.max(0, from) || scrollTop + clientHeight > to) this.#draw();
  }

  #reveal(): void {
    const place = this.#layout === undefined ? undefined : placeAt(this.#layout, this.#step);
    if (place === undefined) return;
    const { clientHeight, scrollTop } = this.#list;
    const margin = Math.min(90, clientHeight / 4);
    if (place.y - margin < scrollTop) this.#list.scrollTop = place.y - margin;
    else if (place.y + place.height + margin > scrollTop + clientHeight) this.#list.scrollTop = place.y + place.height + margin - clientHeight;
    this.#scrolled();
  }
}
