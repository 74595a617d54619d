/** The conversation of running carriers, from what they tell: bounded, the latest kept, put together when it is asked for. */
import type { HttpEvent } from '../../http/exchange/telling.ts';
import type { MessageHead } from '../../http/wire/head.ts';
import type { TracedError } from '../trace/projection.ts';
import type { TraceEntry } from '../trace/trace.ts';
import { exchangeOf } from './builder.ts';
import { CONVERSATION_FORMAT, CONVERSATION_VERSION, type Connection, type Conversation, type Ending, type Exchange } from './conversation.ts';
import { requestOf, responseOf } from './http-message.ts';
import type { TokenVisibility } from './token.ts';

export interface LiveOptions {
  readonly tokens: TokenVisibility;
  /** Exchanges kept, the latest. */
  readonly limit: number;
}

export type Told<Type extends HttpEvent['type']> = Extract<HttpEvent, { readonly type: Type }>;

interface LiveExchange {
  readonly index: number;
  readonly connection: LiveConnection;
  readonly request: Told<'request'>;
  response?: Told<'response'>;
  /** As it was last put together; gone where it has changed. */
  put?: Exchange | undefined;
}

interface LiveConnection {
  readonly id: number;
  /** `undefined` where it was open before anybody listened. */
  readonly tls: boolean | undefined;
  /** As it was last put together; gone where it has changed. */
  put?: Connection | undefined;
  readonly exchanges: LiveExchange[];
  readonly steps: TraceEntry[];
  refusal?: TracedError;
  end?: Ending;
}

/** Steps of one connection that are kept, the latest. */
const MOST_STEPS = 1000;
/** Connections that ended before anything was asked that are kept, the latest. */
const MOST_UNUSED = 100;

export class LiveConversation {
  readonly #tokens: TokenVisibility;
  readonly #limit: number;
  readonly #connections = new Map<number, LiveConnection>();
  /** In their order, over all connections. */
  readonly #exchanges: LiveExchange[] = [];
  /** Ended before anything was asked, for a reason that is worth a look. */
  readonly #unused: number[] = [];
  #index = 0;
  #incomplete = false;

  constructor({ tokens, limit }: LiveOptions) {
    this.#tokens = tokens;
    this.#limit = limit;
  }

  add(event: HttpEvent): void {
    if (event.type === 'open') {
      this.#opened(event.connection, event.tls);
      return;
    }
    const begins = event.type === 'request' || event.type === 'step';
    const connection = this.#connections.get(event.connection) ?? (begins ? this.#opened(event.connection, undefined) : undefined);
    if (connection === undefined) return; // forgotten
    connection.put = undefined;
    switch (event.type) {
      case 'request':
        this.#begin({ index: this.#index++, connection, request: event });
        break;
      case 'response': {
        const exchange = connection.exchanges.at(-1);
        if (exchange === undefined) break;
        exchange.response ??= event;
        exchange.put = undefined;
        break;
      }
      case 'step':
        addStep(connection, event);
        break;
      case 'close':
        connection.end ??= endingOf(event.code);
        delete connection.exchanges.at(-1)?.put;
        this.#leaveOutUnused(event.connection, connection);
    }
  }

  /** What has not changed since the last call is the same object. */
  conversation(): Conversation {
    return {
      format: CONVERSATION_FORMAT,
      version: CONVERSATION_VERSION,
      source: 'process',
      tokens: this.#tokens,
      blind: this.#incomplete ? ['incomplete'] : [],
      connections: Array.from(this.#connections.values(), (connection) => this.#connectionOf(connection)),
    };
  }

  #opened(id: number, tls: boolean | undefined): LiveConnection {
    const connection: LiveConnection = { id, tls, exchanges: [], steps: [] };
    this.#connections.set(id, connection);
    return connection;
  }

  #begin(exchange: LiveExchange): void {
    exchange.connection.exchanges.push(exchange);
    this.#exchanges.push(exchange);
    if (this.#exchanges.length <= this.#limit) return;
    this.#incomplete = true;
    const { connection } = this.#exchanges.shift()!;
    connection.exchanges.shift();
    connection.put = undefined;
    if (connection.end !== undefined && connection.exchanges.length === 0) this.#connections.delete(connection.id);
  }

  /** Pools open connections that are never used; others fail, again and again. */
  #leaveOutUnused(id: number, { exchanges, end, refusal }: LiveConnection): void {
    if (exchanges.length > 0) return;
    if (end === 'closed' && refusal === undefined) this.#connections.delete(id);
    else if (this.#unused.push(id) > MOST_UNUSED) this.#connections.delete(this.#unused.shift()!);
  }

  #connectionOf(connection: LiveConnection): Connection {
    const { id, tls, exchanges, steps, refusal, end } = connection;
    return (connection.put ??= {
      id: String(id),
      tls,
      exchanges: exchanges.map((exchange) => this.#exchangeOf(exchange)),
      steps: [...steps],
      ...(end === undefined ? {} : { end }),
      ...(refusal === undefined ? {} : { refusal }),
    });
  }

  #exchangeOf(exchange: LiveExchange): Exchange {
    const { index, request, response, connection: { end } } = exchange;
    return (exchange.put ??= exchangeOf({
      index,
      request: requestOf(requestIn(request), this.#tokens),
      ...(response === undefined ? (end === undefined ? {} : { broken: end }) : { response: responseOf(responseIn(response), this.#tokens) }),
    }));
  }
}

function addStep(connection: LiveConnection, { time, machine, side, event, from, to, ways, tags, attempt, error }: Told<'step'>): void {
  const context = { ...(attempt === undefined ? {} : { attempt }), ...(error === undefined ? {} : { error }) };
  connection.steps.push({ time, machine, side, event, from, to, transitions: ways, tags, context });
  if (connection.steps.length > MOST_STEPS) connection.steps.shift();
  if (machine !== 'connection') return;
  if (error === undefined || error.code === 'credentials-refused') delete connection.refusal;
  else connection.refusal = error;
}

const fieldsOf = ({ fields }: MessageHead) => fields.map(({ name, value }) => [name, value] as const);

export function requestIn({ head, time }: Told<'request'>) {
  const [method = '', target = '', version = ''] = head.startLine.split(' ');
  return { method, target, version: version.replace('HTTP/', ''), fields: fieldsOf(head), time };
}

export function responseIn({ head, time }: Told<'response'>) {
  const [, version = '', status = '0', reason = ''] = /^HTTP\/(\S+) (\d{3}) ?(.*)$/.exec(head.startLine) ?? [];
  return { version, status: Number(status), reason, fields: fieldsOf(head), time };
}

function endingOf(code: string | undefined): Ending {
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset';
  if (code === 'timed-out' || code === 'ETIMEDOUT') return 'timed-out';
  if (code === 'http2-only') return 'h2-only';
  return code === 'aborted' || code === 'ABORT_ERR' ? 'aborted' : 'closed';
}
