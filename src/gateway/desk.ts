/** Where every request of a client arrives: admitted, moved, told. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ClientTokens, objectionToForm, type Objection } from './admission.ts';
import { failureOf, refuse, refuseSocket, type Failure } from './failure.ts';
import { asksForConnection } from './fields.ts';
import { join } from './join.ts';
import type { GatewayEntry } from './log.ts';
import type { Mode, Plan } from './mode.ts';
import type { GatewaySettings } from './options.ts';
import { Pins } from './pins.ts';
import { relay, type Candidate, type Relayed } from './relay.ts';
import { openUpgrade } from './upgrade.ts';

type Told = Pick<GatewayEntry, 'way'> & Omit<Relayed, 'legs'> & { readonly legs?: number };

type Refused = (failure: Failure, fields?: Record<string, string>) => void;

export class Desk {
  readonly #settings: GatewaySettings;
  readonly #mode: Mode;
  readonly #tokens: ClientTokens | undefined;
  readonly #pins = new Pins();

  constructor(settings: GatewaySettings, mode: Mode) {
    this.#settings = settings;
    this.#mode = mode;
    this.#tokens = settings.clientTokens && new ClientTokens(settings.clientTokens);
  }

  /** Never rejects. */
  async request(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    const tell = this.#clock(request);
    const refused: Refused = (failure, fields = {}) => {
      for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
      refuse(response, failure);
      tell({ way: 'none', status: failure.status, reason: failure.reason });
    };
    const plan = await this.#admit(request, refused);
    if (plan === undefined) return;
    if (this.#bringsCredentials(request)) this.#pins.pin(request.socket);
    const { maxBodyLength, idleTimeout } = this.#settings.limits;
    const way = this.#pins.isPinned(request.socket) ? 'pinned' : 'pooled';
    const relayed = await relay(request, response, {
      candidates: this.#candidates(request.socket, plan),
      expectsContinue,
      maxBodyLength,
      idleTimeout,
      onAnswer: (answer) => {
        if (asksForConnection(answer)) this.#pins.pin(request.socket);
        return plan.incoming(answer);
      },
    });
    tell({ ...relayed, way });
  }

  /** A tunnel (RFC 9110 9.3.6). Never rejects. */
  async connect(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const { tell, refused } = this.#receive(request, client);
    const plan = await this.#admit(request, refused);
    if (plan === undefined) return;
    let failure: Failure = failureOf(undefined);
    for (const way of plan.ways) {
      try {
        const { fields } = plan.outgoing(way);
        const tunnel = await way.tunnel(request.url ?? '', fields);
        this.#mode.noteOpen(way);
        if (tunnel.kind === 'refused') return refused(refusedTunnel(tunnel.answer, way.name));
        if (client.destroyed) return void tunnel.socket.destroy();
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (tunnel.head.length > 0) client.write(tunnel.head);
        await join(client, tunnel.socket, head, this.#settings.limits.idleTimeout);
        return tell({ way: 'tunnel', status: 200, legs: tunnel.legs });
      } catch (error) {
        failure = failureOf(error);
        this.#mode.noteUnreachable(way);
      }
    }
    refused(failure);
  }

  /** Another protocol on the connection (RFC 9110 7.8). Never rejects. */
  async upgrade(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const { tell, refused } = this.#receive(request, client);
    const plan = await this.#admit(request, refused);
    if (plan === undefined) return;
    if (this.#bringsCredentials(request)) this.#pins.pin(request.socket);
    const { status, legs, reason } = await openUpgrade(request, client, head, this.#candidates(request.socket, plan), plan.incoming, this.#settings.limits.idleTimeout);
    tell({ way: 'tunnel', status, legs, reason });
  }

  /** A request whose socket is no longer HTTP's. */
  #receive(request: IncomingMessage, client: Duplex): { tell: (told: Told) => void; refused: Refused } {
    const tell = this.#clock(request);
    client.on('error', () => client.destroy());
    const refused: Refused = (failure, fields = {}) => {
      refuseSocket(client, failure, fields);
      tell({ way: 'none', status: failure.status, reason: failure.reason });
    };
    return { tell, refused };
  }

  /** @returns the ways of a request that may go on; whoever may not has been told why. */
  async #admit(request: IncomingMessage, refused: Refused): Promise<Plan | undefined> {
    const objection = objectionToForm(request) ?? this.#mode.objection(request) ?? this.#objectionToClient(request);
    if (objection !== undefined) {
      const { status, reason } = objection;
      refused({ status, error: status === 508 ? 'proxy_loop_detected' : 'http_request_denied', reason }, this.#question(objection));
      return undefined;
    }
    try {
      return await this.#mode.plan(request);
    } catch (error) {
      refused(failureOf(error));
      return undefined;
    }
  }

  #objectionToClient({ headers }: IncomingMessage): Objection | undefined {
    if (this.#tokens === undefined || this.#tokens.admits(headers[this.#mode.tokenField])) return undefined;
    return { status: this.#mode.tokenStatus, reason: 'this gateway wants one of its tokens, as the password of Basic' };
  }

  #question({ status }: Objection): Record<string, string> {
    return status === this.#mode.tokenStatus ? { [this.#mode.tokenChallenge]: 'Basic realm="ntlmachine gateway", charset="UTF-8"' } : {};
  }

  /** An Authorization that goes on is about the connection it arrives on, or may be. */
  #bringsCredentials({ headers }: IncomingMessage): boolean {
    return headers.authorization !== undefined && !(this.#tokens !== undefined && this.#mode.tokenField === 'authorization');
  }

  #candidates(client: Socket, plan: Plan): Candidate[] {
    return plan.ways.map((way) => ({
      connections: this.#pins.connections(client, way),
      ...plan.outgoing(way),
      onOpen: () => this.#mode.noteOpen(way),
      onUnreachable: () => this.#mode.noteUnreachable(way),
    }));
  }

  /** Starts the clock of one exchange. @returns what tells of it, once. */
  #clock(request: IncomingMessage): (told: Told) => void {
    const { onExchange } = this.#settings;
    if (onExchange === undefined) return () => {};
    const [time, start] = [Date.now(), performance.now()];
    return ({ status, reason, way, legs = 0 }) =>
      onExchange({
        time,
        method: request.method ?? '',
        host: this.#mode.hostOf(request),
        status,
        legs,
        milliseconds: Math.round(performance.now() - start),
        way,
        reason,
      });
  }
}

function refusedTunnel({ statusCode = 0, statusMessage = '' }: IncomingMessage, name: string): Failure {
  const status = statusCode === 407 || statusCode < 400 ? 502 : statusCode;
  return { status, error: 'http_request_denied', reason: `${name} opened no tunnel: ${statusCode} ${statusMessage}` };
}
