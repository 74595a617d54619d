/** Texts come from servers: elements are made one by one and filled by `textContent` only. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  { className = '', text = '', data = {} }: { className?: string; text?: string; data?: Readonly<Record<string, string>> } = {},
  children: readonly Node[] = [],
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind; // of this page's own document
}

/** Scrolls `inner` into `outer`'s view without moving the page. */
export function reveal(outer: HTMLElement, inner: Element): void {
  const [frame, box] = [outer.getBoundingClientRect(), inner.getBoundingClientRect()];
  const above = box.top - frame.top - 12;
  const below = box.bottom - frame.bottom + 12;
  if (above < 0) outer.scrollTop += above;
  else if (below > 0) outer.scrollTop += below;
  const left = box.left - frame.left - 12;
  const right = box.right - frame.right + 12;
  if (left < 0) outer.scrollLeft += left;
  else if (right > 0) outer.scrollLeft += right;
}
