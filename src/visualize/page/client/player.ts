import { byId } from './dom.ts';

const STEP_MILLISECONDS = 650;

/** Where in the run the page stands: step, play, rewind, follow. */
export class Player {
  readonly #position = byId<HTMLInputElement>('position');
  readonly #play = byId('play');
  readonly #count = byId('count');
  readonly #show: (index: number) => void;
  #length = 0;
  #index = -1;
  #timer: number | undefined;
  /** Whether a new step is shown as it comes. */
  #following = true;

  constructor(show: (index: number) => void) {
    this.#show = show;
    byId('rewind').addEventListener('click', () => this.go(0));
    byId('back').addEventListener('click', () => this.go(this.#index - 1));
    byId('forward').addEventListener('click', () => this.go(this.#index + 1));
    byId('latest').addEventListener('click', () => this.go(this.#length - 1));
    this.#play.addEventListener('click', () => (this.#timer === undefined ? this.play() : this.pause()));
    this.#position.addEventListener('input', () => this.go(Number(this.#position.value)));
    document.addEventListener('keydown', (event) => this.#key(event));
    this.#render();
  }

  reset(): void {
    this.pause();
    this.#length = 0;
    this.#index = -1;
    this.#following = true;
    this.#render();
  }

  /** One more step is there. */
  grow(): void {
    this.#length++;
    if (this.#index < 0 || (this.#following && this.#timer === undefined)) this.#to(this.#length - 1);
    else this.#render();
  }

  go(index: number): void {
    this.pause();
    this.#to(index);
  }

  /** From here, or from the start where the end is reached. */
  play({ restart = this.#index >= this.#length - 1 } = {}): void {
    this.pause();
    if (restart) this.#to(0);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.#to(this.#length - 1);
    this.#timer = window.setInterval(() => {
      if (this.#index < this.#length - 1) this.#to(this.#index + 1);
      else this.pause();
    }, STEP_MILLISECONDS);
    this.#render();
  }

  pause(): void {
    window.clearInterval(this.#timer);
    this.#timer = undefined;
    this.#render();
  }

  #to(index: number): void {
    const next = Math.min(Math.max(index, 0), this.#length - 1);
    if (next < 0) return;
    this.#index = next;
    this.#following = next === this.#length - 1;
    this.#render();
    this.#show(next);
  }

  #render(): void {
    const playing = this.#timer !== undefined;
    this.#play.textContent = playing ? 'Pause' : 'Play';
    this.#play.setAttribute('aria-pressed', String(playing));
    this.#position.max = String(Math.max(this.#length - 1, 0));
    this.#position.value = String(Math.max(this.#index, 0));
    this.#count.textContent = this.#length === 0 ? 'no steps yet' : `step ${this.#index + 1} of ${this.#length}`;
  }

  /** The keys of the player, where nothing else wants them. */
  #key(event: KeyboardEvent): void {
    const busy = event.target instanceof Element && event.target.closest('button, input, a, .scroll, .hex') !== null;
    if (busy || event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.go(this.#index - 1),
      ArrowRight: () => this.go(this.#index + 1),
      Home: () => this.go(0),
      End: () => this.go(this.#length - 1),
      ' ': () => (this.#timer === undefined ? this.play() : this.pause()),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }
}
