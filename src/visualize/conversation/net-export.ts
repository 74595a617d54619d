/**
 * Chromium's own log of its network, as chrome://net-export and `--log-net-log` write it: events, each of a source (a
 * request, a socket, a controller of authentication), by numbers that the file's constants name.
 */
import { NtlmError } from '../../errors.ts';
import { causeIn } from '../../kerberos/causes.ts';
import { ConversationBuilder } from './builder.ts';
import type { Conversation } from './conversation.ts';
import { endingNamed } from './ending-words.ts';
import { linesOf, startLine } from './heads.ts';
import { isRecord, listOf, numberOf, recordOf, textOf } from './json.ts';
import type { RawField } from './raw.ts';
import type { TokenVisibility } from './token.ts';

/** One that breaks off, as where the browser was ended: each event stands on a line of its own. */
export function cutNetExport(text: string): Record<string, unknown> | undefined {
  const [, start = ''] = /^\s*\{\s*("constants"\s*:\s*)/.exec(text) ?? [];
  if (start === '') return undefined;
  const from = text.indexOf(start) + start.length;
  const at = /,\s*"events"\s*:\s*\[/.exec(text.slice(from));
  const constants = at === null ? undefined : parsed(text.slice(from, from + at.index));
  if (at === null || constants === undefined) throw broken('this net-export breaks off before its first event');
  const rest = text.slice(from + at.index + at[0].length);
  return { constants, events: Array.from(linesOf(rest), (line) => parsed(line.trim().replace(/(?:,|\],?)$/, ''))).filter((event) => event !== undefined), cut: true };
}

export function isNetExport(value: unknown): boolean {
  const { constants, events } = recordOf(value);
  return isRecord(constants) && isRecord(constants['logEventTypes']) && Array.isArray(events);
}

export function readNetExport(value: unknown, visibility: TokenVisibility): Conversation {
  const { constants, events, cut } = recordOf(value);
  const reader = new NetExport(recordOf(constants), visibility);
  const all = listOf(events).filter(isRecord);
  for (const event of all) reader.meet(event);
  for (const event of all) reader.take(event);
  return reader.build(cut === true);
}

/** Schemes of base64, as an event names them and as they are written; the strongest that a server offers is taken, as Chromium takes it. */
const SCHEMES: readonly (readonly [known: string, written: string])[] = [['negotiate', 'Negotiate'], ['ntlm', 'NTLM'], ['basic', 'Basic']];
const STRIPPED = /^\[(\d{1,7}) bytes were stripped\]$/;
const BOUND = /^(?:HTTP_STREAM_REQUEST_BOUND_TO_JOB|SOCKET_POOL_BOUND_TO_SOCKET)$/;
const MOST_LINKS = 8;
/** Characters: a first token is of NTLM with some hundred, a ticket has more. */
const LEAST_OF_TICKETS = 1400;

class NetExport {
  readonly #builder: ConversationBuilder;
  readonly #names: ReadonlyMap<unknown, string>;
  readonly #kinds: ReadonlyMap<unknown, string>;
  readonly #errors: ReadonlyMap<unknown, string>;
  readonly #begin: unknown;
  readonly #offset: number;
  readonly #sockets = new Set<number>();
  /** From a source to what serves it, the latest. */
  readonly #links = new Map<number, number>();
  readonly #addresses = new Map<number, { readonly method: string; readonly url: string; readonly ofPage: boolean }>();
  /** What pages asked of; where there is any, what a browser asks of others of its own accord (updates, accounts) is left out. */
  readonly #hosts = new Set<string>();
  /** From a request or a socket to its controller of authentication, and of that the schemes it may use. */
  readonly #controllers = new Map<number, number>();
  readonly #schemes = new Map<number, Set<string>>();
  /** Where a request went last, and by which version. */
  readonly #sent = new Map<number, { readonly id: string; readonly version: string }>();
  /** Which requests were answered by a token. */
  readonly #answered = new Set<number>();

  constructor(constants: Record<string, unknown>, visibility: TokenVisibility) {
    this.#builder = new ConversationBuilder('net-export', visibility);
    this.#names = named(constants['logEventTypes']);
    this.#kinds = named(constants['logSourceType']);
    this.#errors = named(constants['netError']);
    this.#begin = recordOf(constants['logEventPhase'])['PHASE_BEGIN'];
    this.#offset = Number(constants['timeTickOffset']);
  }

  build(isCut: boolean): Conversation {
    if (isCut) this.#builder.blind('incomplete');
    if (this.#builder.isEmpty) throw broken('there is no request in this net-export: begin to record before the page is opened, and stop when it has failed');
    return this.#builder.build();
  }

  /** Who asks, and where: before all else. */
  meet(event: Record<string, unknown>): void {
    const { id: source } = recordOf(event['source']);
    if (typeof source !== 'number' || event['phase'] !== this.#begin || this.#names.get(event['type']) !== 'URL_REQUEST_START_JOB') return;
    const { method, url, request_type: type, initiator } = recordOf(event['params']);
    const ofPage = type === 'main frame' || (typeof initiator === 'string' && initiator !== 'not an origin');
    const address = textOf(url).split(' ', 1)[0] ?? '';
    this.#addresses.set(source, { method: textOf(method) || 'GET', url: address, ofPage });
    if (ofPage && URL.canParse(address)) this.#hosts.add(new URL(address).host);
  }

  take(event: Record<string, unknown>): void {
    const name = this.#names.get(event['type']) ?? '';
    const { id: source, type } = recordOf(event['source']);
    if (typeof source !== 'number') return;
    const params = recordOf(event['params']);
    const kind = this.#kinds.get(type);
    const ticks = Number(event['time']) + this.#offset;
    const time = Number.isFinite(ticks) ? ticks : undefined;
    const other = numberOf(recordOf(params['source_dependency'])['id']);
    if (kind === 'SOCKET') this.#sockets.add(source);
    if (BOUND.test(name) && other !== undefined) this.#links.set(source, other);
    else if (/^HTTP_TRANSACTION_(?:HTTP2_|QUIC_)?SEND_REQUEST_HEADERS$/.test(name)) this.#request(source, params, name, time);
    else if (/^HTTP_TRANSACTION_READ_(?:TUNNEL_)?RESPONSE_HEADERS$/.test(name)) this.#response(source, params, time);
    else if (name === 'SSL_CONNECT') this.#builder.tls(`${source}`, true);
    else if (name === 'FAILED' || name === 'HTTP_TRANSACTION_RESTART_AFTER_ERROR') this.#failed(source, this.#errors.get(params['net_error']) ?? '');
    else if (name === 'SOCKET_POOL_CLOSING_SOCKET' && params['reason'] === 'Remote side closed connection') this.#builder.end(`${source}`, 'closed');
    else if (name.startsWith('AUTH_')) this.#authentication(name, source, other, params);
  }

  #authentication(name: string, source: number, other: number | undefined, params: Record<string, unknown>): void {
    if (name === 'AUTH_BOUND_TO_CONTROLLER' && other !== undefined) this.#controllers.set(source, other);
    else if (other !== undefined && name === 'AUTH_HANDLE_CHALLENGE') this.#controllers.set(other, source);
    else if (name === 'AUTH_HANDLER_CREATE_RESULT' && params['net_error'] === undefined) this.#schemes.set(source, (this.#schemes.get(source) ?? new Set()).add(textOf(params['scheme'])));
    else if (name === 'AUTH_GENERATE_TOKEN' && params['net_error'] !== undefined) this.#schemes.get(source)?.delete('negotiate');
    else if (name === 'AUTH_LIBRARY_INIT_SEC_CTX') {
      const status = numberOf(recordOf(params['status'])['security_status']);
      const word = causeIn(JSON.stringify(params) + (status === undefined ? '' : ` 0x${(status >>> 0).toString(16)}`));
      const [asked] = [...this.#controllers].findLast(([, controller]) => controller === source) ?? [];
      // where NTLM is offered as well, the browser goes on to that
      if (word !== undefined && asked !== undefined && this.#schemes.get(source)?.has('ntlm') !== true) this.#builder.says(this.#connectionOf(asked), word);
    }
  }

  #request(source: number, params: Record<string, unknown>, name: string, time: number | undefined): void {
    const fields = fieldsOf(params['headers']).map((field) => this.#withScheme(source, field));
    const version = name.includes('HTTP2') ? '2' : name.includes('QUIC') ? '3' : '1.1';
    const of = (pseudo: string): string => fields.find(([field]) => field === pseudo)?.[1] ?? '';
    const [method = '', target = ''] = version === '1.1' ? textOf(params['line']).split(' ') : [of(':method'), of(':path')];
    const asked = version !== '1.1' ? of(':authority') : method === 'CONNECT' ? target : (fields.find(([field]) => /^host$/i.test(field))?.[1] ?? '');
    if (this.#hosts.size > 0 && ![asked, asked.replace(/:(?:443|80)$/, '')].some((host) => this.#hosts.has(host))) return;
    // what is sent side by side would be answered in another order
    const id = version === '1.1' ? this.#connectionOf(source) : `r${source}`;
    if (version !== '1.1') this.#builder.tls(id, true);
    this.#sent.set(source, { id, version });
    this.#builder.request(id, { method, target, version, fields: version === '1.1' ? fields : [...fields, ['host', of(':authority')]], time });
  }

  #response(source: number, params: Record<string, unknown>, time: number | undefined): void {
    const [line, ...headers] = listOf(params['headers']).map(textOf);
    const start = startLine(line ?? '');
    const sent = this.#sent.get(source);
    if (start?.kind !== 'response' || sent === undefined) return;
    const version = sent.version === '1.1' ? start.version : sent.version;
    this.#builder.response(sent.id, { ...start, version, fields: fieldsOf(headers), time });
    const hidden = fieldsOf(headers).some(([, value]) => / \[\d{1,7} bytes were stripped\]$/.test(value));
    if (hidden) this.#builder.blind('tokens-hidden');
    if (hidden) this.#answered.add(source);
    else this.#answered.delete(source);
  }

  /** Where nothing was sent at all, what a page asked for counts, and not what the browser does of its own accord. */
  #failed(source: number, error: string): void {
    const sent = this.#sent.get(source);
    const address = this.#addresses.get(source);
    if (sent !== undefined) this.#builder.end(sent.id, endingNamed(error));
    else if (address?.ofPage === true && error !== 'ERR_TUNNEL_CONNECTION_FAILED') {
      this.#builder.exchange(`r${source}`, { method: address.method, target: address.url, version: '', fields: [] }, undefined, endingNamed(error));
    }
  }

  /** Of what was stripped its scheme is known all the same, and its length. */
  #withScheme(source: number, [name, value]: RawField): RawField {
    const stripped = STRIPPED.exec(value)?.[1];
    if (stripped === undefined) return [name, value];
    const known = this.#schemes.get(this.#controllers.get(source) ?? -1) ?? new Set(['negotiate', 'ntlm']);
    const scheme = SCHEMES.find(([each, written]) => known.has(each) && (Number(stripped) - written.length - 1) % 4 === 0)?.[1] ?? 'Digest';
    this.#builder.blind('tokens-hidden');
    const isTicket = scheme === 'Negotiate' && Number(stripped) >= LEAST_OF_TICKETS && !this.#answered.has(source);
    return [name, `${scheme} [${Number(stripped) - scheme.length - 1} bytes ${isTicket ? 'of Kerberos ' : ''}were stripped]`];
  }

  /** Down to the socket; a request that leads to none, as with HappyEyeballsV3, has a connection of its own. */
  #connectionOf(source: number): string {
    let at: number | undefined = source;
    for (let step = 0; at !== undefined && step < MOST_LINKS; step += 1) {
      if (this.#sockets.has(at)) return `${at}`;
      at = this.#links.get(at);
    }
    return `r${source}`;
  }
}

/** Names by their numbers. */
function named(value: unknown): ReadonlyMap<unknown, string> {
  return new Map(Object.entries(recordOf(value)).map(([name, number]) => [number, name]));
}

function fieldsOf(headers: unknown): RawField[] {
  return listOf(headers).flatMap((header): RawField[] => {
    const [, name = '', value = ''] = /^(:?[^:\s]{1,64}):[ \t]*(.*)$/s.exec(textOf(header)) ?? [];
    return name === '' ? [] : [[name, value]];
  });
}

function parsed(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return undefined; // where it breaks off
  }
}

function broken(message: string): NtlmError {
  return new NtlmError(message, { code: 'malformed-token', phase: 'message', side: 'peer' });
}
