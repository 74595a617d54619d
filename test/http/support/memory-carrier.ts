/**
 * A socket for legs that is none, and a server behind it, in memory and in no time at all: what a leg does to a connection
 * is what it may expect there, and what it may not is noted as a breach.
 */
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { Layer } from '../../../src/http/authentication/layer.ts';
import type { CredentialsSource } from '../../../src/http/authentication/question.ts';
import { Realms } from '../../../src/http/authentication/realms.ts';
import { AS_IT_IS, ConnectionLost, type LegCarrier, type LegForm } from '../../../src/http/exchange/carrier.ts';
import { Legs } from '../../../src/http/exchange/legs.ts';
import { isPlain } from '../../../src/http/exchange/sides.ts';
import { parseResponseHead, renderHead, type Field } from '../../../src/http/wire/head.ts';
import { ClientRequest } from '../../../src/http/wire/request.ts';
import type { Answer } from '../../../src/http/wire/response-reader.ts';
import type { NtlmError } from '../../../src/index.ts';
import { ALICE } from './origin.ts';

/** How a server goes about it. */
export interface ServerForm {
  /** Which requests it wants an account for. */
  readonly asks: 'all' | 'writes' | 'nobody';
  /** What it answers where chunks come that it does not take; it closes then. */
  readonly chunks: 'taken' | 411 | 501;
  /** `ignored`: it reads the body before it says anything. `closes`: its 401 to an Expect is the last on the connection. */
  readonly expect: 'granted' | 'ignored' | 'closes' | 417;
  /** What becomes of a HEAD: a 401 as for any other, an answer for all, no answer (in time), one whose end is not to be told. */
  readonly standIns: 'asked' | 'open' | 'lost' | 'late' | 'unframed';
  /** Bytes of the body of a 401. */
  readonly page: number;
  /** Of its handler. */
  readonly status: number;
  /** Whether an authenticated connection stays so behind its first request. */
  readonly keeps: boolean;
  /** Which 401 is the last on its connection. */
  readonly closes: 'no' | 'the first' | 'a challenge';
  /** Whether it goes on with a handshake only where its cookie comes back. */
  readonly cookie: boolean;
  /** What becomes of the connection at each request, in their order: lost before it is read, behind it, or before the next. */
  readonly losses: readonly ('no' | 'before' | 'behind' | 'between')[];
}

export const PLAIN_SERVER: ServerForm = { asks: 'all', chunks: 'taken', expect: 'granted', standIns: 'asked', status: 200, page: 0, keeps: true, closes: 'no', cookie: false, losses: [] };

/** What was sent, as the server had it. */
export interface Sent {
  readonly method: string;
  readonly form: LegForm['form'];
  readonly expect: boolean;
  readonly chunked: boolean;
  readonly message: 0 | 1 | 3;
  readonly connection: number;
  readonly cookie: string | undefined;
}

export interface Call {
  readonly method: string;
  readonly path?: string;
  readonly fields?: readonly Field[];
  /** `once`: longer than what is kept of it. */
  readonly body?: 'none' | 'repeatable' | 'once' | 'chunked';
}

/** What the client has of its call, and what the server's handler had. */
export interface Ending {
  readonly answer: Answer | undefined;
  readonly forget: boolean;
  readonly error: NtlmError | undefined;
  /** How often the handler ran for it. */
  readonly handled: number;
  readonly request: ClientRequest;
}

interface Connection {
  readonly id: number;
  acceptor: NtlmAcceptor | undefined;
  authenticated: boolean;
  requests: number;
  lost: boolean;
  /** Why no request may follow. */
  unclean: string | undefined;
}

/** Status of what is lost as on any socket, where no legs were under way. */
export const LOST = 0;
const MAX_REPEATABLE = 10;
const BODIES = { none: '', repeatable: 'abcd', once: 'abcdefghijklmnop', chunked: '4\r\nabcd\r\n0\r\n\r\n' } as const;
const CREDENTIALS = 'Authorization';

export class MemoryCarrier implements LegCarrier {
  layers: readonly Layer[] = [];
  readonly probe: boolean;
  readonly sent: Sent[] = [];
  /** What no leg may do, and did. */
  readonly breaches: string[] = [];
  /** Milliseconds that were waited for quiet, each time. */
  readonly waits: number[] = [];
  /** What a challenge says beyond itself. */
  readonly challengeFields: Field[] = [];
  /** What it asks for. */
  offers = 'NTLM';
  /** The rest of a body does not leave. */
  stalls = false;
  readonly #server: ServerForm;
  readonly #realms = new Realms({ prefer: 'NTLM', refusals: { limit: 100, memory: 300_000, longestMemory: 3_600_000, patience: 10_000, entries: 1000 } });
  readonly #source: CredentialsSource;
  #connections = 0;
  #connection: Connection;
  #leg: { readonly request: ClientRequest; readonly form: LegForm } | undefined;
  #handled = new Map<ClientRequest, number>();
  #bodies = new Map<ClientRequest, Buffer>();
  #delivered: { readonly answer: Answer; readonly forget: boolean } | undefined;

  constructor(server: Partial<ServerForm> = {}, { probe = true, source = { ask: () => ALICE, others: false } }: { readonly probe?: boolean; readonly source?: CredentialsSource } = {}) {
    this.#server = { ...PLAIN_SERVER, ...server };
    this.probe = probe;
    this.#source = source;
    this.#connection = this.#connect([]);
  }

  /** One call of a client, as the socket takes it. */
  async call({ method, path = '/a', fields = [], body = 'none' }: Call): Promise<Ending> {
    const bytes = Buffer.from(BODIES[body]);
    const framing = body === 'none' ? [] : [body === 'chunked' ? { name: 'Transfer-Encoding', value: 'chunked' } : { name: 'Content-Length', value: String(bytes.length) }];
    const head = renderHead({ startLine: `${method} ${path} HTTP/1.1`, fields: [{ name: 'Host', value: 'a' }, ...framing, ...fields] });
    const request = new ClientRequest(head, false, {}, MAX_REPEATABLE);
    this.#bodies.set(request, bytes);
    this.#delivered = undefined;
    let error: NtlmError | undefined;
    try {
      await this.#run(request);
    } catch (thrown) {
      error = thrown as NtlmError;
    }
    if ((this.#delivered === undefined) === (error === undefined)) this.breaches.push('an answer and an error, or neither');
    const { answer, forget } = (this.#delivered ?? { forget: false }) as { answer?: Answer; forget: boolean };
    if (error !== undefined || this.#connection.lost) this.#connection = this.#connect([]);
    return { answer, forget, error, handled: this.#handled.get(request) ?? 0, request };
  }

  close(): void {
    for (const layer of this.layers) layer.close();
  }

  async #run(request: ClientRequest): Promise<void> {
    if (!isPlain(this.layers, request)) return new Legs(this, request).run(undefined);
    const lost: Answer = { head: { startLine: '', fields: [], status: LOST, persistent: false }, raw: Buffer.alloc(0), method: request.method };
    const answer = await this.#send(request, [], AS_IT_IS).catch(() => lost);
    if (answer.head.status === 401) return new Legs(this, request).run(answer);
    for (const layer of this.layers) layer.notePassed();
    this.deliver(answer, { forget: false });
  }

  #connect(attempts: readonly number[]): Connection {
    for (const layer of this.layers) layer.close();
    const limits = { legTimeout: 10_000, answerTimeout: 10_000, maxAttempts: 100, maxRepeatableBody: MAX_REPEATABLE, probe: this.probe };
    const realm = this.#realms.of('server', 'http://a', this.#source);
    this.layers = [new Layer({ realm, allowed: true, handshake: {}, limits, inspect: undefined }, attempts[0] ?? 1, () => this.breaches.push('a limit of time'))];
    return { id: (this.#connections += 1), acceptor: undefined, authenticated: false, requests: 0, lost: false, unclean: undefined };
  }

  exchange(request: ClientRequest, credentials: readonly Field[], form: LegForm): Promise<Answer> {
    return this.#send(request, credentials, form);
  }

  async #send(request: ClientRequest, credentials: readonly Field[], form: LegForm): Promise<Answer> {
    const connection = this.#connection;
    if (connection.lost) throw new ConnectionLost(undefined, { sent: false });
    if (connection.unclean !== undefined) this.breaches.push(`a request behind ${connection.unclean}`);
    this.#leg = { request, form };
    for (const layer of this.layers) layer.leaving();
    const loss = this.#server.losses[this.sent.length] ?? 'no';
    const standIn = form.form === 'stand-in';
    const method = standIn ? 'HEAD' : request.method;
    const named = (name: string): string | undefined => credentials.find((field) => field.name === name)?.value ?? request.render([], { keepAlive: false }).match(new RegExp(`\r\n${name}: ([^\r]*)`, 'i'))?.[1];
    const token = Buffer.from(/^NTLM (\S+)$/.exec(named(CREDENTIALS) ?? '')?.[1] ?? '', 'base64');
    const message = token.length === 0 ? 0 : (token[8] as 1 | 3);
    const { expect, chunked } = form;
    this.sent.push({ method, form: form.form, expect, chunked, message, connection: connection.id, cookie: named('Cookie') });
    connection.requests += 1;
    if (loss === 'before') return this.#lose(connection);
    const ours = request.brings('expect') && form.form === 'whole';
    const waits = request.bodyHeld && (form.form === 'waiting' || ours);
    if (standIn && ['lost', 'late'].includes(this.#server.standIns)) return this.#lose(connection, this.#server.standIns === 'late');
    const inVain = waits && this.#server.expect === 'ignored';
    if (!standIn && (!waits || inVain)) this.#sendBody(request);
    const answer = await this.#answer(connection, { request, method, standIn, token, message, expects: waits && (expect || ours), chunked: chunked && !request.chunked, cookie: named('Cookie') });
    if (inVain && form.form === 'waiting') this.layers.at(-1)!.realm.paths.noteWaitedInVain(answer.head.status === 401);
    if (loss === 'behind') return this.#lose(connection);
    if (loss === 'between') connection.lost = true;
    const length = Number(answer.head.fields.find(({ name }) => name === 'Content-Length')?.value ?? 0);
    if (length > 0 && method !== 'HEAD') connection.unclean = 'an answer whose body was not read';
    if (!answer.head.persistent) connection.unclean = 'the last answer on its connection';
    if (request.bodyHeld && !standIn) connection.unclean = 'a request whose body is still to come';
    return answer;
  }

  #lose(connection: Connection, late = false): never {
    connection.lost = true;
    throw new ConnectionLost('lost', { late });
  }

  /** What there is of it, the first time or again. */
  #sendBody(request: ClientRequest): void {
    const whole = this.#bodies.get(request)!;
    if (request.hasBody) {
      if (!request.body.done) {
        request.body.take(whole);
        request.noteSent(whole);
      } else if (!Buffer.concat(request.sentBefore).equals(whole)) this.breaches.push('a body that is gone was promised again');
    }
    for (const layer of this.layers) layer.sent();
  }

  async #answer(
    connection: Connection,
    { request, method, standIn, token, message, expects, chunked, cookie }: {
      readonly request: ClientRequest; readonly method: string; readonly standIn: boolean; readonly token: Buffer; readonly message: 0 | 1 | 3;
      readonly expects: boolean; readonly chunked: boolean; readonly cookie: string | undefined;
    },
  ): Promise<Answer> {
    const { asks, chunks, expect, standIns, closes, page, keeps } = this.#server;
    const reply = (status: number, fields: readonly Field[], { last = false, length = 0 } = {}): Answer => {
      const all = [...fields, ...(last ? [{ name: 'Connection', value: 'close' }] : []), { name: 'Content-Length', value: String(length) }];
      const raw = Buffer.from(renderHead({ startLine: `HTTP/1.1 ${status} X`, fields: all }).replace('\r\n', '\r\nX-Written:so\r\n'), 'latin1');
      return { head: parseResponseHead(raw), raw, method };
    };
    if (chunked && chunks !== 'taken') return reply(chunks, [], { last: true });
    if (expects && expect === 417) return reply(417, [], { last: true });
    const challenge = (value: string, fields: readonly Field[] = []): Answer => {
      const last = (closes === 'the first' && value === 'NTLM' && message === 0) || (closes === 'a challenge' && message === 1) || (expects && expect === 'closes');
      return reply(401, [{ name: 'WWW-Authenticate', value: value === 'NTLM' ? this.offers : value }, ...fields, ...this.challengeFields], { last, length: page });
    };
    if (standIn && standIns === 'unframed') return { ...reply(401, []), head: { ...reply(401, []).head, fields: [{ name: 'Content-Length', value: 'x' }] } };
    const asked = !(standIn && standIns === 'open') && (asks === 'all' || (asks === 'writes' && !['GET', 'HEAD'].includes(request.method)));
    if (asked && message === 1) {
      connection.authenticated = false;
      connection.acceptor = new NtlmAcceptor({ credentials: ALICE });
      const type2 = Buffer.from(connection.acceptor.challenge(new Uint8Array(token))).toString('base64');
      return challenge(`NTLM ${type2}`, this.#server.cookie ? [{ name: 'Set-Cookie', value: `leg=${connection.id}` }] : []);
    }
    if (asked && message === 3) {
      if (connection.acceptor?.state !== 'challenged') this.breaches.push('a type 3 that no challenge asked for');
      else if (!this.#server.cookie || cookie?.includes(`leg=${connection.id}`)) connection.authenticated = (await connection.acceptor.authenticate(new Uint8Array(token))).ok;
    } else if (message === 0) connection.acceptor = undefined;
    if (asked && !connection.authenticated) return challenge('NTLM');
    if (!keeps) connection.authenticated = false;
    if (standIn) return reply(200, [], { length: page });
    if (request.bodyHeld) this.#sendBody(request);
    this.#handled.set(request, (this.#handled.get(request) ?? 0) + 1);
    return reply(this.#server.status, []);
  }

  async drain(answer: Answer, most: number): Promise<boolean> {
    const connection = this.#connection;
    const length = answer.method === 'HEAD' ? 0 : this.#lengthOf(answer);
    if (connection.lost || !answer.head.persistent || length > most) return false;
    if (connection.unclean === 'an answer whose body was not read') connection.unclean = undefined;
    return true;
  }

  #lengthOf({ head }: Answer): number {
    return Number(head.fields.find(({ name }) => name === 'Content-Length')?.value ?? 0);
  }

  endBody(): boolean {
    const { request, form } = this.#leg!;
    if (this.#connection.lost || !(form.chunked || request.chunked)) return false;
    if (this.#connection.unclean === 'a request whose body is still to come') this.#connection.unclean = undefined;
    for (const layer of this.layers) layer.sent();
    return true;
  }

  async bodySent(): Promise<void> {
    if (this.#connection.lost || this.stalls) throw new ConnectionLost('the body does not leave');
  }

  async isQuiet(milliseconds: number): Promise<boolean> {
    this.waits.push(milliseconds);
    return !this.#connection.lost;
  }

  async reconnect(): Promise<void> {
    this.#connection = this.#connect(this.layers.map(({ attempt }) => attempt));
  }

  deliver(answer: Answer, { forget }: { readonly forget: boolean }): void {
    if (this.#delivered !== undefined) this.breaches.push('two answers');
    this.#delivered = { answer, forget };
    this.#connection.unclean = undefined; // the client reads it to its end, or closes where it is told to
    if (forget || answer.raw.length === 0 || !parseResponseHead(answer.raw).persistent) this.#connection.lost = true;
  }
}
