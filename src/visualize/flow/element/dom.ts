/** Texts come from servers: elements are made one by one and filled by `textContent` only. */
interface Making {
  readonly className?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

export function make<Name extends keyof HTMLElementTagNameMap>(name: Name, { className = '', text = '', attributes = {} }: Making = {}, ...children: readonly Node[]): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Scrolls `inner` into `outer`'s view without moving the page. */
export function reveal(outer: HTMLElement, inner: Element, margin = 28): void {
  const [frame, box] = [outer.getBoundingClientRect(), inner.getBoundingClientRect()];
  outer.scrollTop += needed(box.top - frame.top, box.bottom - frame.top, frame.height, margin);
  outer.scrollLeft += needed(box.left - frame.left, box.right - frame.left, frame.width, margin);
}

function needed(from: number, to: number, size: number, margin: number): number {
  const room = Math.min(margin, Math.max(0, (size - (to - from)) / 2));
  if (from < room) return from - room;
  return to > size - room ? to - size + room : 0;
}

/** Moves within a pane by its keys; `undefined` for keys that are somebody else's. */
export function stepOfKey(key: string, row = 1): number | undefined {
  return ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, Home: -Infinity, End: Infinity } as Readonly<Record<string, number>>)[key];
}
