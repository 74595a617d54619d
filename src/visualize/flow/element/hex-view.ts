import type { DecodedField } from '../../decode/decode.ts';
import type { TreeNode } from '../tree.ts';
import { make, reveal, stepOfKey } from './dom.ts';

const WIDTHS = [16, 8] as const;
/** CSS pixels that 16 bytes with their ASCII need. */
const WIDE = 480;

/** Bytes in hexadecimal and ASCII. One tab stop: arrows go from byte to byte. */
export class HexView {
  readonly root = make('div', { className: 'hex scroll', attributes: { tabindex: '0', role: 'group', 'aria-label': 'Bytes. The arrow keys move from byte to byte.' } });
  readonly #light: (offset: number) => void;
  #fields: readonly DecodedField[] = [];
  #bytes: HTMLElement[] = [];
  #characters: HTMLElement[] = [];
  #cursor = 0;
  #width = 0;

  constructor(light: (offset: number) => void) {
    this.#light = light;
    this.root.addEventListener('pointermove', ({ target, movementX, movementY }) => {
      if (movementX === 0 && movementY === 0) return; // what moved are the bytes
      const at = target instanceof HTMLElement ? target.dataset['at'] : undefined;
      if (at !== undefined) light(Number(at));
    });
    this.root.addEventListener('focus', () => this.#move(0));
    this.root.addEventListener('keydown', (event) => {
      const step = stepOfKey(event.key, this.#width);
      if (step === undefined) return;
      event.preventDefault();
      this.#move(step);
    });
    new ResizeObserver(() => this.#fit()).observe(this.root);
  }

  show(fields: readonly DecodedField[]): void {
    this.#fields = fields;
    this.#cursor = 0;
    this.#draw();
    this.root.scrollTop = 0;
  }

  light(node: TreeNode | undefined, scroll: boolean): void {
    const isLit = (at: number): boolean => node !== undefined && at >= node.offset && at < node.offset + node.length;
    for (const list of [this.#bytes, this.#characters]) for (const [at, shape] of list.entries()) shape.classList.toggle('lit', isLit(at));
    const first = node === undefined ? undefined : this.#bytes[node.offset];
    if (first !== undefined && scroll) reveal(this.root, first, 24);
  }

  #fit(): void {
    const width = this.root.clientWidth >= WIDE ? WIDTHS[0] : WIDTHS[1];
    if (width !== this.#width) this.#draw();
  }

  #draw(): void {
    this.#width = this.root.clientWidth >= WIDE ? WIDTHS[0] : WIDTHS[1];
    const cells = this.#fields.flatMap(({ hex, masked }) => (hex.match(/../g) ?? []).map((pair) => ({ pair, masked })));
    this.#bytes = cells.map(({ pair, masked }, at) => make('span', { className: masked ? 'byte masked' : 'byte', text: pair, attributes: { 'data-at': String(at) } }));
    this.#characters = cells.map(({ pair, masked }, at) => make('span', { className: masked ? 'masked' : '', text: characterOf(pair), attributes: { 'data-at': String(at) } }));
    const rows: HTMLElement[] = [];
    for (let at = 0; at < cells.length; at += this.#width) {
      const own = this.#bytes.slice(at, at + this.#width);
      const gap = Array.from({ length: this.#width - own.length }, () => make('span', { className: 'filler', text: '  ' }));
      rows.push(make('div', { className: 'line' },
        make('span', { className: 'offset', text: at.toString(16).padStart(4, '0') }),
        make('span', { className: 'pairs' }, ...own, ...gap),
        make('span', { className: 'ascii', attributes: { 'aria-hidden': 'true' } }, ...this.#characters.slice(at, at + this.#width))));
    }
    this.root.replaceChildren(...rows);
  }

  #move(step: number): void {
    const next = Math.min(Math.max(this.#cursor + step, 0), this.#bytes.length - 1);
    const byte = this.#bytes[next];
    if (byte === undefined) return;
    this.#bytes[this.#cursor]?.classList.remove('cursor');
    byte.classList.add('cursor');
    this.#cursor = next;
    reveal(this.root, byte, 24);
    this.#light(next);
  }
}

function characterOf(pair: string): string {
  if (pair === '**') return '*';
  const code = Number.parseInt(pair, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '.';
}
