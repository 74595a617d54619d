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
import { Standing } from '../standing.ts';
import { conversationOf, storyOf, type Moment, type Story, type Thread } from '../story.ts';
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
  readonly #ladder = new LadderPane({
    go: (step) => this.#byHand(() => this.#standing.go(step)),
    move: (by) => this.#byHand(() => this.#standing.move(by)),
    toggle: (fold) => this.#byHand(() => this.#standing.toggle(fold)),
  });
  readonly #chart = new ChartPane((machine) => this.charts(machine));
  readonly #bytes = new BytesPane();
  readonly #player = new Player({ go: (step) => this.#move(() => this.#standing.go(step)), move: (by) => this.#move(() => this.#standing.move(by)) });
  readonly #status = make('p', { className: 'hidden', attributes: { role: 'status' } });
  readonly #panes = make('div', { className: 'switch', attributes: { role: 'group', 'aria-label': 'Pane' } });
  readonly #flow = make('div', { className: 'flow' });
  readonly #empty = make('div', { className: 'empty' });
  #conversation: Conversation | undefined;
  #story: Story = { threads: [] };
  readonly #standing = new Standing();
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

  /** Another conversation, which has nothing to do with the one before: from its end, nothing of it open. */
  open(conversation: Conversation | undefined): void {
    this.#standing.take(undefined);
    this.conversation = conversation;
  }

  /** Shows the latest of `source` until another is given. */
  set source(source: FlowSource | undefined) {
    this.#feeding?.();
    this.#feeding = undefined;
    if (source === undefined) return;
    this.#feeding = Symbol.asyncIterator in source ? this.#follow(source) : this.#watch(source);
  }

  get position(): FlowPosition | undefined {
    const { thread, step } = this.#standing;
    return thread === undefined ? undefined : { thread: thread.id, step };
  }

  /** How many steps the thread that is shown has. */
  get length(): number {
    return this.thread?.steps.length ?? 0;
  }

  get thread(): Thread | undefined {
    return this.#standing.thread;
  }

  /** Ids of the folds of the thread that are open: runs of requests in which nothing is asked. */
  get openFolds(): ReadonlySet<string> {
    return this.#standing.open;
  }

  /** To a step of a thread, as near as there is one; nowhere, where there is no such thread. */
  go(thread: string, step: number): void {
    const found = this.#story.threads.find(({ id }) => id === thread);
    if (found === undefined) return;
    this.#move(() => {
      if (found !== this.thread) this.#standing.take(found);
      this.#standing.go(step);
    });
  }

  play(): void {
    this.#player.play();
  }

  pause(): void {
    this.#player.pause();
  }

  #move(work: () => void): void {
    work();
    this.#show();
    this.dispatchEvent(new CustomEvent('step', { detail: this.position }));
  }

  #byHand(work: () => void): void {
    this.#player.pause();
    this.#move(work);
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
    this.#story = this.#conversation === undefined ? { threads: [] } : storyOf(this.#conversation);
    const { threads } = this.#story;
    const same = threads.find(({ id }) => id === this.thread?.id);
    if (same === undefined) this.#standing.take(threads[0]);
    else this.#standing.renew(same, !this.#player.playing);
    this.#show();
  }

  #show(): void {
    const { thread, moment, step, open, fold } = this.#standing;
    this.#empty.hidden = thread !== undefined;
    this.#flow.hidden = thread === undefined;
    if (thread === undefined || this.shadowRoot === null) return;
    this.#host.textContent = thread.host === '' ? `${thread.lanes.at(-1)}` : thread.host;
    this.#head.show(this.#explain(thread));
    this.#bar.show(this.#story.threads, thread.id);
    this.#ladder.show(thread, step, open);
    this.#chart.show(moment?.now, moment?.before);
    this.#bytes.show(moment?.token);
    this.#player.show(thread, step, passed(thread, moment));
    const told = moment === undefined ? '' : `step ${step + 1} of ${thread.steps.length}, ${spoken(fold ?? moment.row)}`;
    if (this.#status.textContent !== told) this.#status.textContent = told;
  }

  #explain(thread: Thread): Explanation | undefined {
    if (this.#conversation === undefined) return undefined;
    if (this.#explained?.thread !== thread) this.#explained = { thread, explanation: explain(conversationOf(thread, this.#conversation)) };
    return this.#explained.explanation;
  }

  #showPane(pane: string | undefined): void {
    if (pane === undefined) return;
    this.#flow.dataset['pane'] = pane;
    for (const shown of [this.#ladder, this.#chart, this.#bytes]) if (shown.root.checkVisibility()) shown.root.scrollIntoView({ block: 'nearest' });
    for (const button of this.#panes.children) button.setAttribute('aria-pressed', String((button as HTMLElement).dataset['pane'] === pane));
  }
}

function passed({ steps }: Thread, moment: Moment | undefined): string {
  const start = steps.find(({ row }) => row.time !== undefined)?.row.time;
  return moment?.row.time === undefined || start === undefined ? '' : duration(moment.row.time - start);
}
