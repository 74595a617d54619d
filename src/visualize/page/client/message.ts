import type { DecodedField } from '../../decode/decode.ts';
import type { PageEntry } from '../view.ts';
import { byId, element, reveal } from './dom.ts';

/** What fits the page. */
const bytesARow = (): number => (matchMedia('(max-width: 640px)').matches ? 8 : 16);

/** A message as bytes and as fields, each leading to the other. */
export class MessageView {
  readonly #hex = byId('hex');
  readonly #fields = byId('fields');
  readonly #summary = byId('message-summary');
  readonly #byte = byId('byte');
  #shown: PageEntry['message'];
  #bytes: HTMLElement[] = [];
  #items: HTMLElement[] = [];
  #cursor = 0;

  constructor() {
    this.#hex.addEventListener('pointerover', ({ target }) => this.#light(fieldOf(target), { scroll: true }));
    this.#hex.addEventListener('pointerleave', () => this.#light(focused()));
    this.#hex.addEventListener('focus', () => this.#move(0));
    this.#hex.addEventListener('blur', () => this.#light(undefined));
    this.#hex.addEventListener('keydown', (event) => this.#key(event));
    this.#fields.addEventListener('pointerover', ({ target }) => this.#light(fieldOf(target)));
    this.#fields.addEventListener('pointerleave', () => this.#light(focused()));
    this.#fields.addEventListener('focusin', ({ target }) => this.#light(fieldOf(target)));
    this.#fields.addEventListener('focusout', () => this.#light(undefined));
  }

  show(message: PageEntry['message']): void {
    if (message === this.#shown) return;
    this.#shown = message;
    this.#summary.textContent = message?.summary ?? '';
    this.#byte.textContent = '';
    this.#cursor = 0;
    const fields = message?.token.fields ?? [];
    this.#bytes = fields.flatMap(bytesOf);
    this.#hex.replaceChildren(...this.#rows());
    this.#items = fields.map(itemOf);
    const problems = message?.token.problems ?? [];
    const troubles = problems.map(({ offset, message: text }) => element('li', { className: 'trouble', text: `byte ${offset}: ${text}` }));
    this.#fields.replaceChildren(...troubles, ...this.#items);
  }

  #rows(): HTMLElement[] {
    const rows: HTMLElement[] = [];
    const width = bytesARow();
    for (let at = 0; at < this.#bytes.length; at += width) {
      const offset = element('span', { className: 'offset', text: String(at).padStart(4) });
      rows.push(element('div', { className: 'row' }, [offset, ...this.#bytes.slice(at, at + width)]));
    }
    return rows;
  }

  #light(field: string | undefined, { scroll = false } = {}): void {
    for (const shape of [...this.#bytes, ...this.#items]) shape.classList.toggle('lit', shape.dataset['field'] === field && field !== undefined);
    const item = field === undefined ? undefined : this.#items[Number(field)];
    if (item !== undefined && scroll) reveal(this.#fields.parentElement!, item);
    const first = field === undefined ? undefined : this.#bytes.find(({ dataset }) => dataset['field'] === field);
    if (first !== undefined && !scroll) reveal(this.#hex, first);
  }

  #key(event: KeyboardEvent): void {
    const width = bytesARow();
    const steps: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#move(step);
  }

  /** Moves the cursor and says aloud where it is. */
  #move(step: number): void {
    const next = Math.min(Math.max(this.#cursor + step, 0), this.#bytes.length - 1);
    const byte = this.#bytes[next];
    if (byte === undefined) return;
    this.#bytes[this.#cursor]?.classList.remove('cursor');
    byte.classList.add('cursor');
    this.#cursor = next;
    const field = this.#shown?.token.fields[Number(byte.dataset['field'])];
    this.#byte.textContent = `byte ${next}, ${byte.textContent ?? ''}: ${field?.name ?? ''}, ${field?.value ?? ''}`;
    this.#light(byte.dataset['field'], { scroll: true });
    reveal(this.#hex, byte);
  }
}

function fieldOf(target: EventTarget | null): string | undefined {
  return target instanceof Element ? target.closest<HTMLElement>('[data-field]')?.dataset['field'] : undefined;
}

/** The field that the keyboard is at. */
function focused(): string | undefined {
  return fieldOf(document.activeElement);
}

function bytesOf({ hex, masked, name }: DecodedField, index: number): HTMLElement[] {
  const className = `byte-cell ${index % 2 === 0 ? 'even' : 'odd'}${masked ? ' masked' : ''}${name === 'unread' ? ' unread' : ''}`;
  return (hex.match(/../g) ?? []).map((pair) => element('span', { className, text: pair, data: { field: String(index) } }));
}

function itemOf({ name, offset, length, value, detail, section, masked }: DecodedField, index: number): HTMLElement {
  const item = element('li', { className: `field${masked ? ' masked' : ''}`, data: { field: String(index) } }, [
    element('span', { className: 'place', text: `${offset}+${length}` }),
    element('span', { className: 'name', text: name }),
    element('span', { className: 'value', text: value }),
    ...(detail.length === 0 ? [] : [element('span', { className: 'detail' }, detail.map((text) => element('span', { text })))]),
    ...(section === '' ? [] : [element('span', { className: 'section', text: section })]),
  ]);
  item.tabIndex = 0;
  return item;
}
