/** Where every request of a client arrives: admitted, moved, told. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ClientTokens, objectionToForm, type Objection } from './admission.ts';
import { failureOf, refuse, refuseSocket, type Failure } from './failure.ts';
import { asksForConnection } from './fields.ts';
import { LEFT, waiting, type Waiting } from './leaving.ts';
import type { GatewayEntry } from './log.ts';
import type { Mode, Plan } from './mode.ts';
import type { GatewaySettings } from './options.ts';
import { Pins } from './pins.ts';
import { relay, type Candidate, type Relayed } from './relay.ts';
import { openTunnel } from './tunnel.ts';
import { Turns } from './turns.ts';
import { openUpgrade } from './upgrade.ts';
import type { Way } from './way.ts';

type Told = Pick<GatewayEntry, 'way'> & Omit<Relayed, 'legs'> & { readonly legs?: number };

/** Ends an exchange, and tells of it. */
interface Ends {
  readonly tell: (told: Told) => void;
  readonly refused: (failure: Failure, fields?: Record<string, string>) => void;
}

export class Desk {
  readonly #settings: GatewaySettings;
  readonly #mode: Mode;
  readonly #tokens: ClientTokens | undefined;
  readonly #pins = new Pins();
  readonly #turns = new Turns();

  constructor(settings: GatewaySettings, mode: Mode) {
    this.#settings = settings;
    this.#mode = mode;
    this.#tokens = settings.clientTokens && new ClientTokens(settings.clientTokens);
  }

  /** Never rejects. */
  request(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    return this.#turns.take(request.socket, () => this.#relay(request, response, expectsContinue));
  }

  async #relay(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    const tell = this.#clock(request);
    const refused: Ends['refused'] = (failure, fields = {}) => {
      for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
      refuse(response, failure);
      tell({ way: 'none', status: failure.status, reason: failure.reason });
    };
    const plan = await this.#admit(request, { tell, refused });
    if (plan === undefined) return;
    if (this.#bringsCredentials(request)) this.#pins.pin(request.socket);
    const way = this.#pins.isPinned(request.socket) ? 'pinned' : 'pooled';
    const relayed = await relay(request, response, {
      candidates: this.#candidates(request.socket, plan),
      expectsContinue,
      maxBodyLength: this.#settings.limits.maxBodyLength,
      onAnswer: (answer) => {
        if (asksForConnection(answer)) this.#pins.pin(request.socket);
        return plan.incoming(answer);
      },
    });
    tell({ ...relayed, way });
  }

  /** A tunnel (RFC 9110 9.3.6). Never rejects. */
  connect(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    return this.#switch(request, client, head, (plan, wait) => {
      const candidates = plan.ways.map((way) => ({ way, fields: plan.outgoing(way).fields, ...this.#notes(way) }));
      return openTunnel(request.url ?? '', client, head, wait, candidates, this.#settings.limits.idleTimeout);
    });
  }

  /** Another protocol on the connection (RFC 9110 7.8). Never rejects. */
  upgrade(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    return this.#switch(request, client, head, (plan, wait) => {
      if (this.#bringsCredentials(request)) this.#pins.pin(request.socket);
      return openUpgrade(request, client, head, wait, this.#candidates(request.socket, plan), plan.incoming, this.#settings.limits.idleTimeout);
    });
  }

  /** A request whose socket is no longer HTTP's. */
  async #switch(request: IncomingMessage, client: Duplex, head: Buffer, open: (plan: Plan, wait: Waiting) => Promise<Relayed>): Promise<void> {
    const tell = this.#clock(request);
    client.on('error', () => client.destroy());
    const wait = waiting(client, head);
    const refused: Ends['refused'] = (failure, fields = {}) => {
      refuseSocket(client, failure, fields);
      tell({ way: 'none', status: failure.status, reason: failure.reason });
    };
    await this.#turns.take(request.socket, async () => {
      const plan = await this.#admit(request, { tell, refused });
      if (plan === undefined) return;
      const opened = await open(plan, wait);
      tell({ way: opened.reason === undefined ? 'tunnel' : 'none', ...opened });
    });
  }

  /** @returns the ways of a request that may go on; of any other the end is told. */
  async #admit(request: IncomingMessage, { tell, refused }: Ends): Promise<Plan | undefined> {
    if (request.socket.destroyed) return void tell({ way: 'none', ...LEFT });
    const objection = objectionToForm(request) ?? this.#mode.objection(request) ?? this.#objectionToClient(request);
    if (objection !== undefined) {
      const { status, reason } = objection;
      refused({ status, error: status === 508 ? 'proxy_loop_detected' : 'http_request_denied', reason }, this.#question(objection));
      return undefined;
    }
    try {
      const plan = await this.#mode.plan(request);
      if (!request.socket.destroyed) return plan;
      tell({ way: 'none', ...LEFT });
    } catch (error) {
      refused(failureOf(error));
    }
    return undefined;
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
      ...this.#notes(way),
    }));
  }

  #notes(way: Way): { readonly onOpen: () => void; readonly onUnreachable: () => void } {
    return { onOpen: () => this.#mode.noteOpen(way), onUnreachable: () => this.#mode.noteUnreachable(way) };
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
