/** What forward and reverse have in common: who may ask, and which ways a request takes. */
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Objection } from './admission.ts';
import type { RawFields } from './fields.ts';
import type { Teller } from '../http/exchange/telling.ts';
import type { Way } from './way.ts';

/** A request as it is to leave. */
export interface Plan {
  /** In this order. */
  readonly ways: readonly Way[];
  /** Fields are end to end, here and below. */
  readonly outgoing: (way: Way) => { readonly path: string; readonly fields: RawFields; readonly options: RequestOptions };
  /** Fields of an answer as the client gets them. */
  readonly incoming: (answer: IncomingMessage) => RawFields;
}

export interface Mode {
  /** Where clients prove themselves: the field with their token, and how they are asked for it. */
  readonly tokenField: 'authorization' | 'proxy-authorization';
  readonly tokenStatus: 401 | 407;
  readonly tokenChallenge: 'WWW-Authenticate' | 'Proxy-Authenticate';
  /** Tells of the connections that this gateway authenticates. */
  readonly teller: Teller | undefined;
  /** Host and port that a request is for, as it says. */
  hostOf(request: IncomingMessage): string;
  /** Why it goes no further. */
  objection(request: IncomingMessage): Objection | undefined;
  /** Rejects where there is no way. */
  plan(request: IncomingMessage): Promise<Plan>;
  noteOpen(way: Way): void;
  noteUnreachable(way: Way): void;
  close(): void;
}
