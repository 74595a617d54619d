import type { Layer } from '../authentication/layer.ts';
import type { Field } from '../wire/head.ts';
import type { ClientRequest } from '../wire/request.ts';
import type { Answer } from '../wire/response-reader.ts';
import type { Form } from './what-may-go.ts';

/** What the legs need of the socket they go over. */
export interface LegCarrier {
  /** Of the connection beneath, the nearest first; others after `reconnect`. */
  readonly layers: readonly Layer[];
  /** Whether the caller allows stand-ins. */
  readonly probe: boolean;
  /** Sends the request in this form. Rejects with {@link ConnectionLost}. */
  exchange(request: ClientRequest, credentials: readonly Field[], how: LegForm): Promise<Answer>;
  /** Reads the body of an answer, up to `most` bytes of it. Resolves with whether the connection can go on behind it. */
  drain(answer: Answer, most: number): Promise<boolean>;
  /** Says that no more of the body follows, where that can be said. @returns whether the request is complete. */
  endBody(): boolean;
  /** Resolves when the body of the request is out. Rejects with {@link ConnectionLost}. */
  bodySent(): Promise<void>;
  /** Waits a moment for a connection that is about to close, or for bytes that nobody asked for. Resolves with whether neither came. */
  isQuiet(milliseconds: number): Promise<boolean>;
  /** Replaces the connection beneath. */
  reconnect(): Promise<void>;
  /** Gives the client an answer. `forget`: the body of the request that is still to come is not wanted. */
  deliver(answer: Answer, how: { readonly forget: boolean }): void;
}

/** How a request goes out. */
export interface LegForm {
  readonly form: Form;
  /** Of a request whose body waits: whether it says Expect (RFC 9110 10.1.1). */
  readonly expect: boolean;
  /** Of the same: whether its body is announced in chunks, whatever the client announced. */
  readonly chunked: boolean;
}

/** As the client wrote it. */
export const AS_IT_IS: LegForm = { form: 'whole', expect: false, chunked: false };

/** The connection was lost, or is of no use any more, while something was awaited from it. */
export class ConnectionLost extends Error {
  /** Whether the request may have reached the other end. */
  readonly sent: boolean;
  /** Whether a limit of time was why. */
  readonly late: boolean;

  constructor(why?: string, { sent = true, late = false }: { readonly sent?: boolean; readonly late?: boolean } = {}) {
    super(why ?? 'the connection was closed between the legs of the handshake, or before its answer');
    this.sent = sent;
    this.late = late;
  }
}
