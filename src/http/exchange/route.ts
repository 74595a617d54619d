import type { Socket } from 'node:net';
import type { LayerOptions } from '../authentication/layer-options.ts';
import type { RequestForm } from '../wire/request.ts';
import type { Teller } from './telling.ts';

/** Something under construction that can be given up. */
export interface Destroyable {
  destroy(): void;
}

/** What a connection under construction tells of, in net.Socket's words. */
export interface Progress {
  (event: 'lookup', ...found: unknown[]): void;
  /** TCP is there; TLS, and a tunnel, are still to come. */
  (event: 'connect'): void;
}

/** Told once: a connection that is ready for HTTP/1.1, or why there is none. */
export type Opened = (error: Error | null, socket?: Socket) => void;

/** Opens a connection; `progress` is told what comes before it. */
export type Open = (done: Opened, progress: Progress) => Destroyable | undefined;

/** How to get to the other end. */
export interface Route extends RequestForm {
  readonly open: Open;
  /** Whether that is TLS. */
  readonly secure: boolean;
  /** Those who may ask for authentication on it, the nearest first. */
  layers(socket: Socket): readonly LayerOptions[];
  readonly legTimeout: number;
  readonly answerTimeout: number;
  readonly maxRepeatableBody: number;
  readonly teller: Teller;
  /** Whether stand-ins may ask in place of requests. */
  readonly probe: boolean;
}
