import type { Socket } from 'node:net';
import { Layer } from '../authentication/layer.ts';
import type { NtlmError } from '../../errors.ts';
import { ResponseReader, type Answer } from '../wire/response-reader.ts';
import { Outgoing } from './outgoing.ts';
import type { RequestQueue } from './request-queue.ts';
import type { Route } from './route.ts';
import type { ConnectionTelling } from './telling.ts';

export interface ConnectionParts {
  readonly socket: Socket;
  readonly route: Route;
  readonly queue: RequestQueue;
  readonly telling: ConnectionTelling;
  /** Handshakes that the connections before it spent on the request at hand, by layer. */
  readonly attempts: readonly number[];
}

export interface ConnectionSink {
  /** Bytes that are the client's. @returns whether it takes more. */
  flow(bytes: Buffer): boolean;
  /** An interim response that is the client's. */
  interim(raw: Buffer): void;
  /** A head went out. */
  sent(): void;
  answer(answer: Answer): void;
  /** A response went through unseen. */
  passed(): void;
  /** There is room for what waits. */
  released(): void;
  /** The connection is there, and of no more use. */
  failed(error: Error): void;
  /** A handshake failed that nobody waits for. */
  refused(error: NtlmError): void;
  timeout(): void;
  /** The other end is gone; of a head that was cut off, what there is of it. */
  lost(partial: Buffer, error: Error | undefined): void;
}

/** One connection to the other end: what reads it, what goes out on it, and those who may ask for authentication there. */
export class Connection {
  readonly socket: Socket;
  /** The nearest first. */
  readonly layers: readonly Layer[];
  readonly reader: ResponseReader;
  readonly outgoing: Outgoing;
  /** The other end has closed it. */
  lost = false;

  /** Throws what the caller's functions throw that the layers ask. */
  constructor({ socket, route, queue, telling, attempts }: ConnectionParts, sink: ConnectionSink) {
    this.socket = socket;
    this.layers = route
      .layers(socket)
      .map((options, index) => new Layer(options, attempts[index] ?? 1, (error) => sink.refused(error)));
    this.reader = new ResponseReader(
      {
        flow: (bytes) => void (sink.flow(bytes) || socket.pause()),
        interim: (raw) => this.outgoing.interim(raw),
        answer: (answer) => sink.answer(answer),
        passed: () => {
          sink.passed();
          for (const layer of this.layers) layer.notePassed();
        },
        failed: (error) => sink.failed(error),
        pause: () => socket.pause(),
        resume: () => socket.resume(),
      },
      route.legTimeout,
    );
    this.outgoing = new Outgoing(
      { socket, queue, reader: this.reader, layers: this.layers, limits: route },
      {
        sent: (head) => {
          sink.sent();
          telling.sent(head);
        },
        interim: (raw) => sink.interim(raw),
        released: () => sink.released(),
        failed: (error) => sink.failed(error),
      },
    );
    const onLost = (error?: Error): void => {
      this.lost = true;
      telling.closed(error);
      sink.lost(this.reader.end(), error);
    };
    socket
      .on('data', (bytes: Buffer) => {
        telling.received(bytes);
        this.reader.push(bytes);
      })
      .on('drain', () => sink.released())
      .on('timeout', () => sink.timeout())
      .on('error', onLost)
      .on('end', () => onLost())
      .on('close', () => onLost());
  }

  /**
   * Whether it lives, and nothing came that no request has asked for: between an answer's end and the next request, whose
   * answer it would be taken for. What the system holds by then is read first. `milliseconds`: how much longer to wait.
   */
  async isQuiet(milliseconds: number): Promise<boolean> {
    this.reader.hold();
    this.socket.resume(); // a paused one does not tell of its end
    if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate); // a turn that had begun may be past its reading
    return !this.lost && this.reader.isQuiet;
  }

  /** Lets go of the socket, which is then whosoever's. */
  release(): void {
    this.socket.removeAllListeners();
    this.reader.end();
    this.outgoing.close();
    for (const layer of this.layers) layer.close();
  }
}
