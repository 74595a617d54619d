/** Tokens alone, in the order in which they were found, as a conversation without HTTP. */
import { decodeToken, type MessageName } from '../decode/decode.ts';
import type { FoundToken } from '../decode/find.ts';
import { ConversationBuilder } from './builder.ts';
import type { Conversation, ConversationRequest, ConversationResponse, SchemeUse } from './conversation.ts';
import { tokenOf, type TokenVisibility } from './token.ts';

/** The messages of one handshake, raw or in SPNEGO, and what is known around them. */
export interface ExchangeTokens {
  readonly negotiate?: Uint8Array | undefined;
  readonly challenge?: Uint8Array | undefined;
  readonly authenticate?: Uint8Array | undefined;
  /** When the challenge came, by the client's clock, in milliseconds since 1970. */
  readonly time?: number | undefined;
  /** Whether a TLS channel lay below; leave it out where that is not known. */
  readonly tls?: boolean | undefined;
  /** The server's word on the response, where it is known. */
  readonly outcome?: 'accepted' | 'rejected' | 'refused' | 'unfinished' | undefined;
}

export function conversationOfTokens(tokens: ExchangeTokens, visibility: TokenVisibility = 'masked'): Conversation {
  const { negotiate, challenge, authenticate, time, tls, outcome } = tokens;
  const builder = new ConversationBuilder('tokens', visibility);
  builder.open(undefined, tls);
  const use = (bytes: Uint8Array | undefined): SchemeUse[] => (bytes === undefined ? [] : [useOf(bytes, visibility)]);
  if (negotiate !== undefined || challenge !== undefined) {
    builder.add(undefined, {
      ...(negotiate === undefined ? {} : { request: requestOf(use(negotiate)) }),
      ...(challenge === undefined ? {} : { response: responseOf(true, use(challenge), time) }),
    });
  }
  if (authenticate !== undefined) {
    const answered = outcome === 'accepted' || outcome === 'rejected';
    builder.add(undefined, {
      request: requestOf(use(authenticate)),
      ...(answered ? { response: responseOf(outcome === 'rejected', [], undefined) } : {}),
    });
  }
  builder.blind('status-unknown');
  return builder.build();
}

export function conversationOfFound(found: readonly FoundToken[], visibility: TokenVisibility): Conversation {
  const builder = new ConversationBuilder('tokens', visibility);
  let sent: SchemeUse | undefined;
  const open = (): void => {
    if (sent !== undefined) builder.add(undefined, { request: requestOf([sent]) });
    sent = undefined;
  };
  for (const { token } of found) {
    const use = useOf(token, visibility);
    if (isAnswer(token)) {
      builder.add(undefined, { ...(sent === undefined ? {} : { request: requestOf([sent]) }), response: responseOf(true, [use], undefined) });
      sent = undefined;
    } else {
      open();
      sent = use;
    }
  }
  open();
  builder.blind('status-unknown');
  return builder.build();
}

const SENT: readonly (MessageName | undefined)[] = ['NEGOTIATE', 'AUTHENTICATE', 'AS-REQ', 'TGS-REQ', 'AP-REQ'];
const ANSWERED: readonly (MessageName | undefined)[] = ['CHALLENGE', 'AS-REP', 'TGS-REP', 'AP-REP', 'KRB-ERROR'];

/** Whether a server sends it: by its message, else by its being no first token of SPNEGO. */
function isAnswer(token: Uint8Array): boolean {
  const { message } = decodeToken(token);
  return ANSWERED.includes(message) || (token[0] === 0xa1 && !SENT.includes(message));
}

function useOf(bytes: Uint8Array, visibility: TokenVisibility): SchemeUse {
  const raw = bytes[0] === 0x4e;
  return { side: 'server', scheme: raw ? 'NTLM' : 'Negotiate', token: tokenOf(bytes, visibility) };
}

function requestOf(credentials: readonly SchemeUse[]): ConversationRequest {
  return { method: '', target: '', version: '', fields: [], credentials };
}

function responseOf(unauthorized: boolean, challenges: readonly SchemeUse[], time: number | undefined): ConversationResponse {
  return { status: 0, unauthorized, reason: '', version: '', fields: [], challenges, ...(time === undefined ? {} : { time }) };
}
