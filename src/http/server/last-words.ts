/** The last answer on a connection: what still comes is read away for a while, so that it is not lost to a reset. */
import type { Duplex, Readable } from 'node:stream';

/** Milliseconds for a client to read it. */
const LINGER = 1_000;

/** Ends a connection that node's server has given away. */
export function endGently(socket: Duplex): void {
  socket.on('error', () => void socket.destroy());
  socket.end();
  socket.resume();
  const linger = (): void => void setTimeout(() => void socket.destroy(), LINGER).unref();
  if (socket.writableFinished) linger();
  else socket.once('finish', linger);
}

/** Calls back when a body is over, or has taken long enough. */
export function readAway(body: Readable, over: () => void): void {
  const timer = setTimeout(over, LINGER).unref();
  body.resume().once('close', () => {
    clearTimeout(timer);
    over();
  });
}
