import type { Socket } from 'node:net';
import type { LayerOptions } from '../authentication/layer-options.ts';
import type { RequestForm } from '../wire/request.ts';
import type { Progress } from './socket-facade.ts';
import type { Teller } from './telling.ts';

/** Something under construction that can be given up. */
export interface Destroyable {
  destroy(): void;
}

/** How to get to the other end. */
export interface Route extends RequestForm {
  /** Opens a connection that is ready for HTTP/1.1, and says so once; `progress` is told what comes before. */
  open(done: (error: Error | null, socket?: Socket) => void, progress: Progress): Destroyable | undefined;
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
