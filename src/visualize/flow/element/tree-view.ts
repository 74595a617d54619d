import type { TreeNode } from '../tree.ts';
import { make, reveal } from './dom.ts';

interface Item {
  readonly node: TreeNode;
  readonly parent: Item | undefined;
  readonly row: HTMLElement;
}

/** A foldable tree by the pattern of WAI-ARIA: one tab stop, arrows inside. */
export class TreeView {
  readonly root = make('div', { className: 'tree scroll', attributes: { role: 'tree', tabindex: '0', 'aria-label': 'Fields' } });
  readonly #light: (node: TreeNode) => void;
  readonly #folded = new Map<string, boolean>();
  #items: Item[] = [];
  #nodes: readonly TreeNode[] = [];
  #current: TreeNode | undefined;

  constructor(light: (node: TreeNode) => void) {
    this.#light = light;
    this.root.addEventListener('click', ({ target }) => {
      const item = this.#itemOf(target);
      if (item === undefined) return;
      if (item.node.children.length > 0) this.#fold(item.node, !this.#isFolded(item.node));
      light(item.node);
    });
    this.root.addEventListener('pointermove', ({ target, movementX, movementY }) => {
      if (movementX === 0 && movementY === 0) return; // what moved is the tree
      const item = this.#itemOf(target);
      if (item !== undefined) light(item.node);
    });
    this.root.addEventListener('focus', () => {
      const node = this.#current ?? this.#nodes[0];
      if (node !== undefined) light(node);
    });
    this.root.addEventListener('keydown', (event) => this.#key(event));
  }

  show(nodes: readonly TreeNode[]): void {
    this.#nodes = nodes;
    this.#current = undefined;
    this.#draw();
    this.root.scrollTop = 0;
  }

  /** The innermost node that is to be seen and covers a byte. */
  at(offset: number): TreeNode | undefined {
    return this.#items.findLast(({ node }) => offset >= node.offset && offset < node.offset + node.length && (node.children.length === 0 || this.#isFolded(node)))?.node;
  }

  light(node: TreeNode | undefined, scroll: boolean): void {
    this.#current = node;
    for (const item of this.#items) {
      const lit = item.node === node;
      item.row.classList.toggle('lit', lit);
      item.row.setAttribute('aria-selected', String(lit));
      if (lit) this.root.setAttribute('aria-activedescendant', item.row.id);
      if (lit && scroll) reveal(this.root, item.row, 20);
    }
  }

  #isFolded(node: TreeNode): boolean {
    return this.#folded.get(kindOf(node)) ?? node.folded;
  }

  /** Remembered for the same field of the next message. */
  #fold(node: TreeNode, folded: boolean): void {
    this.#folded.set(kindOf(node), folded);
    this.#draw();
    this.light(node, true);
  }

  #draw(): void {
    this.#items = [];
    const add = (nodes: readonly TreeNode[], depth: number, parent: Item | undefined): void => {
      for (const [at, node] of nodes.entries()) {
        const row = rowOf(node, depth, this.#items.length, this.#isFolded(node), at + 1, nodes.length);
        const item = { node, parent, row };
        this.#items.push(item);
        if (node.children.length > 0 && !this.#isFolded(node)) add(node.children, depth + 1, item);
      }
    };
    add(this.#nodes, 1, undefined);
    this.root.replaceChildren(...this.#items.map(({ row }) => row));
    this.root.removeAttribute('aria-activedescendant');
    if (this.#items.length === 0) this.root.append(make('div', { className: 'soft', text: 'No fields.', attributes: { role: 'treeitem' } }));
  }

  #itemOf(target: EventTarget | null): Item | undefined {
    const row = target instanceof Element ? target.closest('[role="treeitem"]') : null;
    return this.#items.find((item) => item.row === row);
  }

  #key(event: KeyboardEvent): void {
    const at = Math.max(0, this.#items.findIndex(({ node }) => node === this.#current));
    const item = this.#items[at];
    if (item === undefined) return;
    const { node, parent } = item;
    const opens = node.children.length > 0;
    let next: TreeNode | undefined;
    if (event.key === 'ArrowDown') next = this.#items[at + 1]?.node;
    else if (event.key === 'ArrowUp') next = this.#items[at - 1]?.node;
    else if (event.key === 'Home') next = this.#items[0]?.node;
    else if (event.key === 'End') next = this.#items.at(-1)?.node;
    else if (event.key === 'ArrowRight' && opens) {
      if (this.#isFolded(node)) this.#fold(node, false);
      else next = node.children[0];
    } else if (event.key === 'ArrowLeft') {
      if (opens && !this.#isFolded(node)) this.#fold(node, true);
      else next = parent?.node;
    } else if ((event.key === 'Enter' || event.key === ' ') && opens) this.#fold(node, !this.#isFolded(node));
    else if (event.key !== 'ArrowRight') return;
    event.preventDefault();
    if (next === undefined) return;
    this.#light(next);
    this.light(next, true);
  }
}

function kindOf(node: TreeNode): string {
  return node.id.replace(/@\d+/g, '');
}

function rowOf(node: TreeNode, depth: number, index: number, folded: boolean, place: number, size: number): HTMLElement {
  const opens = node.children.length > 0;
  const row = make('div', {
    className: `node${node.masked ? ' masked' : ''} depth-${Math.min(depth, 6)}`,
    attributes: { id: `node-${index}`, role: 'treeitem', 'aria-level': String(depth), 'aria-setsize': String(size), 'aria-posinset': String(place), 'aria-selected': 'false', ...(opens ? { 'aria-expanded': String(!folded) } : {}) },
  },
    make('span', { className: 'offset', text: `0x${node.offset.toString(16).padStart(2, '0')}` }),
    make('span', { className: 'fold', text: opens ? (folded ? '▸' : '▾') : '', attributes: { 'aria-hidden': 'true' } }),
    make('span', { className: 'said' },
      make('span', { className: 'name', text: `${node.name} ` }),
      make('span', { className: 'value', text: node.value === '' && folded ? `${node.length} bytes` : node.value }),
      ...(node.detail.length > 0 && !(opens && !folded) ? [make('span', { className: 'detail', text: ` ${node.detail.join(', ').replace(/NTLMSSP_(?:NEGOTIATE_)?|\bNEGOTIATE_/g, '')}` })] : [])),
  );
  return row;
}
