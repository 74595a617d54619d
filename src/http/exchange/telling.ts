/**
 * What carriers tell of their connections, to whoever listens: over the diagnostics channel `ntlmachine:http`, always
 * masked; and to a sink that holds the carrier itself, whole if it asks. While nobody listens it costs a look at a number.
 */
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { Layer } from '../authentication/layer.ts';
import { NtlmError } from '../../errors.ts';
import { toldRequest, toldResponse } from '../wire/told-head.ts';
import { HeadReader, type MessageHead } from '../wire/head.ts';
import { observeSteps, type ToldStep } from './telling-steps.ts';

export const HTTP_CHANNEL = 'ntlmachine:http';
const channel = diagnostics.channel(HTTP_CHANNEL);

interface About {
  readonly carrier: number;
  readonly connection: number;
  readonly time: number;
}

/** What happened on a connection. Times are in milliseconds since 1970. */
export type HttpEvent = About & (
  | {
      readonly type: 'open';
      /** `https://host:port` of the server or proxy that may ask for authentication first. */
      readonly origin: string;
      readonly side: 'server' | 'proxy';
      readonly tls: boolean;
    }
  | { readonly type: 'request'; readonly head: MessageHead }
  /** `1xx` are not told. */
  | { readonly type: 'response'; readonly head: MessageHead }
  | ({ readonly type: 'step' } & ToldStep)
  /** `code` of the error, of Node or of this library, where there was one. */
  | { readonly type: 'close'; readonly code?: string }
);

export interface HttpSink {
  readonly whole: boolean;
  readonly tell: (event: HttpEvent) => void;
}

let carriers = 0;
let connections = 0;

/** One for each agent, dispatcher or fetch. */
export class Teller {
  readonly id = ++carriers;
  readonly #sinks = new Set<HttpSink>();

  get heard(): boolean {
    return channel.hasSubscribers || this.#sinks.size > 0;
  }

  /** @returns what ends it. */
  listen(sink: HttpSink): () => void {
    this.#sinks.add(sink);
    return () => void this.#sinks.delete(sink);
  }

  connection(): ConnectionTelling {
    return new ConnectionTelling(this);
  }

  tell(event: HttpEvent): void {
    if (channel.hasSubscribers) channel.publish(event);
    for (const { tell } of this.#sinks) tell(event);
  }

  /** A head is made once for each form that somebody wants. */
  tellHead(type: 'request' | 'response', connection: number, bytes: Buffer): void {
    const form = type === 'request' ? toldRequest : toldResponse;
    const make = (whole: boolean): HttpEvent => ({ carrier: this.id, connection, time: Date.now(), type, head: form(bytes, whole) });
    let masked: HttpEvent | undefined;
    if (channel.hasSubscribers) channel.publish((masked = make(false)));
    for (const { whole, tell } of this.#sinks) tell(whole ? make(true) : (masked ??= make(false)));
  }
}

const tellers = new WeakMap<object, Teller>();

/** So that whoever holds a carrier can listen to it. */
export function tellsBy(carrier: object, teller: Teller): void {
  tellers.set(carrier, teller);
}

export function tellerOf(carrier: object): Teller | undefined {
  return tellers.get(carrier);
}

/** The telling of the connections beneath one socket, one after the other: it sees what the socket writes and reads. */
export class ConnectionTelling {
  readonly #teller: Teller;
  #id = 0;
  #peer: Omit<Extract<HttpEvent, { type: 'open' }>, 'type' | keyof About> | undefined;
  /** Of the head that is awaited. */
  #reader: HeadReader | undefined;
  #told = false;

  constructor(teller: Teller) {
    this.#teller = teller;
  }

  /** A connection is there, the first or in the place of another. At least one may ask for authentication on it. */
  opened(socket: Socket, layers: readonly Layer[]): void {
    const { origin, side } = layers[0]!.realm;
    this.#peer = { origin, side, tls: 'encrypted' in socket };
    this.#id = ++connections;
    if (!this.#teller.heard) return;
    this.#open();
    for (const layer of layers) {
      observeSteps(layer.observed(), layer.realm.side, (step) => this.#teller.tell({ ...this.#about(), type: 'step', ...step }));
    }
  }

  /** A head as text, a character a byte. */
  sent(head: string): void {
    if (!this.#teller.heard) return;
    this.#open();
    this.#teller.tellHead('request', this.#id, Buffer.from(head, 'latin1'));
    this.#reader = new HeadReader('peer');
  }

  received(bytes: Buffer): void {
    if (this.#reader === undefined) return;
    try {
      for (let whole = this.#reader.read(bytes); whole !== undefined; whole = this.#reader.read(whole.rest)) {
        if (isInterim(whole.raw)) continue;
        this.#reader = undefined;
        return this.#teller.tellHead('response', this.#id, whole.raw);
      }
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
      this.#reader = undefined; // no head for anybody: the socket's own reader says so
    }
  }

  /** The other end, or this one, has ended it. */
  closed(error?: Error | null): void {
    this.#reader = undefined;
    if (!this.#told) return;
    this.#told = false;
    const { code } = (error ?? {}) as NodeJS.ErrnoException;
    this.#teller.tell({ ...this.#about(), type: 'close', ...(typeof code === 'string' ? { code } : {}) });
  }

  #open(): void {
    if (this.#told || this.#peer === undefined) return;
    this.#told = true;
    this.#teller.tell({ ...this.#about(), type: 'open', ...this.#peer });
  }

  #about(): About {
    return { carrier: this.#teller.id, connection: this.#id, time: Date.now() };
  }
}

/** `HTTP/1.1 1xx`, but for 101. */
function isInterim(head: Buffer): boolean {
  return head[9] === 0x31 && head.toString('latin1', 9, 12) !== '101';
}
