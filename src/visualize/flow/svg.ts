/** SVG as plain values: for a page, for a file, for a test. */
export interface Drawn {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (Drawn | string)[];
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

export function draw(name: string, attributes: Attributes, ...children: readonly (Drawn | string | undefined)[]): Drawn {
  return {
    name,
    attributes: Object.fromEntries(Object.entries(attributes).filter((entry): entry is [string, string | number] => entry[1] !== undefined)),
    children: children.filter((child) => child !== undefined),
  };
}

export function toMarkup({ name, attributes, children }: Drawn): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeText(String(value))}"`).join('');
  const inner = children.map((child) => (typeof child === 'string' ? escapeText(child) : toMarkup(child))).join('');
  return inner === '' ? `<${name}${written}/>` : `<${name}${written}>${inner}</${name}>`;
}

const NAMESPACE = 'http://www.w3.org/2000/svg';

export function toElement({ name, attributes, children }: Drawn): SVGElement {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children.map((child) => (typeof child === 'string' ? child : toElement(child))));
  return made;
}

export function escapeText(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** About as wide as system fonts draw it. */
export function widthOf(text: string, size: number): number {
  let ems = 0;
  for (const character of text) {
    ems += /[iljtfrI.,:;'|[\]()/ ]/.test(character) ? 0.36 : /[mwMW]/.test(character) ? 0.92 : /[A-Z#→]/.test(character) ? 0.71 : 0.59;
  }
  return ems * size;
}

/** Cut in its middle where it would be wider than `most`. */
export function fitted(text: string, size: number, most: number): string {
  if (widthOf(text, size) <= most) return text;
  let kept = text.length;
  const cut = (): string => `${text.slice(0, Math.ceil(kept * 0.6))}…${text.slice(text.length - Math.floor(kept * 0.4))}`;
  while (kept > 4 && widthOf(cut(), size) > most) kept--;
  return cut();
}

/** Where an arrow ends; its colour is the line's. */
export function arrowHead(id: string): Drawn {
  return draw('marker', { id, viewBox: '0 0 10 10', refX: 9, refY: 5, markerWidth: 8, markerHeight: 8, markerUnits: 'userSpaceOnUse', orient: 'auto' },
    draw('path', { d: 'M0 1L10 5L0 9z', fill: 'context-stroke' }));
}
