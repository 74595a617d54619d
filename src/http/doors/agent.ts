import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions } from 'node:https';
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { openBy } from '../routes/connect.ts';
import { carrierOptions, resolveHttpOptions, sessionsOf, type HttpOptions } from './options.ts';
import { originUrl } from '../routes/urls.ts';
import { Routes } from '../routes/routes.ts';
import { NtlmSocket } from '../exchange/socket.ts';
import { tellsBy } from '../exchange/telling.ts';

/**
 * Options of the handshake, and those of node's own agents, TLS options included.
 *
 * ```ts
 * import { NtlmAgent } from 'ntlmachine/http';
 *
 * const agent = new NtlmAgent({ credentials, ca, maxSockets: 8 });
 * ```
 */
export interface NtlmAgentOptions extends HttpOptions, Omit<AgentOptions, keyof HttpOptions> {}

const PLAIN_PORT = 80;
const TLS_PORT = 443;

/** What node's agents have and its types leave out. */
interface TlsConnector {
  createConnection(options: ConnectionOptions): Socket;
}

/**
 * An agent of node:http and node:https whose connections authenticate themselves. Connections are kept
 * alive unless `keepAlive` is `false`.
 *
 * ```ts
 * import axios from 'axios';
 * import https from 'node:https';
 * import { NtlmAgent } from 'ntlmachine/http';
 *
 * const agent = new NtlmAgent({ credentials });
 * https.get('https://keep.castle.example/', { agent });
 * axios.get(url, { httpAgent: agent, httpsAgent: agent });
 * ```
 */
export class NtlmAgent extends HttpAgent {
  readonly #routes: Routes;
  /** Opens TLS connections, and keeps their sessions. */
  readonly #https: HttpsAgent & TlsConnector;
  /** None: ClientRequest then takes that of whichever module was asked, http or https. */
  readonly protocol: string | undefined = undefined;
  /** As every agent of node has them; the types of http.Agent leave out what https.Agent asks for. */
  declare readonly options: AgentOptions;

  /** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
  constructor(options: NtlmAgentOptions) {
    const settings = resolveHttpOptions(options);
    const routes = new Routes(settings);
    const agentOptions = { keepAlive: true, ...carrierOptions(options) };
    super(agentOptions);
    this.#routes = routes;
    tellsBy(this, routes.teller);
    this.#https = new HttpsAgent({ ...sessionsOf(settings), ...agentOptions }) as HttpsAgent & TlsConnector;
  }

  override getName(options?: ClientRequestArgs): string {
    return options !== undefined && isSecure(options)
      ? `https:${this.#https.getName(options)}`
      : super.getName(options);
  }

  override createConnection(request: ClientRequestArgs): Duplex {
    const secure = isSecure(request);
    const options = secure && hasNoPort(request) ? { ...request, port: TLS_PORT } : request;
    const open = (): Socket => {
      if (secure)
        return this.#https.createConnection({ ...(options as ConnectionOptions), ALPNProtocols: ['http/1.1'] });
      return connect(options as TcpNetConnectOpts);
    };
    const limit = this.#routes.legTimeout;
    const route = this.#routes.to(() => {
      const origin = originUrl(secure ? 'https:' : 'http:', options.host ?? 'localhost', options.port ?? '');
      return {
        origin,
        socketPath: options.socketPath ?? undefined,
        open: (done, progress) => openBy((callback) => callback(null, open()), { to: origin.origin, limit }, done, progress),
        tls: tlsOptions(options),
      };
    });
    const socket = new NtlmSocket(route);
    return request.timeout === undefined ? socket : socket.setTimeout(request.timeout);
  }

  /** Credentials that were refused may be sent again at once: their password was set right, or their account unlocked. */
  forgetRefusals(): void {
    this.#routes.forgetRefusals();
  }

  override destroy(): void {
    super.destroy();
    this.#https.destroy();
  }
}

function isSecure(options: ClientRequestArgs): boolean {
  const asking = options._defaultAgent as { readonly protocol?: string } | undefined;
  return (options.protocol ?? asking?.protocol) === 'https:';
}

/**
 * Where no port was asked for, ClientRequest fills in this agent's default, a number: that of plain HTTP. A URL or a
 * text says when it is meant.
 */
function hasNoPort({ port, href }: ClientRequestArgs & { readonly href?: string }): boolean {
  return port === PLAIN_PORT && !(typeof href === 'string' && URL.canParse(href) && new URL(href).port === `${PLAIN_PORT}`);
}

/** The options as tls.connect takes them for a socket that is there already. */
function tlsOptions({
  host: _host,
  port: _port,
  path: _path,
  socketPath: _socketPath,
  ...options
}: ClientRequestArgs): ConnectionOptions {
  return options as ConnectionOptions;
}
