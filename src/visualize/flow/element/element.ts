/**
 * `<ntlm-flow>`: a conversation on one screen. The ladder, the machine, the message and real time are parts of their own;
 * this holds where the reader stands and tells each part.
 */
import type { AnyActorRef } from 'xstate';
import type { Conversation } from '../../conversation/conversation.ts';
import { conversationOfTrace } from '../../conversation/steps.ts';
import { explain } from '../../explain/explain.ts';
import type { Explanation } from '../../explain/explanation.ts';
import { Tracer } from '../../trace/trace.ts';
import { spoken } from '../ladder.ts';
import { conversationOf, isStep, statesAt, storyOf, tokenAt, type Step, type Story, type Thread } from '../story.ts';
import { duration } from '../waits.ts';
import { BytesPane } from './bytes-pane.ts';
import { ChartPane, type ChartSource } from './chart-pane.ts';
import { make } from './dom.ts';
import { HeadBar } from './head-bar.ts';
import { LadderPane } from './ladder-pane.ts';
import { Player } from './player.ts';
import { STYLE } from './style.ts';
import { ThreadsBar } from './threads-bar.ts';

/** What an element can be fed with: it shows the latest. */
export type FlowSource = AsyncIterable<Conversation> | AnyActorRef;

/** Where a reader stands; `step` counts from 0. */
export interface FlowPosition {
  readonly thread: string;
  readonly step: number;
}

const PANES = ['flow', 'machine', 'message'] as const;
/** Elsewhere than in a browser the module loads, and the element is of no use. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);
let sheet: CSSStyleSheet | undefined;

export class NtlmFlow extends Base {
  /** Whole charts, by the machine's id. */
  charts: ChartSource = async (machine) => (await import('../charts.ts')).wholeChart(machine);
  readonly #bar = new ThreadsBar((id) => this.go(id, Infinity));
  readonly #head = new HeadBar();
  readonly #host = make('h2', { className: 'host' });
  readonly #ladder = new LadderPane((step) => this.#goByHand(step));
  readonly #chart = new ChartPane((machine) => this.charts(machine));
  readonly #bytes = new BytesPane();
  readonly #player = new Player((step) => this.go(this.#thread?.id ?? '', step));
  readonly #status = make('p', { className: 'hidden', attributes: { role: 'status' } });
  readonly #panes = make('div', { className: 'switch', attributes: { role: 'group', 'aria-label': 'Pane' } });
  readonly #flow = make('div', { className: 'flow' });
  readonly #empty = make('div', { className: 'empty' });
  #conversation: Conversation | undefined;
  #story: Story = { threads: [] };
  #thread: Thread | undefined;
  #steps: readonly Step[] = [];
  #step = -1;
  #explained: { readonly thread: Thread; readonly explanation: Explanation } | undefined;
  #feeding: (() => void) | undefined;
  #due = false;

  connectedCallback(): void {
    if (this.shadowRoot !== null) return;
    sheet ??= new CSSStyleSheet();
    if (sheet.cssRules.length === 0) sheet.replaceSync(STYLE);
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    this.#panes.append(...PANES.map((pane) => make('button', { text: pane, attributes: { type: 'button', 'aria-pressed': String(pane === 'flow'), 'data-pane': pane } })));
    this.#panes.addEventListener('click', ({ target }) => this.#showPane(target instanceof HTMLElement ? target.dataset['pane'] : undefined));
    this.#flow.dataset['pane'] = 'flow';
    const side = make('div', { className: 'side' }, this.#chart.root, this.#bytes.root);
    this.#flow.append(make('div', { className: 'head' }, this.#host, this.#head.root, this.#bar.root), this.#panes, this.#ladder.root, side, this.#player.root, this.#status);
    this.#empty.append(make('slot'));
    root.append(this.#empty, this.#flow);
    this.#show();
  }

  disconnectedCallback(): void {
    this.#player.pause();
  }

  get conversation(): Conversation | undefined {
    return this.#conversation;
  }

  /** Shown from now on; whoever stands at the latest step goes on with it. */
  set conversation(conversation: Conversation | undefined) {
    this.#conversation = conversation;
    if (this.#due) return;
    this.#due = true; // many may come between two frames
    queueMicrotask(() => {
      this.#due = false;
      this.#renew();
    });
  }

  /** Shows the latest of `source` until another is given. */
  set source(source: FlowSource | undefined) {
    this.#feeding?.();
    this.#feeding = undefined;
    if (source === undefined) return;
    this.#feeding = Symbol.asyncIterator in source ? this.#follow(source) : this.#watch(source);
  }

  get position(): FlowPosition | undefined {
    return this.#thread === undefined ? undefined : { thread: this.#thread.id, step: this.#step };
  }

  /** How many steps the thread that is shown has. */
  get length(): number {
    return this.#steps.length;
  }

  get thread(): Thread | undefined {
    return this.#thread;
  }

  /** To a step of a thread, as near as there is one. */
  go(thread: string, step: number): void {
    const found = this.#story.threads.find(({ id }) => id === thread) ?? this.#thread;
    if (found === undefined) return;
    if (found !== this.#thread) this.#take(found);
    this.#step = Math.max(Math.min(step, this.#steps.length - 1), Math.min(0, this.#steps.length - 1));
    this.#show();
    this.dispatchEvent(new CustomEvent('step', { detail: this.position }));
  }

  play(): void {
    this.#player.play();
  }

  pause(): void {
    this.#player.pause();
  }

  #goByHand(step: number): void {
    this.#player.pause();
    this.go(this.#thread?.id ?? '', step);
  }

  #follow(source: AsyncIterable<Conversation>): () => void {
    let over = false;
    const iterator = source[Symbol.asyncIterator]();
    const read = async (): Promise<void> => {
      for (let next = await iterator.next(); !over && next.done !== true; next = await iterator.next()) this.conversation = next.value;
    };
    void read().catch((error: unknown) => this.dispatchEvent(new CustomEvent('sourceerror', { detail: error })));
    return () => {
      over = true;
      void iterator.return?.();
    };
  }

  #watch(actor: AnyActorRef): () => void {
    const tracer = new Tracer(actor);
    const show = (): void => void (this.conversation = conversationOfTrace(tracer.toJSON()));
    show();
    tracer.subscribe(show);
    return () => tracer.stop();
  }

  #renew(): void {
    const atEnd = this.#step >= this.#steps.length - 1 && !this.#player.playing;
    this.#story = this.#conversation === undefined ? { threads: [] } : storyOf(this.#conversation);
    const { threads } = this.#story;
    const same = threads.find(({ id }) => id === this.#thread?.id);
    this.#take(same ?? threads[0]);
    this.#step = same === undefined || atEnd ? this.#steps.length - 1 : Math.min(this.#step, this.#steps.length - 1);
    this.#show();
  }

  #take(thread: Thread | undefined): void {
    this.#thread = thread;
    this.#steps = thread?.rows.filter(isStep) ?? [];
  }

  #show(): void {
    const thread = this.#thread;
    this.#empty.hidden = thread !== undefined;
    this.#flow.hidden = thread === undefined;
    if (thread === undefined || this.shadowRoot === null) return;
    const { now, before } = statesAt(this.#steps, this.#step);
    this.#host.textContent = thread.host === '' ? `${thread.lanes.at(-1)}` : thread.host;
    this.#head.show(this.#explain(thread));
    this.#bar.show(this.#story.threads, thread.id);
    this.#ladder.show(thread, this.#step);
    this.#chart.show(now, before);
    this.#bytes.show(tokenAt(this.#steps, this.#step)?.token);
    const step = this.#steps[this.#step];
    this.#player.show(thread, this.#step, this.#steps.map(({ id }) => id), this.#passed(step));
    const told = step === undefined ? '' : `step ${this.#step + 1} of ${this.#steps.length}, ${spoken(step)}`;
    if (this.#status.textContent !== told) this.#status.textContent = told;
  }

  #passed(step: Step | undefined): string {
    const start = this.#steps.find(({ time }) => time !== undefined)?.time;
    return step?.time === undefined || start === undefined ? '' : duration(step.time - start);
  }

  #explain(thread: Thread): Explanation | undefined {
    if (this.#conversation === undefined) return undefined;
    if (this.#explained?.thread !== thread) this.#explained = { thread, explanation: explain(conversationOf(thread, this.#conversation)) };
    return this.#explained.explanation;
  }

  #showPane(pane: string | undefined): void {
    if (pane === undefined) return;
    this.#flow.dataset['pane'] = pane;
    for (const button of this.#panes.children) button.setAttribute('aria-pressed', String((button as HTMLElement).dataset['pane'] === pane));
  }
}
