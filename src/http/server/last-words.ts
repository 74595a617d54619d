/** The last answer on a connection that node's server has given away. */
import type { Duplex } from 'node:stream';

/** Milliseconds for a client to read it. */
const LINGER = 1_000;

/** Ends it, without a reset that the answer would be lost to: what still comes is read away for a while. */
export function endGently(socket: Duplex): void {
  socket.on('error', () => void socket.destroy());
  socket.end();
  socket.resume();
  const linger = (): void => void setTimeout(() => void socket.destroy(), LINGER).unref();
  if (socket.writableFinished) linger();
  else socket.once('finish', linger);
}
