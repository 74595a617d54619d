/**
 * One conversation: what went over a set of connections, as plain data that can be stored, sent and shown. Everything that
 * shows or explains works on it, wherever it was read from. It is made by an allow-list: whatever is not named here is
 * never copied, and tokens are masked unless whole ones were asked for.
 */
import type { KerberosCause } from '../../kerberos/causes.ts';
import type { TracedToken } from '../trace/mask.ts';
import type { TracedError } from '../trace/projection.ts';
import type { TraceEntry } from '../trace/trace.ts';

export const CONVERSATION_FORMAT = 'ntlmachine-conversation';
export const CONVERSATION_VERSION = 1;

/** What a conversation was read from. */
export type ConversationSource = 'process' | 'trace' | 'har' | 'net-export' | 'curl' | 'heads' | 'packets' | 'tokens';

/** Who is authenticated to: the server's side answers 401, a proxy's 407. */
export type Side = 'server' | 'proxy';

/**
 * What can be said of a token:
 * - `whole`: every byte is there; `masked`: its secret parts are not;
 * - `cut`: a tool has shortened it; `malformed`: it does not follow its format, and nothing says that it was shortened;
 * - `unreadable`: not base64.
 */
export type TokenState = 'whole' | 'masked' | 'cut' | 'malformed' | 'unreadable';

/** A token as a conversation keeps it. */
export interface ConversationToken extends TracedToken {
  readonly state: TokenState;
  /** The bytes of an unknown one are not kept, of Kerberos what is in the clear. */
  readonly mechanism: 'ntlm' | 'kerberos' | 'negoex' | 'spnego' | 'unknown';
  /** Bytes. */
  readonly length: number;
  /** For people, where the state is `malformed`: what is wrong and where. */
  readonly problem?: string;
}

/** A scheme as one of its header fields names it, with or without a token (RFC 9110 11.3, 11.4). */
export interface SchemeUse {
  readonly side: Side;
  /** As it was written, of at most 32 characters: `NTLM`, `Negotiate`, `Basic`. */
  readonly scheme: string;
  readonly token?: ConversationToken;
}

/** A field that matters, its name in lower case. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

export interface ConversationRequest {
  readonly method: string;
  /** Without its query and without a user. */
  readonly target: string;
  /** `1.1`, `1.0`, `2`; empty where it is not known. */
  readonly version: string;
  readonly fields: readonly Field[];
  /** Of `Authorization` and `Proxy-Authorization`. */
  readonly credentials: readonly SchemeUse[];
  /** Milliseconds since 1970, by the clock of whoever recorded it. */
  readonly time?: number;
}

export interface ConversationResponse {
  /** 0 where it is not known: a trace of machines alone. */
  readonly status: number;
  /** Whether it is a 401 or a 407. */
  readonly unauthorized: boolean;
  readonly reason: string;
  readonly version: string;
  readonly fields: readonly Field[];
  /** Of `WWW-Authenticate` and `Proxy-Authenticate`. */
  readonly challenges: readonly SchemeUse[];
  /** What the page says of the account, where it is one of the known sentences. */
  readonly says?: ServerWord;
  readonly time?: number;
}

/** What servers say in words: of the account, or of why they refuse. */
export type ServerWord =
  | 'account-locked'
  | 'account-disabled'
  | 'account-expired'
  | 'password-expired'
  | 'logon-restricted'
  | 'wrong-credentials'
  | 'not-permitted'
  | 'clock-skew'
  | 'channel-bindings'
  | 'ntlm-blocked'
  | 'head-too-long';

/** One request and its answer. */
export interface Exchange {
  /** Where it stands among all of the conversation, from 0. */
  readonly index: number;
  readonly side: Side;
  readonly request?: ConversationRequest;
  readonly response?: ConversationResponse;
  /** Why there is no response, as far as it is known. */
  readonly broken?: Ending;
}

/** How a connection ended; a client that gave up waiting closed it as `timed-out`. */
export type Ending = 'closed' | 'reset' | 'timed-out' | 'refused' | 'unresolved' | 'tls-failed' | 'h2-required' | 'h2-only' | 'aborted';

/** What went over one connection, in its order. */
export interface Connection {
  /** As the source names it; `undefined` where the source does not tell connections apart. */
  readonly id: string | undefined;
  /** Whether TLS lies between the client and the origin; `undefined` where nothing tells. */
  readonly tls: boolean | undefined;
  readonly exchanges: readonly Exchange[];
  /** The steps of its machines, where they were recorded. */
  readonly steps: readonly TraceEntry[];
  readonly end?: Ending;
  /** Why its client had no token of Kerberos for it, where it says so. */
  readonly says?: KerberosCause;
  /** The reason that this end recorded for going no further. */
  readonly refusal?: TracedError;
}

/** What a source cannot show. */
export type Blindness =
  | 'legs-hidden' // one entry stands for all legs
  | 'tokens-hidden' // the fields that hold them were left out
  | 'status-unknown' // no HTTP was recorded
  | 'incomplete'; // entries were lost

export interface Conversation {
  readonly format: typeof CONVERSATION_FORMAT;
  readonly version: typeof CONVERSATION_VERSION;
  readonly source: ConversationSource;
  /** Whether responses, MICs and keys are in it, which can be cracked offline. */
  readonly tokens: 'masked' | 'whole';
  readonly blind: readonly Blindness[];
  readonly connections: readonly Connection[];
}

/** All exchanges in the order in which they began. */
export function exchangesOf({ connections }: Pick<Conversation, 'connections'>): readonly Exchange[] {
  return connections.flatMap(({ exchanges }) => exchanges).toSorted((a, b) => a.index - b.index);
}

export function fieldOf(message: { readonly fields: readonly Field[] } | undefined, name: string): string | undefined {
  const values = (message?.fields ?? []).filter((field) => field.name === name).map(({ value }) => value);
  return values.length === 0 ? undefined : values.join(', ');
}
