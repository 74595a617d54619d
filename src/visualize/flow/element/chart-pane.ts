import { boxOf, drawSix } from '../six.ts';
import type { StateRow } from '../story.ts';
import { toElement } from '../svg.ts';
import { make, reveal } from './dom.ts';

/** The whole statechart of a machine as SVG without colours; `undefined` for one that is not known. */
export type ChartSource = (machine: string) => Promise<string | undefined>;

/** The machine in six boxes, or whole; what is lit is always in view. */
export class ChartPane {
  readonly root = make('section', { className: 'card chart-pane', attributes: { 'aria-label': 'The machine' } });
  readonly #place = make('div', { className: 'chart' });
  readonly #caption = make('p', { className: 'caption' });
  readonly #state = make('span', { className: 'standing' });
  readonly #toggle = make('button', { className: 'link', text: 'whole chart', attributes: { type: 'button', 'aria-pressed': 'false' } });
  readonly #charts: ChartSource;
  #whole = false;
  /** The machine whose whole chart stands there. */
  #drawn: string | undefined;
  #now: StateRow | undefined;
  #before: StateRow | undefined;

  constructor(charts: ChartSource) {
    this.#charts = charts;
    this.#caption.append(this.#state, this.#toggle);
    this.root.append(this.#place, this.#caption);
    this.#toggle.addEventListener('click', () => {
      this.#whole = !this.#whole;
      void this.#draw();
    });
    new ResizeObserver(() => this.#reveal()).observe(this.#place);
  }

  show(now: StateRow | undefined, before: StateRow | undefined): void {
    this.#now = now;
    this.#before = before;
    void this.#draw();
  }

  async #draw(): Promise<void> {
    const now = this.#now;
    const isOther = now !== undefined && boxOf(now) === undefined;
    const whole = this.#whole || isOther;
    this.#toggle.hidden = isOther;
    this.#toggle.textContent = whole ? 'six boxes' : 'whole chart';
    this.#toggle.setAttribute('aria-pressed', String(whole));
    const machine = whole ? now?.machine ?? 'ntlm' : undefined;
    this.#state.textContent = now === undefined ? 'no state passed yet' : `${now.machine}: ${now.path}${now.implied ? ', as the messages imply' : ''}`;
    this.#place.classList.toggle('whole', whole);
    if (machine === undefined) {
      this.#drawn = undefined;
      this.#place.removeAttribute('tabindex');
      this.#place.removeAttribute('role');
      this.#place.removeAttribute('aria-label');
      this.#place.replaceChildren(toElement(drawSix(now, this.#before)));
      return;
    }
    if (machine !== this.#drawn) {
      this.#drawn = machine;
      const svg = await this.#charts(machine);
      if (this.#drawn !== machine) return; // another was asked for meanwhile
      for (const [name, value] of Object.entries({ tabindex: '0', role: 'group', 'aria-label': 'Statechart' })) this.#place.setAttribute(name, value);
      this.#place.replaceChildren(svg === undefined ? make('p', { className: 'soft', text: `There is no drawing of the machine "${machine}" here.` }) : parsed(svg));
    }
    this.#light();
  }

  #light(): void {
    const { machine = '', path = '', ways = [] } = this.#now ?? {};
    const active = new Set(path.split(', ').flatMap((each) => each.split('.', 32).map((_, i, keys) => [machine, ...keys.slice(0, i + 1)].join('.'))));
    const taken = new Set(ways);
    for (const shape of this.#place.querySelectorAll<SVGElement>('[data-state]')) shape.classList.toggle('active', active.has(shape.dataset['state'] ?? ''));
    for (const shape of this.#place.querySelectorAll<SVGElement>('[data-way]')) shape.classList.toggle('taken', taken.has(shape.dataset['way'] ?? ''));
    this.#reveal();
  }

  #reveal(): void {
    const lit = [...this.#place.querySelectorAll('.state.active')].at(-1);
    if (lit !== undefined) reveal(this.#place, lit);
  }
}

function parsed(svg: string): SVGElement {
  const { documentElement } = new DOMParser().parseFromString(svg, 'image/svg+xml');
  return document.importNode(documentElement, true) as unknown as SVGElement;
}
