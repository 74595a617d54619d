/** A message as it hangs on its rung, and whose it is, or for whom. */
import type { ConversationRequest, ConversationToken, SchemeUse, Side } from '../conversation/conversation.ts';
import { decodeToken } from '../decode/decode.ts';
import { escaped } from '../decode/text.ts';
import { errorName } from '../kerberos/numbers.ts';
import { tokenBytes } from '../trace/mask.ts';
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
const labels = new WeakMap<ConversationToken, string>();

/** The token of a head; where both sides have one, the proxy's, who comes first. */
export function chipOf(uses: readonly SchemeUse[]): Chip | undefined {
  const use = uses.find(({ side, token }) => side === 'proxy' && token !== undefined) ?? uses.find(({ token }) => token !== undefined);
  if (use?.token === undefined) return undefined;
  const { token, scheme, side } = use;
  return { label: remembered(labels, token, labelOf), token, scheme, side };
}

export function nameOfUser(request: ConversationRequest | undefined): string {
  const token = chipOf(request?.credentials ?? [])?.token;
  return token === undefined ? '' : remembered(users, token, userOf);
}

/** Made once for each token: a page draws it again and again. */
function remembered(known: WeakMap<ConversationToken, string>, token: ConversationToken, make: (token: ConversationToken) => string): string {
  const text = known.get(token) ?? make(token);
  known.set(token, text);
  return text;
}

function labelOf(token: ConversationToken): string {
  return [nameOf(token), aboutOf(token), String(token.length)].filter((part) => part !== '').join(' ');
}

function nameOf({ message, mechanism, state }: ConversationToken): string {
  if (message !== undefined) return message;
  if (mechanism === 'kerberos' || mechanism === 'negoex') return `${mechanism === 'kerberos' ? 'Kerberos' : 'NEGOEX'} token`;
  return state === 'unreadable' ? 'unreadable token' : mechanism === 'spnego' ? 'SPNEGO token' : 'token';
}

/** The user of a response, the service of a ticket, or what was wrong with it. */
function aboutOf(token: ConversationToken): string {
  if (token.mechanism !== 'kerberos') return userOf(token);
  const { kerberos } = decodeToken(tokenBytes(token));
  const about = kerberos?.error === undefined ? (kerberos?.service ?? '') : errorName(kerberos.error.code).replace(/^K[A-Z]+_(?:AP_)?ERR_/, '');
  return escaped(about).slice(0, LONGEST_NAME);
}

function userOf(token: ConversationToken): string {
  const decoded = token.message === 'AUTHENTICATE' ? messageIn(token) : undefined;
  return decoded?.type === 'AUTHENTICATE' ? escaped(decoded.message.userName).slice(0, LONGEST_NAME) : '';
}
