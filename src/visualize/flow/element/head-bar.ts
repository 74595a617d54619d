import type { Explanation } from '../../explain/explanation.ts';
import { make } from './dom.ts';

/** What happened, in a sentence; the causes and what was agreed, where a reader asks for them. */
export class HeadBar {
  readonly root = make('div', { className: 'why' });
  readonly #sentence = make('p', { className: 'sentence' });
  readonly #more = make('details', {});
  readonly #list = make('div', { className: 'more scroll' });

  #shown: Explanation | undefined;

  constructor() {
    this.#more.append(make('summary', { text: 'more' }), this.#list);
    this.root.append(this.#sentence, this.#more);
  }

  show(explanation: Explanation | undefined): void {
    if (explanation !== undefined && explanation === this.#shown) return;
    this.#shown = explanation;
    this.root.hidden = explanation === undefined;
    if (explanation === undefined) return;
    const { outcome, sentence, causes, negotiated, refused } = explanation;
    this.root.dataset['outcome'] = outcome;
    this.#sentence.textContent = sentence;
    const items = (lines: readonly string[], className: string) => lines.map((text) => make('li', { className, text }));
    const agreed = [...items(negotiated, ''), ...items(refused, 'bad')];
    this.#more.hidden = causes.length === 0 && agreed.length === 0;
    this.#list.replaceChildren(
      ...(causes.length === 0 ? [] : [make('h3', { text: 'Likely causes, the likeliest first' }), make('ol', {}, ...causes.map(({ summary, likelihood, evidence, advice }) =>
        make('li', {}, make('strong', { text: summary }), make('span', { className: 'soft', text: ` (${likelihood})` }), make('p', { className: 'soft', text: evidence }), make('p', { text: advice }))))]),
      ...(agreed.length === 0 ? [] : [make('h3', { text: 'What was agreed' }), make('ul', {}, ...agreed)]),
    );
  }
}
