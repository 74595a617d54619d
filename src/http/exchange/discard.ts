import type { Duplex } from 'node:stream';

/** Ends a connection that nobody wants to hear of any more: an error without a listener would end the process. */
export function discard(socket: Duplex): void {
  socket.on('error', () => {}).destroy();
}
