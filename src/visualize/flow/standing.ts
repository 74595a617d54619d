/** Where a reader stands in a thread, and which of its folds are open. */
import type { Fold, Moment, Thread } from './story.ts';

export class Standing {
  #thread: Thread | undefined;
  #step = -1;
  #open: ReadonlySet<string> = new Set();

  get thread(): Thread | undefined {
    return this.#thread;
  }

  /** Index among the steps of the thread; -1 where there is none. */
  get step(): number {
    return this.#step;
  }

  /** Ids of folds; another set when they change. */
  get open(): ReadonlySet<string> {
    return this.#open;
  }

  get moment(): Moment | undefined {
    return this.#thread?.steps[this.#step];
  }

  /** The one, closed, that the reader's step stands for. */
  get fold(): Fold | undefined {
    const fold = this.#foldAt(this.#step);
    return fold === undefined || this.#open.has(fold.id) ? undefined : fold;
  }

  get #last(): number {
    return (this.#thread?.steps.length ?? 0) - 1;
  }

  get atEnd(): boolean {
    return this.#step >= this.#last;
  }

  /** To the end of another thread, or of none. */
  take(thread: Thread | undefined): void {
    this.#thread = thread;
    this.#open = new Set();
    this.#step = this.#last;
  }

  /** The thread as it has become: whoever stands at its end goes on with it, if `follow`; anybody else stays where he is. */
  renew(thread: Thread, follow: boolean): void {
    const id = this.moment?.row.id;
    const follows = follow && this.atEnd;
    this.#thread = thread;
    const same = thread.steps[this.#step]?.row.id === id ? this.#step : thread.steps.findIndex(({ row }) => row.id === id);
    this.#step = follows ? this.#last : Math.min(same === -1 ? this.#step : same, this.#last); // rows go from the front where only the latest are kept
  }

  /** As near as there is one. A fold that holds it is opened, unless it is the first there: it stands for the fold. */
  go(step: number): void {
    this.#step = Math.max(Math.min(step, this.#last), Math.min(0, this.#last));
    const fold = this.#foldAt(this.#step);
    if (fold !== undefined && this.moment?.at !== fold.first) this.#open = new Set(this.#open).add(fold.id);
  }

  /** By one step; a fold that is closed is one. */
  move(by: 1 | -1): void {
    const fold = this.#foldAt(this.#step + (by === 1 ? 0 : -1));
    if (fold === undefined || this.#open.has(fold.id)) return this.go(this.#step + by);
    const { steps } = this.#thread!;
    let step = this.#step + by;
    while (by === 1 ? steps[step] !== undefined && steps[step]!.at <= fold.last : steps[step]!.at > fold.first) step += by;
    this.go(step);
  }

  /** Opens or closes a fold, by default the one that the reader stands in. */
  toggle(id = this.#foldAt(this.#step)?.id): void {
    const fold = this.#thread?.folds.find((each) => each.id === id);
    if (fold === undefined) return;
    const open = new Set(this.#open);
    if (!open.delete(fold.id)) open.add(fold.id);
    this.#open = open;
    if (!open.has(fold.id) && this.#foldAt(this.#step) === fold) this.#step = this.#thread!.steps.findIndex(({ at }) => at === fold.first);
  }

  #foldAt(step: number): Fold | undefined {
    const at = this.#thread?.steps[step]?.at;
    return at === undefined ? undefined : this.#thread?.folds.find(({ first, last }) => at >= first && at <= last);
  }
}
