/** Connections under construction: opened, secured, given up. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { NtlmError } from '../../errors.ts';
import { hostOf, portOf } from './origins.ts';
import type { Destroyable, Route } from '../exchange/socket.ts';

/** Opens a connection to where `url` points, with TLS for https. */
export function connectTo(
  url: URL,
  tls: ConnectionOptions,
  limit: number,
  done: Parameters<Route['open']>[0],
): Destroyable {
  const host = hostOf(url);
  const port = portOf(url);
  const secure = url.protocol === 'https:';
  const socket = secure
    ? connectTls({ ...tls, host, port, ALPNProtocols: ['http/1.1'], ...(isIP(host) ? {} : { servername: host }) })
    : connectTcp({ host, port, noDelay: true });
  return whenReady(socket, secure, limit, done);
}

/** Tells `done` once when a socket under construction can be used, or never can; `limit`: milliseconds. */
export function whenReady(
  socket: Socket,
  secure: boolean,
  limit: number,
  done: Parameters<Route['open']>[0],
): Destroyable {
  const ready = secure ? 'secureConnect' : 'connect';
  const slow = (): void =>
    void socket.destroy(tooSlow(secure ? 'TLS handshake' : 'connection'));
  const timer = setTimeout(slow, limit);
  const onReady = (): void => {
    clearTimeout(timer);
    socket.off('error', onError);
    done(null, socket);
  };
  const onError = (error: Error): void => {
    clearTimeout(timer);
    socket.off(ready, onReady);
    done(error);
  };
  socket.once(ready, onReady).once('error', onError);
  return {
    destroy: () => {
      clearTimeout(timer);
      socket.off(ready, onReady).off('error', onError);
      socket.on('error', () => {}); // given up: nobody listens any more
      socket.destroy();
    },
  };
}

function tooSlow(what: string): NtlmError {
  return new NtlmError(`the ${what} took too long`, { code: 'timed-out', phase: 'transport', side: 'peer' });
}
