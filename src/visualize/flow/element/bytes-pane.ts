import { decodeToken, type DecodedToken } from '../../decode/decode.ts';
import type { ConversationToken } from '../../conversation/conversation.ts';
import { summaryOf } from '../../trace/summary.ts';
import { tokenBytes } from '../../trace/mask.ts';
import { treeOf, type TreeNode } from '../tree.ts';
import { make } from './dom.ts';
import { HexView } from './hex-view.ts';
import { TreeView } from './tree-view.ts';

const NO_MESSAGE = 'No message yet';

/** A token as a tree of fields and as bytes, each leading to the other. */
export class BytesPane {
  readonly root = make('section', { className: 'card bytes-pane', attributes: { 'aria-label': 'The message' } });
  readonly #title = make('h3', { text: NO_MESSAGE });
  readonly #told = make('p', { className: 'told', attributes: { 'aria-live': 'polite' } });
  readonly #problems = make('ul', { className: 'problems' });
  readonly #tree = new TreeView((node) => this.#light(node, 'tree'));
  readonly #hex = new HexView((offset) => this.#light(this.#tree.at(offset), 'hex', offset));
  #token: ConversationToken | undefined;

  constructor() {
    const body = make('div', { className: 'bytes' }, this.#tree.root, this.#hex.root);
    this.root.append(this.#title, this.#problems, body, this.#told);
  }

  show(token: ConversationToken | undefined): void {
    if (token === this.#token) return;
    this.#token = token;
    this.#told.textContent = '';
    const bytes = token === undefined ? new Uint8Array() : tokenBytes(token);
    const decoded: DecodedToken = decodeToken(bytes, token?.masked);
    const readable = token !== undefined && bytes.length > 0;
    this.#title.textContent = token === undefined ? NO_MESSAGE : readable ? summaryOf(token) : unread(token);
    const problems = !readable || token.state === 'cut' ? [] : decoded.problems.map(({ offset, message }) => `${hexOffset(offset)}: ${message}`);
    if (token?.state === 'cut') problems.push('a tool has shortened it: what is missing is unknown');
    this.#problems.replaceChildren(...problems.map((text) => make('li', { text })));
    this.#problems.hidden = problems.length === 0;
    this.#tree.show(readable ? treeOf(decoded) : []);
    this.#hex.show(readable ? decoded.fields : []);
  }

  #light(node: TreeNode | undefined, from: 'tree' | 'hex', offset?: number): void {
    this.#tree.light(node, from === 'hex');
    this.#hex.light(node, from === 'tree');
    if (node === undefined) return;
    const at = offset ?? node.offset;
    this.#told.textContent = `${hexOffset(at)} ${node.name}${node.value === '' ? '' : `: ${node.value}`}${node.section === '' ? '' : ` (${node.section})`}`;
  }
}

export function hexOffset(offset: number): string {
  return `0x${offset.toString(16).padStart(2, '0')}`;
}

function unread({ state, mechanism, length }: ConversationToken): string {
  if (mechanism === 'unknown' && state === 'whole') return `a token of another mechanism, ${length} bytes, which are not kept`;
  return state === 'masked' || state === 'cut' ? `a token that was left out by what recorded it` : `no readable token, ${length} characters`;
}
