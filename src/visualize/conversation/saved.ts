/** A saved conversation. Only what a conversation is made of is taken over; the rest of the file is ignored. */
import { NtlmError } from '../../errors.ts';
import type { KerberosCause } from '../../kerberos/causes.ts';
import { entryOf, errorOf, list, number, record, string, tokenOf as tracedTokenOf } from '../trace/parse.ts';
import { traceToken } from '../trace/mask.ts';
import { tokenBytes } from '../trace/mask.ts';
import {
  CONVERSATION_FORMAT,
  CONVERSATION_VERSION,
  type Blindness,
  type Connection,
  type Conversation,
  type ConversationRequest,
  type ConversationResponse,
  type ConversationSource,
  type ConversationToken,
  type Ending,
  type Exchange,
  type Field,
  type SchemeUse,
  type ServerWord,
  type Side,
  type TokenState,
} from './conversation.ts';
import type { TokenVisibility } from './token.ts';

/** @throws NtlmError `unsupported` for one of another version, `invalid-argument` for anything else that is none. */
export function parseConversation(value: unknown, visibility: TokenVisibility = 'masked'): Conversation {
  const { version, source, tokens, blind, connections } = record(value, 'is no conversation');
  if (version !== CONVERSATION_VERSION) {
    const theirs = typeof version === 'number' ? version : 'of another kind';
    const details = { code: 'unsupported', phase: 'configure', side: 'local' } as const;
    throw new NtlmError(`the conversation has version ${theirs}; this release reads version ${CONVERSATION_VERSION}`, details);
  }
  return {
    format: CONVERSATION_FORMAT,
    version: CONVERSATION_VERSION,
    source: oneOf(SOURCES, source) ?? 'process',
    tokens: tokens === 'whole' && visibility === 'whole' ? 'whole' : 'masked',
    blind: list(blind ?? [], 'blind').flatMap((each) => oneOf(BLINDNESS, each) ?? []),
    connections: list(connections, 'connections').map((each, index) => connectionOf(each, `connections[${index}]`, visibility)),
  };
}

const SOURCES: readonly ConversationSource[] = ['process', 'trace', 'har', 'net-export', 'curl', 'heads', 'packets', 'tokens'];
const BLINDNESS: readonly Blindness[] = ['legs-hidden', 'tokens-hidden', 'status-unknown', 'incomplete'];
const ENDINGS: readonly Ending[] = ['closed', 'reset', 'timed-out', 'refused', 'unresolved', 'tls-failed', 'h2-required', 'h2-only', 'aborted'];
const STATES: readonly TokenState[] = ['whole', 'masked', 'cut', 'malformed', 'unreadable'];
const MECHANISMS: readonly ConversationToken['mechanism'][] = ['ntlm', 'kerberos', 'negoex', 'spnego', 'unknown'];
const WORDS: readonly ServerWord[] = [
  'account-locked', 'account-disabled', 'account-expired', 'password-expired', 'logon-restricted', 'wrong-credentials', 'not-permitted',
  'clock-skew', 'channel-bindings', 'ntlm-blocked', 'head-too-long',
];
const CLIENT_WORDS: readonly KerberosCause[] = ['no-ticket', 'ticket-expired', 'unknown-service', 'clock-skew', 'realm-unreachable'];
const SIDES: readonly Side[] = ['server', 'proxy'];

function oneOf<T extends string>(values: readonly T[], value: unknown): T | undefined {
  return values.find((each) => each === value);
}

function connectionOf(value: unknown, at: string, visibility: TokenVisibility): Connection {
  const { id, tls, exchanges, steps, end, says, refusal } = record(value, `has no object at ${at}`);
  const word = oneOf(CLIENT_WORDS, says);
  const ending = oneOf(ENDINGS, end);
  return {
    id: typeof id === 'string' ? id : undefined,
    tls: typeof tls === 'boolean' ? tls : undefined,
    exchanges: list(exchanges, `${at}.exchanges`).map((each, index) => exchangeOf(each, `${at}.exchanges[${index}]`, visibility)),
    steps: list(steps ?? [], `${at}.steps`).map(entryOf),
    ...(ending === undefined ? {} : { end: ending }),
    ...(word === undefined ? {} : { says: word }),
    ...(refusal === undefined ? {} : { refusal: errorOf(refusal, at) }),
  };
}

function exchangeOf(value: unknown, at: string, visibility: TokenVisibility): Exchange {
  const { index, side, request, response, broken } = record(value, `has no object at ${at}`);
  const ending = oneOf(ENDINGS, broken);
  return {
    index: number(index, `${at}.index`),
    side: oneOf(SIDES, side) ?? 'server',
    ...(request === undefined ? {} : { request: requestOf(request, `${at}.request`, visibility) }),
    ...(response === undefined ? {} : { response: responseOf(response, `${at}.response`, visibility) }),
    ...(ending === undefined ? {} : { broken: ending }),
  };
}

function requestOf(value: unknown, at: string, visibility: TokenVisibility): ConversationRequest {
  const { method, target, version, fields, credentials, time } = record(value, `has no object at ${at}`);
  return {
    method: string(method, `${at}.method`),
    target: string(target, `${at}.target`),
    version: string(version, `${at}.version`),
    fields: fieldsOf(fields, at),
    credentials: usesOf(credentials, at, visibility),
    ...(time === undefined ? {} : { time: number(time, `${at}.time`) }),
  };
}

function responseOf(value: unknown, at: string, visibility: TokenVisibility): ConversationResponse {
  const { status, unauthorized, reason, version, fields, challenges, says, time } = record(value, `has no object at ${at}`);
  const word = oneOf(WORDS, says);
  return {
    status: number(status, `${at}.status`),
    unauthorized: unauthorized === true,
    reason: string(reason, `${at}.reason`),
    version: string(version, `${at}.version`),
    fields: fieldsOf(fields, at),
    challenges: usesOf(challenges, at, visibility),
    ...(word === undefined ? {} : { says: word }),
    ...(time === undefined ? {} : { time: number(time, `${at}.time`) }),
  };
}

function fieldsOf(value: unknown, at: string): Field[] {
  return list(value, `${at}.fields`).map((each) => {
    const { name, value: text } = record(each, `has no object in ${at}.fields`);
    return { name: string(name, `${at}.fields`), value: string(text, `${at}.fields`) };
  });
}

function usesOf(value: unknown, at: string, visibility: TokenVisibility): SchemeUse[] {
  return list(value, `${at} schemes`).map((each) => {
    const { side, scheme, token } = record(each, `has no object in ${at}`);
    return {
      side: oneOf(SIDES, side) ?? 'server',
      scheme: string(scheme, `${at}.scheme`),
      ...(token === undefined ? {} : { token: tokenOf(token, at, visibility) }),
    };
  });
}

function tokenOf(value: unknown, at: string, visibility: TokenVisibility): ConversationToken {
  const { state, mechanism, length, problem } = record(value, `has no object at ${at}.token`);
  const traced = tracedTokenOf(value, at);
  const own = visibility === 'masked' && traced.base64 !== '' ? traceToken(tokenBytes(traced), 'masked') : traced;
  const masked = [...traced.masked, ...own.masked.filter(({ offset }) => !traced.masked.some((known) => known.offset === offset))];
  const known = oneOf(STATES, state) ?? 'unreadable';
  return {
    ...traced,
    base64: own.base64,
    masked,
    state: known === 'whole' && masked.length > 0 ? 'masked' : known,
    mechanism: oneOf(MECHANISMS, mechanism) ?? 'unknown',
    length: number(length, `${at}.length`),
    ...(typeof problem === 'string' ? { problem } : {}),
  };
}
