import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { NtlmError } from '../../errors.ts';
import { openBy } from './connect.ts';
import { renderHead, valuesOf, type ResponseHead } from '../wire/head.ts';
import type { ProxySettings } from './settings.ts';
import { hostOf, portOf } from './urls.ts';
import { explainRefusal } from '../authentication/refusal.ts';
import { discard } from '../exchange/discard.ts';
import type { Destroyable, Opened, Progress, Route } from '../exchange/route.ts';
import { NtlmSocket } from '../exchange/socket.ts';

/** Connections that one tunnel may cost beyond those of its handshake. */
const MAX_ATTEMPTS = 3;

export interface TunnelOptions {
  /** To the proxy, and through its authentication. */
  readonly route: Route;
  readonly proxy: Pick<ProxySettings, 'url' | 'headers'>;
  /** Of the server behind. */
  readonly origin: URL;
  readonly tls: ConnectionOptions;
}

/** A TLS connection through a proxy (RFC 9110 9.3.6); the proxy authenticates the connection before TLS begins. */
export function openTunnel(
  { route, proxy: { url: proxy, headers }, origin, tls }: TunnelOptions,
  done: Opened,
  progress: Progress,
): Destroyable {
  const host = hostOf(origin);
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${portOf(origin)}`;
  let socket: NtlmSocket;
  let underway: Destroyable;
  let attempts = 0;

  const ask = (): void => {
    attempts += 1;
    underway = socket = new NtlmSocket(route, onHead);
    socket.on('lookup', (...found: unknown[]) => progress('lookup', ...found)).once('connect', () => progress('connect'));
    socket.once('error', onError).once('end', onEnd).resume(); // what else comes is not for anybody
    const fields = [{ name: 'Host', value: authority }, ...headers];
    socket.write(renderHead({ startLine: `CONNECT ${authority} HTTP/1.1`, fields }), 'latin1');
  };
  const fail = (error: Error): void => {
    socket.off('end', onEnd);
    socket.destroy();
    done(error);
  };
  /** A CONNECT without an answer has had no effect (RFC 9110 9.3.6). */
  const onEnd = (): void => {
    if (attempts === MAX_ATTEMPTS) return fail(proxyRefused(proxy, authority, 'by closing the connection'));
    discard(socket.off('error', onError).off('end', onEnd));
    ask();
  };
  const onError = (error: Error): void => {
    const isReset = socket.legs > 0 && !(error instanceof NtlmError);
    if (isReset) onEnd();
    else fail(error);
  };
  const onHead = (head: ResponseHead): void => {
    if (head.status < 200 || head.status >= 300) {
      const headers = Object.fromEntries(['proxy-status', 'proxy-authenticate'].map((name) => [name, valuesOf(head, name)]));
      const why = explainRefusal({ status: head.status, headers });
      return fail(proxyRefused(proxy, authority, `with status ${head.status}${why ? `: ${why.message}` : ''}`));
    }
    socket.off('end', onEnd).off('error', onError);
    const inner = socket.detach();
    if (inner === undefined) return fail(proxyRefused(proxy, authority, 'by closing the connection'));
    const servername = tls.servername ?? (isIP(host) ? undefined : host);
    const secure = (): Socket => connectTls({ ...tls, ALPNProtocols: ['http/1.1'], host, socket: inner, servername });
    const onSecured: Opened = (error, secured) => {
      if (error !== null) discard(inner); // where TLS took none of the options it is nobody's
      done(error, secured);
    };
    underway = openBy((opened) => opened(null, secure()), { to: origin.origin, limit: route.legTimeout }, onSecured, progress);
  };
  ask();
  return { destroy: () => underway.destroy() };
}

function proxyRefused(proxy: URL, authority: string, how: string): NtlmError {
  return new NtlmError(`the proxy ${proxy.origin} answered the request for a tunnel to ${authority} ${how}`, {
    code: 'proxy-refused',
    phase: 'transport',
    side: 'peer',
  });
}
