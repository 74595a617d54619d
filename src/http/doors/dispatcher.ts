import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Agent, buildConnector } from 'undici';
import { openBy } from '../routes/connect.ts';
import { carrierOptions, resolveHttpOptions, sessionsOf, type HttpOptions } from './options.ts';
import { understands, unsupported } from './dialects.ts';
import { originUrl } from '../routes/urls.ts';
import { Routes } from '../routes/routes.ts';
import type { Open } from '../exchange/route.ts';
import { NtlmSocket } from '../exchange/socket.ts';
import { tellsBy } from '../exchange/telling.ts';

/**
 * Options of the handshake, and those of undici's `Agent`.
 *
 * ```ts
 * import { request } from 'undici';
 * import { NtlmDispatcher } from 'ntlmachine/fetch';
 *
 * const dispatcher = new NtlmDispatcher({ credentials, connect: { ca }, connections: 8 });
 * const { statusCode } = await request(url, { dispatcher });
 * ```
 */
export interface NtlmDispatcherOptions
  extends HttpOptions, Omit<Agent.Options, keyof HttpOptions | 'connect' | 'pipelining' | 'allowH2'> {
  /** Options of the connections, TLS options included. */
  readonly connect?: buildConnector.BuildOptions | buildConnector.connector | undefined;
}

/**
 * An agent of undici, for its own functions and for `fetch(url, { dispatcher })`, whose connections authenticate
 * themselves. The fetch of Deno and of Bun ignores dispatchers: undici's own, or `createNtlmFetch`, does not.
 */
export class NtlmDispatcher extends Agent {
  readonly #routes: Routes;

  /** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
  constructor(options: NtlmDispatcherOptions) {
    const settings = resolveHttpOptions(options);
    const routes = new Routes(settings);
    const { connect, ...rest } = carrierOptions(options);
    const direct = typeof connect === 'function' ? connect : buildConnector({ ...sessionsOf(settings), ...connect, allowH2: false });
    const tls = { ...connect }; // nothing, of a function
    super({
      ...rest,
      allowH2: false, // a connection of HTTP/2 cannot be authenticated
      pipelining: 1,
      connect: (target, callback) => connectThrough(routes, direct, tls, target, callback),
    });
    this.#routes = routes;
    tellsBy(this, routes.teller);
  }

  /** Credentials that were refused may be sent again at once: their password was set right, or their account unlocked. */
  forgetRefusals(): void {
    this.#routes.forgetRefusals();
  }

  /** @throws NtlmError `unsupported` where the fetch of another undici asks, in a dialect that this one does not speak. */
  override dispatch(...[options, handler]: Parameters<Agent['dispatch']>): boolean {
    if (!understands(handler)) {
      throw unsupported(
        'the fetch that was given this dispatcher is of another undici than the one installed, and cannot use it; ' +
          'use the fetch of the package undici, or createNtlmFetch',
      );
    }
    return super.dispatch(options, handler);
  }
}

function connectThrough(
  routes: Routes,
  direct: buildConnector.connector,
  tls: ConnectionOptions & { readonly socketPath?: string | null | undefined },
  target: buildConnector.Options,
  callback: buildConnector.Callback,
): void {
  const { protocol, hostname, port } = target;
  const limit = routes.legTimeout;
  const route = routes.to(() => {
    const origin = originUrl(protocol, hostname, port);
    const open: Open = (done, progress) =>
      openBy((opened) => void direct(target, (error, socket) => opened(error, socket)), { to: origin.origin, limit }, done, progress);
    return { origin, socketPath: tls.socketPath ?? undefined, open, tls };
  });
  const socket = new NtlmSocket(route);
  const onError = (error: Error): void => callback(error, null);
  socket.once('error', onError).once(socket.encrypted ? 'secureConnect' : 'connect', () => {
    socket.off('error', onError);
    callback(null, socket as unknown as Socket);
  });
}
