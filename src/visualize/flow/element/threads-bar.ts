import type { Thread } from '../story.ts';
import { make, reveal, stepOfKey } from './dom.ts';

/** A tab for each thread: one tab stop, arrows inside. */
export class ThreadsBar {
  readonly root = make('div', { className: 'threads', attributes: { role: 'tablist', 'aria-label': 'Connections' } });
  #threads: readonly Thread[] = [];
  #chosen = '';

  constructor(choose: (id: string) => void) {
    this.root.addEventListener('click', ({ target }) => {
      const tab = target instanceof Element ? target.closest<HTMLElement>('[data-thread]') : null;
      if (tab !== null) choose(tab.dataset['thread'] ?? '');
    });
    this.root.addEventListener('keydown', (event) => {
      const step = stepOfKey(event.key);
      if (step === undefined) return;
      event.preventDefault();
      const at = this.#threads.findIndex(({ id }) => id === this.#chosen);
      const next = this.#threads[Math.min(Math.max(at + step, 0), this.#threads.length - 1)];
      if (next === undefined) return;
      choose(next.id);
      this.root.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
    });
  }

  show(threads: readonly Thread[], chosen: string): void {
    const same = threads === this.#threads && chosen === this.#chosen;
    this.#threads = threads;
    this.#chosen = chosen;
    if (same) return;
    const tabs = threads.map((thread) => this.#tab(thread));
    const focused = this.root.querySelector(':focus') !== null;
    this.root.replaceChildren(...tabs);
    this.root.hidden = threads.length === 0;
    const current = tabs.find((tab) => tab.getAttribute('aria-selected') === 'true');
    if (current === undefined) return;
    if (focused) current.focus();
    reveal(this.root, current, 12);
  }

  #tab({ id, user, mood, standing }: Thread): HTMLElement {
    const chosen = id === this.#chosen;
    const word = mood === 'asks' ? ' asking…' : '';
    return make('button', { className: `thread ${mood}`, attributes: { type: 'button', role: 'tab', 'aria-selected': String(chosen), tabindex: chosen ? '0' : '-1', 'data-thread': id, title: standing } },
      make('span', { className: 'dot', attributes: { 'aria-hidden': 'true' } }),
      make('span', { text: `#${id}${user === '' ? '' : ` ${user}`}${word}` }),
      make('span', { className: 'hidden', text: `, ${standing}` }));
  }
}
