import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { NtlmAcceptor, type AcceptorOptions } from '../../../src/acceptor/index.ts';
import { SpnegoAcceptor, decodeSpnegoToken, encodeNegTokenResp, type SpnegoAcceptorStep } from '../../../src/spnego/index.ts';
import { ALICE, BOB } from './origin.ts';

/** What becomes of a token of the client's. */
export interface Verdict {
  /** 0: the status of one who asks. */
  readonly status: number;
  /** Where it goes: the scheme's token, as bytes or as it stands. */
  readonly token: Uint8Array | string | undefined;
  /** The challenges beside the token; without a token, those of the options unless others are given here. */
  readonly offers?: readonly string[];
  /** Whether the connection ends with the answer. */
  readonly close?: boolean;
}

export interface NegotiatorOptions {
  /** Values of the challenge field; default `['Negotiate']`. */
  readonly offers?: readonly string[];
  readonly proxy?: boolean;
  /** Answers NTLM messages without SPNEGO, whatever the client speaks. */
  readonly bare?: boolean;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly acceptor?: Partial<AcceptorOptions>;
  /** Says something else than the acceptor would. */
  readonly amend?: (verdict: Verdict, step: SpnegoAcceptorStep['state'], scheme: string) => Verdict;
  /** The field in which a 200 carries its token; default: that of the challenge. */
  readonly finalField?: string;
}

interface State {
  readonly acceptor: SpnegoAcceptor;
  readonly bare: NtlmAcceptor;
  user: string | undefined;
}

/** A server of SPNEGO, on loopback, that remembers what it saw. */
export class Negotiator implements AsyncDisposable {
  /** Of each request: scheme and kind of its token. */
  readonly seen: string[] = [];
  /** Bodies that the handler got, with the user. */
  readonly handled: string[] = [];
  /** Channels that accepted clients stated. */
  readonly bound: boolean[] = [];
  readonly sockets = new Set<Socket>();
  /** Opened so far. */
  connections = 0;
  readonly #options: NegotiatorOptions;
  readonly #server;
  #states = new WeakMap<object, State>();

  constructor(options: NegotiatorOptions) {
    this.#options = options;
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
    this.#server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  static async listen(options: NegotiatorOptions = {}): Promise<Negotiator> {
    const negotiator = new Negotiator(options);
    await new Promise<void>((resolve) => negotiator.#server.listen(0, '127.0.0.1', resolve));
    return negotiator;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  }

  /** Connections live on, and nobody is authenticated. */
  forget(): void {
    this.#states = new WeakMap();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #state(socket: object): State {
    let state = this.#states.get(socket);
    if (state === undefined) {
      const options: AcceptorOptions = {
        target: { nbDomainName: 'CORP', nbComputerName: 'WEB' },
        credentials: ({ username }) => [ALICE, BOB].find((user) => user.username === username),
        ...this.#options.acceptor,
      };
      state = { acceptor: new SpnegoAcceptor(options), bare: new NtlmAcceptor(options), user: undefined };
      this.#states.set(socket, state);
    }
    return state;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { proxy = false, offers = ['Negotiate'], amend = (verdict) => verdict, finalField } = this.#options;
    const field = proxy ? 'proxy-authenticate' : 'www-authenticate';
    const state = this.#state(request.socket);
    let body = '';
    for await (const part of request.setEncoding('latin1')) body += part as string;

    const [scheme = '', base64] = (request.headers[proxy ? 'proxy-authorization' : 'authorization'] ?? '').split(' ');
    const token = base64 === undefined ? undefined : new Uint8Array(Buffer.from(base64, 'base64'));
    this.seen.push(token === undefined ? 'none' : `${scheme} ${decodeSpnegoToken(token).type}`);
    let verdict: Verdict = { status: state.user === undefined ? 0 : 200, token: undefined };
    if (token !== undefined) {
      const step = this.#options.bare ? await this.#bare(token, state) : await this.#negotiate(token, state);
      verdict = amend({ status: step.state === 'accepted' ? 200 : 0, token: step.token }, step.state, scheme);
    }
    const refused = verdict.status === 0;
    if (verdict.token !== undefined) {
      const text = typeof verdict.token === 'string' ? verdict.token : Buffer.from(verdict.token).toString('base64');
      response.setHeader(refused ? field : (finalField ?? field), [`${scheme} ${text}`, ...(verdict.offers ?? [])]);
    } else if (refused) response.setHeader(field, [...(verdict.offers ?? offers)]);
    if (verdict.close) response.setHeader('Connection', 'close');
    if (!refused) this.handled.push(`${state.user}: ${body}`);
    response.writeHead(refused ? (proxy ? 407 : 401) : verdict.status);
    response.end(refused ? 'no' : state.user);
  }

  async #negotiate(token: Uint8Array, state: State): Promise<SpnegoAcceptorStep> {
    const { type } = decodeSpnegoToken(token);
    const opens = type === 'init' || (type === 'raw-ntlmssp' && token[8] === 1);
    if (opens) state.acceptor.reset();
    const { result } = state.acceptor.actor.getSnapshot().context;
    if (result !== undefined) return { state: 'accepted', token: encodeNegTokenResp({ negState: 'accept-completed' }), result };
    const step = await state.acceptor.accept(token);
    if (step.state === 'accepted') {
      state.user = step.result.identity.username;
      this.bound.push(step.result.channelBindings);
    }
    return step;
  }

  async #bare(token: Uint8Array, state: State): Promise<SpnegoAcceptorStep> {
    const decoded = decodeSpnegoToken(token);
    if (decoded.type === 'init') return { state: 'continue', token: state.bare.challenge(decoded.mechToken!) };
    const result = await state.bare.authenticate(token);
    if (!result.ok) return { ...result, state: 'refused', mechanism: 'NTLM', token: undefined };
    state.user = result.identity.username;
    return { state: 'accepted', token: undefined, result };
  }
}
