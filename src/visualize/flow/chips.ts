/** A message as it hangs on its rung, and whose it is. */
import type { ConversationRequest, ConversationToken, SchemeUse, Side } from '../conversation/conversation.ts';
import { escaped } from '../decode/text.ts';
import { messageIn } from '../trace/summary.ts';

export interface Chip {
  /** `AUTHENTICATE alice 358`. */
  readonly label: string;
  readonly token: ConversationToken;
  readonly scheme: string;
  /** Whom it is for, or from. */
  readonly side: Side;
}

const LONGEST_NAME = 24;
const users = new WeakMap<ConversationToken, string>();

/** The token of a head; where both sides have one, the proxy's, who comes first. */
export function chipOf(uses: readonly SchemeUse[]): Chip | undefined {
  const use = uses.find(({ side, token }) => side === 'proxy' && token !== undefined) ?? uses.find(({ token }) => token !== undefined);
  if (use?.token === undefined) return undefined;
  const { token, scheme, side } = use;
  return { label: [nameOf(token), userOf(token), String(token.length)].filter((part) => part !== '').join(' '), token, scheme, side };
}

export function nameOfUser(request: ConversationRequest | undefined): string {
  const token = chipOf(request?.credentials ?? [])?.token;
  return token === undefined ? '' : userOf(token);
}

function nameOf({ message, mechanism, state }: ConversationToken): string {
  if (message !== undefined) return message;
  if (mechanism === 'kerberos') return 'Kerberos token';
  return state === 'unreadable' ? 'unreadable token' : mechanism === 'spnego' ? 'SPNEGO token' : 'token';
}

function userOf(token: ConversationToken): string {
  const known = users.get(token);
  if (known !== undefined) return known;
  const decoded = token.message === 'AUTHENTICATE' ? messageIn(token) : undefined;
  const name = decoded?.type === 'AUTHENTICATE' ? escaped(decoded.message.userName).slice(0, LONGEST_NAME) : '';
  users.set(token, name);
  return name;
}
