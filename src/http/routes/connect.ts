/** Connections under construction: opened, secured, given up. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { NtlmError } from '../../errors.ts';
import { http2Only } from '../wire/http2.ts';
import { hostOf, portOf } from './urls.ts';
import { discard } from '../exchange/discard.ts';
import type { Destroyable, Opened, Progress } from '../exchange/route.ts';

/** Whatever makes a connection: a function of this module or of the caller's. It calls back once, or never. */
export type Connector = (callback: (error: Error | null, socket?: Socket | null) => void) => void;

/** Opens a connection to where `url` points, with TLS for https. */
export function connectTo(url: URL, tls: ConnectionOptions, limit: number, done: Opened, progress: Progress): Destroyable {
  const host = hostOf(url);
  const port = portOf(url);
  const open = (): Socket =>
    url.protocol === 'https:'
      ? connectTls({ ...tls, host, port, ALPNProtocols: ['http/1.1'], ...(isIP(host) ? {} : { servername: host }) })
      : connectTcp({ host, port, noDelay: true });
  return openBy((callback) => callback(null, open()), { to: url.origin, limit }, done, progress);
}

export interface Opening {
  /** The origin at its end. */
  readonly to: string;
  /** Milliseconds for all of it. */
  readonly limit: number;
}

/**
 * Tells `done` once when the connection that `connector` makes can be used, or never can: it may be given before it is
 * open or secured, or not at all.
 *
 * It is told `http2-only` where TLS finds no other protocol.
 */
export function openBy(connector: Connector, { to, limit }: Opening, done: Opened, progress: Progress): Destroyable {
  let over = false;
  let socket: Socket | undefined;
  const end = (error: Error | null): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket?.off('lookup', onLookup).off('connect', onConnect).off('secureConnect', onReady).off('error', end).off('close', onClose);
    const wrong = wrongProtocol(to, error, socket);
    if (error === null && wrong === undefined) return done(null, socket);
    if (socket !== undefined) discard(socket);
    done(wrong ?? error);
  };
  const onReady = (): void => {
    if (socket !== undefined && !socket.destroyed && isReady(socket)) end(null);
  };
  const onLookup = (...found: unknown[]): void => progress('lookup', ...found);
  const onConnect = (): void => {
    progress('connect');
    onReady();
  };
  const onClose = (): void => end(closedEarly());
  const timer = setTimeout(() => end(tooSlow(socket)), limit);
  const onGiven = (error: Error | null, given?: Socket | null): void => {
    if (over) return given == null ? undefined : discard(given);
    if (given == null) return end(error ?? closedEarly());
    socket = given;
    if (isReady(socket)) return end(null);
    socket.on('lookup', onLookup).on('connect', onConnect).on('secureConnect', onReady).on('error', end).on('close', onClose);
  };
  try {
    connector(onGiven);
  } catch (error) {
    onGiven(error as Error);
  }
  return {
    destroy: () => {
      done = () => {};
      end(closedEarly());
    },
  };
}

/** Neither is there in a stream of another kind: it is taken as it is. */
function isReady(socket: Socket): boolean {
  return socket.connecting !== true && (socket as Partial<TLSSocket> & { secureConnecting?: boolean }).secureConnecting !== true;
}

const NO_COMMON_PROTOCOL = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';

/** What ALPN came to (RFC 7301 3.2): some refuse HTTP/1.1, others choose what was not offered, or was by the caller's own function. */
function wrongProtocol(to: string, error: NodeJS.ErrnoException | null, socket: Socket | undefined): NtlmError | undefined {
  if (error?.code === NO_COMMON_PROTOCOL) return http2Only(to, 'refuses HTTP/1.1 in ALPN', error);
  if (error !== null || (socket as Partial<TLSSocket> | undefined)?.alpnProtocol !== 'h2') return undefined;
  return http2Only(to, 'agrees on HTTP/2 in ALPN');
}

function closedEarly(): NtlmError {
  return new NtlmError('the connection was closed while it was opened', {
    code: 'connection-closed',
    phase: 'transport',
    side: 'peer',
  });
}

function tooSlow(socket: Socket | undefined): NtlmError {
  const what = socket !== undefined && !socket.connecting ? 'TLS handshake' : 'connection';
  return new NtlmError(`the ${what} took too long`, { code: 'timed-out', phase: 'transport', side: 'peer' });
}
