/** Puts requests, responses and endings together: legs are paired in their order and on their connection. */
import type { KerberosCause } from '../../kerberos/causes.ts';
import type { TracedError } from '../trace/projection.ts';
import type { TraceEntry } from '../trace/trace.ts';
import {
  CONVERSATION_FORMAT,
  CONVERSATION_VERSION,
  type Blindness,
  type Connection,
  type Conversation,
  type ConversationRequest,
  type ConversationResponse,
  type ConversationSource,
  type Ending,
  type Exchange,
  type Side,
} from './conversation.ts';
import { requestOf, responseOf } from './http-message.ts';
import type { RawRequest, RawResponse } from './raw.ts';
import type { TokenVisibility } from './token.ts';

export interface OpenExchange {
  readonly index: number;
  readonly request?: ConversationRequest;
  response?: ConversationResponse;
  broken?: Ending;
}

export interface OpenConnection {
  readonly id: string | undefined;
  tls: boolean | undefined;
  readonly exchanges: OpenExchange[];
  steps: TraceEntry[];
  /** The first exchange that may have no answer yet. */
  unanswered: number;
  end?: Ending;
  says?: KerberosCause;
  refusal?: TracedError;
}

/** More than anyone looks at; what comes behind is left out, and said to be. */
export const MOST_EXCHANGES = 20_000;

export class ConversationBuilder {
  readonly visibility: TokenVisibility;
  readonly #source: ConversationSource;
  readonly #connections = new Map<string | undefined, OpenConnection>();
  readonly #all: OpenConnection[] = [];
  readonly #blind = new Set<Blindness>();
  #index = 0;

  constructor(source: ConversationSource, visibility: TokenVisibility) {
    this.#source = source;
    this.visibility = visibility;
  }

  get isEmpty(): boolean {
    return this.#index === 0 && this.#all.every(({ steps, end }) => steps.length === 0 && end === undefined);
  }

  /** A new connection under a name that another may have had before. */
  open(id: string | undefined, tls?: boolean): void {
    this.#connections.delete(id);
    this.#connection(id).tls = tls;
  }

  tls(id: string | undefined, tls: boolean): void {
    this.#connection(id).tls = tls;
  }

  request(id: string | undefined, raw: RawRequest): void {
    if (this.#full()) return;
    this.#connection(id).exchanges.push({ index: this.#index++, request: requestOf(raw, this.visibility) });
  }

  /** The answer to the oldest request of its connection that has none; what is only informational answers nothing. */
  response(id: string | undefined, raw: RawResponse): void {
    if (raw.status >= 100 && raw.status < 200 && raw.status !== 101) return;
    const connection = this.#connection(id);
    const exchange = connection.exchanges[connection.unanswered];
    if (exchange === undefined && this.#full()) return;
    const response = responseOf(raw, this.visibility);
    if (exchange !== undefined) exchange.response = response;
    else connection.exchanges.push({ index: this.#index++, response });
    connection.unanswered++;
  }

  /** Request and response that a source gives as one. */
  exchange(id: string | undefined, request: RawRequest, response: RawResponse | undefined, broken?: Ending): void {
    if (this.#full()) return;
    const connection = this.#connection(id);
    connection.exchanges.push({
      index: this.#index++,
      request: requestOf(request, this.visibility),
      ...(response === undefined ? {} : { response: responseOf(response, this.visibility) }),
      ...(broken === undefined ? {} : { broken }),
    });
    connection.unanswered = connection.exchanges.length;
  }

  /** An exchange that was put together elsewhere. */
  add(id: string | undefined, exchange: Omit<Exchange, 'index' | 'side'>): void {
    if (this.#full()) return;
    this.#connection(id).exchanges.push({ ...exchange, index: this.#index++ });
  }

  steps(id: string | undefined, steps: readonly TraceEntry[]): void {
    this.#connection(id).steps = [...steps];
  }

  /** Why the client has no token of Kerberos. */
  says(id: string | undefined, word: KerberosCause): void {
    this.#connection(id).says = word;
  }

  /** `undefined` takes an earlier one back. */
  refuse(id: string | undefined, refusal: TracedError | undefined): void {
    const connection = this.#connection(id);
    if (refusal === undefined) delete connection.refusal;
    else connection.refusal = refusal;
  }

  /** The end of a connection, which leaves a request without an answer where one is due. */
  end(id: string | undefined, end: Ending): void {
    const connection = this.#connection(id);
    connection.end ??= end;
    const exchange = connection.exchanges[connection.unanswered];
    if (exchange !== undefined && exchange.response === undefined) {
      exchange.broken ??= connection.end;
      connection.unanswered = connection.exchanges.length;
    }
  }

  blind(...what: readonly Blindness[]): void {
    for (const each of what) this.#blind.add(each);
  }

  build(): Conversation {
    return {
      format: CONVERSATION_FORMAT,
      version: CONVERSATION_VERSION,
      source: this.#source,
      tokens: this.visibility,
      blind: [...this.#blind],
      connections: this.#all.filter(({ exchanges, steps, end }) => exchanges.length > 0 || steps.length > 0 || end !== undefined).map(connectionOf),
    };
  }

  #full(): boolean {
    if (this.#index < MOST_EXCHANGES) return false;
    this.#blind.add('incomplete');
    return true;
  }

  #connection(id: string | undefined): OpenConnection {
    const known = this.#connections.get(id);
    if (known !== undefined) return known;
    const connection: OpenConnection = { id, tls: undefined, exchanges: [], steps: [], unanswered: 0 };
    this.#connections.set(id, connection);
    this.#all.push(connection);
    return connection;
  }
}

/** As plain data, with what follows from its exchanges. */
function connectionOf({ id, tls, exchanges, steps, end, says, refusal }: Omit<OpenConnection, 'unanswered'>): Connection {
  return {
    id,
    tls: tls ?? tlsOf(exchanges),
    exchanges: exchanges.map(exchangeOf),
    steps: [...steps],
    ...(end === undefined ? {} : { end }),
    ...(says === undefined ? {} : { says }),
    ...(refusal === undefined ? {} : { refusal }),
  };
}

export function exchangeOf(exchange: OpenExchange): Exchange {
  return { ...exchange, side: sideOf(exchange) };
}

/** The proxy's is what carries its fields; everything else is for the server. */
function sideOf({ request, response }: OpenExchange): Side {
  if (response?.status === 407) return 'proxy';
  if (response?.status === 401) return 'server';
  if (request?.method === 'CONNECT') return 'proxy';
  const used = [...(response?.challenges ?? []), ...(request?.credentials ?? [])].filter(({ token }) => token !== undefined);
  return used.length > 0 && used.every(({ side }) => side === 'proxy') ? 'proxy' : 'server';
}

function tlsOf(exchanges: readonly OpenExchange[]): boolean | undefined {
  const target = exchanges.find(({ request }) => /^https?:\/\//i.test(request?.target ?? ''))?.request?.target;
  return target === undefined ? undefined : /^https:/i.test(target);
}
