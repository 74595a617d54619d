import { drawWaterfall } from '../waterfall.ts';
import type { Thread } from '../story.ts';
import { toElement } from '../svg.ts';
import { make } from './dom.ts';

const STEP_MILLISECONDS = 650;
const BUTTONS = [
  ['first', 'To the first step', 'M3 3h2v10H3zM13 3v10L6 8z'],
  ['back', 'One step back', 'M11 3v10L4 8z'],
  ['play', 'Play', ''],
  ['on', 'One step on', 'M5 3v10l7-5z'],
  ['last', 'To the latest step', 'M11 3h2v10h-2zM3 3v10l7-5z'],
] as const;

/** Where in the thread the reader stands: step, play, rewind; below, its real time. */
export class Player {
  readonly root = make('footer', {});
  readonly #bar = make('div', { className: 'player', attributes: { role: 'toolbar', 'aria-label': 'Player' } });
  readonly #strip = make('div', { className: 'strip' });
  readonly #count = make('output', { className: 'count' });
  readonly #buttons: readonly HTMLButtonElement[];
  readonly #go: (step: number) => void;
  #step = -1;
  #length = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #strips: (() => void) | undefined;

  constructor(go: (step: number) => void) {
    this.#go = go;
    this.#buttons = BUTTONS.map(([name, label, path], index) => {
      const button = make('button', { className: name, attributes: { type: 'button', title: label, tabindex: index === 2 ? '0' : '-1', ...(path === '' ? {} : { 'aria-label': label }) } });
      if (path === '') button.textContent = label;
      else button.append(iconOf(path));
      return button;
    });
    const [first, back, play, on, last] = this.#buttons as readonly [HTMLButtonElement, HTMLButtonElement, HTMLButtonElement, HTMLButtonElement, HTMLButtonElement];
    first.addEventListener('click', () => this.#to(0));
    back.addEventListener('click', () => this.#to(this.#step - 1));
    on.addEventListener('click', () => this.#to(this.#step + 1));
    last.addEventListener('click', () => this.#to(this.#length - 1));
    play.addEventListener('click', () => (this.#timer === undefined ? this.play() : this.pause()));
    this.#bar.append(...this.#buttons);
    this.#bar.addEventListener('keydown', (event) => this.#key(event));
    this.root.append(this.#bar, this.#strip, this.#count);
    new ResizeObserver(() => this.#strips?.()).observe(this.#strip);
  }

  get playing(): boolean {
    return this.#timer !== undefined;
  }

  show(thread: Thread | undefined, step: number, ids: readonly string[], told: string): void {
    this.#step = step;
    this.#length = ids.length;
    this.#count.textContent = ids.length === 0 ? 'no steps yet' : `step ${step + 1} of ${ids.length}${told === '' ? '' : ` · ${told}`}`;
    const until = new Set(ids.slice(0, step + 1));
    this.#strips = () => {
      const { clientWidth: width } = this.#strip;
      this.#strip.replaceChildren(...(thread === undefined || width < 40 ? [] : [toElement(drawWaterfall(thread, { width, height: 26, until }))]));
    };
    this.#strips();
  }

  /** From here, or from the first step where the last is reached. */
  play(): void {
    this.pause();
    if (this.#step >= this.#length - 1) this.#go(0);
    this.#timer = setInterval(() => {
      if (this.#step < this.#length - 1) this.#go(this.#step + 1);
      else this.pause();
    }, STEP_MILLISECONDS);
    this.#name();
  }

  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#name();
  }

  #to(step: number): void {
    this.pause();
    this.#go(step);
  }

  #name(): void {
    this.#buttons[2]!.textContent = this.playing ? 'Pause' : 'Play';
  }

  /** One tab stop: the arrows lead from button to button. */
  #key(event: KeyboardEvent): void {
    const step = ({ ArrowLeft: -1, ArrowRight: 1 } as Readonly<Record<string, number>>)[event.key];
    const at = this.#buttons.findIndex((button) => button.matches(':focus'));
    if (step === undefined || at === -1) return;
    event.preventDefault();
    const next = this.#buttons[Math.min(Math.max(at + step, 0), this.#buttons.length - 1)]!;
    for (const button of this.#buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }
}

function iconOf(path: string): SVGElement {
  return toElement({ name: 'svg', attributes: { viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true' }, children: [{ name: 'path', attributes: { d: path, fill: 'currentColor' }, children: [] }] });
}
