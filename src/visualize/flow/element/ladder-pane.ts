import { drawLadder, drawNames, type Ladder } from '../ladder.ts';
import { isStep, type Thread } from '../story.ts';
import { toElement } from '../svg.ts';
import { make, stepOfKey } from './dom.ts';

/** One tab stop: the arrow keys go from step to step, the pointer to any. */
export class LadderPane {
  readonly root = make('section', { className: 'card ladder-pane', attributes: { 'aria-label': 'What was said' } });
  readonly #list = make('div', { className: 'scroll', attributes: { role: 'listbox', tabindex: '0', 'aria-label': 'Steps between client and server' } });
  #thread: Thread | undefined;
  #step = -1;
  #ladder: Ladder | undefined;

  constructor(go: (step: number) => void) {
    this.root.append(this.#list);
    this.#list.addEventListener('click', ({ target }) => {
      const row = target instanceof Element ? target.closest<SVGElement>('[data-step]') : null;
      if (row !== null) go(Number(row.dataset['step']));
    });
    this.#list.addEventListener('keydown', (event) => {
      const step = stepOfKey(event.key);
      if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      go(this.#step + step);
    });
    new ResizeObserver(() => this.#draw()).observe(this.#list);
  }

  show(thread: Thread | undefined, step: number): void {
    this.#thread = thread;
    this.#step = step;
    this.#draw();
  }

  #draw(): void {
    const width = this.#list.clientWidth;
    if (this.#thread === undefined || width === 0) {
      this.#list.replaceChildren();
      this.#list.removeAttribute('aria-activedescendant');
      return;
    }
    this.#ladder = drawLadder(this.#thread, { width, step: this.#step });
    const names = make('div', { className: 'names', attributes: { role: 'none' } }, toElement(drawNames(this.#thread, width)));
    this.#list.replaceChildren(names, toElement(this.#ladder.drawing));
    if (this.#thread.rows.some(isStep)) this.#list.setAttribute('aria-activedescendant', `step-${this.#step}`);
    this.#reveal();
  }

  #reveal(): void {
    const place = this.#ladder?.places[this.#step];
    if (place === undefined) return;
    const { clientHeight, scrollTop } = this.#list;
    const margin = Math.min(90, clientHeight / 4);
    if (place.y - margin < scrollTop) this.#list.scrollTop = place.y - margin;
    else if (place.y + place.height + margin > scrollTop + clientHeight) this.#list.scrollTop = place.y + place.height + margin - clientHeight;
  }
}
