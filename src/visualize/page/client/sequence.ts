import type { PageEntry } from '../view.ts';
import { byId, element, reveal } from './dom.ts';

/** The ladder of messages and the log of events; both lead to their step. */
export class Lists {
  readonly #sequence = byId('sequence');
  readonly #log = byId('log');
  readonly #go: (index: number) => void;
  #start = 0;

  constructor(go: (index: number) => void) {
    this.#go = go;
  }

  clear(): void {
    this.#sequence.replaceChildren();
    this.#log.replaceChildren();
  }

  add(entry: PageEntry, index: number): void {
    if (index === 0) this.#start = entry.time;
    const { event, from, to, error, message, verdict } = entry;
    const at = element('span', { className: 'at', text: `${Math.round(entry.time - this.#start)} ms` });
    const way = from === to ? to : `${from === '' ? '' : `${from} → `}${to}`;
    const parts = [at, element('strong', { text: event }), element('span', { className: 'way-text', text: way })];
    if (message !== undefined) parts.push(element('span', { className: 'carried', text: `${message.sender === 'client' ? '→' : '←'} ${message.summary}` }));
    if (error !== undefined) parts.push(element('span', { className: 'error', text: error }));
    this.#log.append(this.#item(index, 'step', parts));
    if (message !== undefined) this.#ladder(index, message.sender, message.summary);
    else if (verdict !== undefined) this.#ladder(index, 'server', verdict, verdict);
    else if (event === 'reset') this.#ladder(index, 'none', 'reset', 'reset');
  }

  show(index: number): void {
    for (const item of [...this.#sequence.children, ...this.#log.children] as HTMLElement[]) {
      const own = Number(item.dataset['index']);
      item.classList.toggle('past', own <= index);
      const button = item.firstElementChild;
      if (own === index) button?.setAttribute('aria-current', 'step');
      else button?.removeAttribute('aria-current');
    }
    const current = this.#log.querySelector('[aria-current]');
    if (current !== null) reveal(this.#log.parentElement!, current);
  }

  #ladder(index: number, sender: string, text: string, kind = 'message'): void {
    const spoken = sender === 'none' ? '' : sender === 'client' ? 'client to server: ' : 'server to client: ';
    const parts = [element('span', { className: 'visually-hidden', text: spoken }), element('span', { className: 'label', text })];
    const item = this.#item(index, `rung ${kind}`, parts);
    item.dataset['sender'] = sender;
    this.#sequence.append(item);
  }

  #item(index: number, className: string, parts: readonly Node[]): HTMLLIElement {
    const button = element('button', { className }, parts);
    button.type = 'button';
    button.addEventListener('click', () => this.#go(index));
    return element('li', { data: { index: String(index) } }, [button]);
  }
}
