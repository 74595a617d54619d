import type { Thread } from '../story.ts';
import { toElement } from '../svg.ts';
import { drawStrip, stripOf, type Strip } from '../waterfall.ts';
import { make } from './dom.ts';

export interface Moves {
  go(step: number): void;
  move(by: 1 | -1): void;
}

const HEIGHT = 26;
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
  readonly #count = make('p', { className: 'count' });
  readonly #buttons: readonly HTMLButtonElement[];
  readonly #moves: Moves;
  #thread: Thread | undefined;
  #step = -1;
  #timer: ReturnType<typeof setInterval> | undefined;
  #drawn: { readonly thread: Thread; readonly strip: Strip } | undefined;

  constructor(moves: Moves) {
    this.#moves = moves;
    this.#buttons = BUTTONS.map(([name, label, path], index) => {
      const button = make('button', { className: name, attributes: { type: 'button', title: label, tabindex: index === 2 ? '0' : '-1', ...(path === '' ? {} : { 'aria-label': label }) } });
      if (path === '') button.textContent = label;
      else button.append(iconOf(path));
      return button;
    });
    const [first, back, play, on, last] = this.#buttons as readonly [HTMLButtonElement, HTMLButtonElement, HTMLButtonElement, HTMLButtonElement, HTMLButtonElement];
    first.addEventListener('click', () => this.#byHand(() => moves.go(0)));
    back.addEventListener('click', () => this.#byHand(() => moves.move(-1)));
    on.addEventListener('click', () => this.#byHand(() => moves.move(1)));
    last.addEventListener('click', () => this.#byHand(() => moves.go(Infinity)));
    play.addEventListener('click', () => (this.#timer === undefined ? this.play() : this.pause()));
    this.#bar.append(...this.#buttons);
    this.#bar.addEventListener('keydown', (event) => this.#key(event));
    this.root.append(this.#bar, this.#strip, this.#count);
    new ResizeObserver(() => this.#draw()).observe(this.#strip);
  }

  get playing(): boolean {
    return this.#timer !== undefined;
  }

  show(thread: Thread, step: number, told: string): void {
    this.#thread = thread;
    this.#step = step;
    const { length } = thread.steps;
    this.#count.textContent = length === 0 ? 'no steps yet' : `step ${step + 1} of ${length}${told === '' ? '' : ` · ${told}`}`;
    this.#draw();
  }

  #draw(): void {
    const { clientWidth: width } = this.#strip;
    if (this.#thread === undefined || width < 40) return this.#strip.replaceChildren();
    if (this.#drawn?.thread !== this.#thread || this.#drawn.strip.width !== width) this.#drawn = { thread: this.#thread, strip: stripOf(this.#thread, width) };
    this.#strip.replaceChildren(toElement(drawStrip(this.#drawn.strip, { height: HEIGHT, step: this.#step })));
  }

  get #atEnd(): boolean {
    return this.#step >= (this.#thread?.steps.length ?? 0) - 1;
  }

  /** From here, or from the first step where the last is reached. */
  play(): void {
    this.pause();
    if (this.#atEnd) this.#moves.go(0);
    this.#timer = setInterval(() => {
      if (this.#atEnd) this.pause();
      else this.#moves.move(1);
    }, STEP_MILLISECONDS);
    this.#name();
  }

  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#name();
  }

  #byHand(move: () => void): void {
    this.pause();
    move();
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
