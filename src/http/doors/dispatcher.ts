import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Agent, Dispatcher, buildConnector } from 'undici';
import { NtlmError } from '../../errors.ts';
import { carrierOptions, resolveHttpOptions, type HttpOptions } from './options.ts';
import { originUrl } from '../routes/origins.ts';
import { Routes } from '../routes/routes.ts';
import { NtlmSocket, type Route } from '../exchange/socket.ts';

/** Options of the handshake, and those of undici's `Agent`. */
export interface NtlmDispatcherOptions
  extends HttpOptions, Omit<Agent.Options, keyof HttpOptions | 'connect' | 'pipelining' | 'allowH2'> {
  /** Options of the connections, TLS options included. */
  readonly connect?: buildConnector.BuildOptions | buildConnector.connector | undefined;
}

type Undici = typeof import('undici');

// undici's own surface; each call goes to the agent inside.
export interface NtlmDispatcher extends Dispatcher {}

/**
 * A dispatcher of undici 7, for its own functions and for `fetch(url, { dispatcher })`, whose connections
 * authenticate themselves.
 */
export class NtlmDispatcher {
  readonly #agent: Agent;

  /**
   * @throws NtlmError `invalid-argument` or `too-long`, naming the option; `unsupported` where undici 7 is not installed.
   */
  constructor(options: NtlmDispatcherOptions) {
    const routes = new Routes(resolveHttpOptions(options));
    const { Agent, buildConnector } = loadUndici();
    const { connect, ...rest } = carrierOptions(options);
    const direct = typeof connect === 'function' ? connect : buildConnector({ ...connect, allowH2: false });
    const tls = typeof connect === 'function' ? {} : { ...connect };
    this.#agent = new Agent({
      ...rest,
      allowH2: false, // a connection of HTTP/2 cannot be authenticated
      pipelining: 1,
      connect: (target, callback) => connectThrough(routes, direct, tls, target, callback),
    });
  }

  static {
    const calls = ['dispatch', 'request', 'stream', 'pipeline', 'connect', 'upgrade', 'compose', 'close', 'destroy'];
    const events = ['on', 'once', 'off', 'addListener', 'removeListener', 'emit', 'listenerCount'];
    for (const name of [...calls, ...events]) {
      Object.defineProperty(NtlmDispatcher.prototype, name, {
        configurable: true,
        writable: true,
        value(this: NtlmDispatcher, ...args: unknown[]): unknown {
          const agent = this.#agent as unknown as Record<string, (...args: unknown[]) => unknown>;
          const result = agent[name]?.(...args);
          return result === this.#agent ? this : result;
        },
      });
    }
  }
}

function connectThrough(
  routes: Routes,
  direct: buildConnector.connector,
  tls: ConnectionOptions,
  target: buildConnector.Options,
  callback: buildConnector.Callback,
): void {
  const { protocol, hostname, port } = target;
  const origin = originUrl(protocol, hostname, port);
  const open: Route['open'] = (done) => {
    let givenUp = false;
    direct(target, (error, socket) => {
      if (!givenUp) done(error, socket ?? undefined);
      else socket?.destroy();
    });
    return { destroy: () => void (givenUp = true) };
  };
  const socket = new NtlmSocket(routes.to({ origin, open, tls }));
  const onError = (error: Error): void => callback(error, null);
  socket.once('error', onError).once('connect', () => {
    socket.off('error', onError);
    callback(null, socket as unknown as Socket);
  });
}

const UNDICI_MAJOR = '7';
let undici: Undici | undefined;

/** An optional peer: only who makes a dispatcher needs it. */
function loadUndici(): Undici {
  if (undici !== undefined) return undici;
  const require = createRequire(import.meta.url);
  let version: string;
  try {
    ({ version } = require('undici/package.json') as { version: string });
  } catch (cause) {
    throw unsupported('undici is not installed; add "undici@7" to the dependencies', cause);
  }
  if (version.split('.')[0] !== UNDICI_MAJOR) {
    throw unsupported(`undici ${version} is installed, and undici 7 is needed; add "undici@7" to the dependencies`);
  }
  return (undici = require('undici') as Undici);
}

function unsupported(message: string, cause?: unknown): NtlmError {
  return new NtlmError(message, { code: 'unsupported', phase: 'configure', side: 'local', cause });
}
