/** A way out: connections on which requests leave, and tunnels. */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { NtlmError } from '../errors.ts';
import { NtlmAgent } from '../http/doors/agent.ts';
import { resolveHttpOptions } from '../http/doors/options.ts';
import { discard } from '../http/exchange/discard.ts';
import type { Route } from '../http/exchange/route.ts';
import { NtlmSocket } from '../http/exchange/socket.ts';
import { tellerOf, type Teller } from '../http/exchange/telling.ts';
import { hostOf, portOf } from '../http/routes/urls.ts';
import { Routes } from '../http/routes/routes.ts';
import { failureOf, isGone, tooSlow } from './failure.ts';
import { flat, type RawFields } from './fields.ts';
import { countLegs, type LegCount } from './legs.ts';
import type { GatewaySettings } from './options.ts';

type Limits = GatewaySettings['limits'];

/** Connections of one kind, to be kept as long as somebody may use them. */
export interface Connections {
  /** `onLate`: nothing moved for as long as an exchange may be idle. Whether a connection is there, or being made, for it. */
  send(options: RequestOptions, onLate: (hasConnection: boolean) => void): ClientRequest;
  /** Ends them, at once. */
  close(): void;
}

export interface Way {
  /** For messages: `http://proxy.corp:3128`, `directly`. */
  readonly name: string;
  /** Those that every client may use. */
  readonly shared: Connections;
  /** One connection more, for one client alone. `onClose`: it is gone. */
  own(onClose: () => void): Connections;
  /** A connection to `authority` (`host:port`) for bytes that are not looked at. Rejects where there is none. */
  tunnel(authority: string, fields: RawFields, opening: Opening): Promise<Tunnel>;
  /** Whether it leads to whatever host is asked for: a failure to connect is that host's. */
  readonly direct?: boolean | undefined;
  /** Tells of its connections, where they authenticate. */
  readonly teller?: Teller | undefined;
  /** Whether requests leave with the whole URL in their first line. */
  readonly absoluteForm: boolean;
}

/** A connection that is being opened. */
export interface Opening {
  /** Aborts when nobody waits for it any more. */
  readonly signal: AbortSignal;
  /** The next hop could be connected to. `legs`: what goes out on that connection from now on. */
  readonly onOpen: (legs: LegCount) => void;
}

/** The connection, or the answer of a proxy that gives none. */
export type Tunnel =
  | { readonly kind: 'open'; readonly socket: Duplex; readonly head: Buffer }
  | { readonly kind: 'refused'; readonly answer: IncomingMessage };

/** Requests through a proxy that asks for authentication: any host, one pool. */
class ProxyAgent extends HttpAgent {
  readonly #route: () => Route;

  constructor(route: () => Route, maxSockets: number) {
    super({ keepAlive: true, maxSockets, scheduling: 'lifo' });
    this.#route = route;
  }

  override getName(): string {
    return 'proxy';
  }

  override createConnection(): Duplex {
    return new NtlmSocket(this.#route());
  }
}

/** Through a proxy. `trusted`: it is given credentials where it asks. `teller` tells of its connections. */
export function throughProxy(proxy: URL, settings: GatewaySettings, trusted: boolean, teller: Teller): Way {
  const { handshake, ca, limits } = settings;
  const who = trusted ? { credentials: settings.credentials } : { credentials: () => undefined, negotiate: undefined };
  const routes = new Routes(resolveHttpOptions({ ...handshake, ...who, proxy: { url: proxy, ca, spn: handshake.spn } }), teller);
  const route = (): Route => routes.toProxy(proxy);
  const shared = connectionsOf(new ProxyAgent(route, limits.maxUpstreamConnections), httpRequest, limits);
  return {
    name: proxy.origin,
    absoluteForm: true,
    shared,
    own: (onClose) => connectionsOf(watched(new ProxyAgent(route, 1), onClose), httpRequest, limits),
    tunnel: (authority, fields, opening) => tunnelThrough(shared, authority, fields, opening),
  };
}

/** A connection of the pool becomes the tunnel: it may be authenticated already. */
function tunnelThrough(proxy: Connections, authority: string, fields: RawFields, opening: Opening): Promise<Tunnel> {
  const { signal, onOpen } = opening;
  return new Promise((resolve, reject) => {
    const onLate = (hasConnection: boolean): void => {
      if (hasConnection) return void out.destroy(tooSlow());
      onOpen(() => 0); // others have all there may be
      out.destroy();
      reject(tooSlow());
    };
    const out = proxy.send({ method: 'CONNECT', path: authority, headers: flat(fields) }, onLate);
    const leave = (): void => {
      out.destroy();
      reject(signal.reason); // out says nothing before it has a connection
    };
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', leave);
      const isStale = out.reusedSocket && !signal.aborted && isGone(failureOf(error)); // gone while nobody looked
      if (isStale) tunnelThrough(proxy, authority, fields, opening).then(resolve, reject);
      else reject(error);
    };
    signal.addEventListener('abort', leave, { once: true });
    onceOpen(out, (socket) => onOpen(countLegs(socket)));
    out.on('error', fail);
    out.once('connect', (answer, socket, head) => {
      out.off('error', fail);
      signal.removeEventListener('abort', leave);
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 300) return resolve({ kind: 'open', socket, head });
      discard(socket); // what follows is the body of a refusal
      resolve({ kind: 'refused', answer });
    });
    out.end();
  });
}

/** To the host itself, whoever it is; `lookup` may refuse an address. */
export function directly({ limits }: GatewaySettings, lookup: RequestOptions['lookup']): Way {
  const looking = lookup === undefined ? {} : { lookup };
  const agent = (maxSockets: number): HttpAgent => new HttpAgent({ keepAlive: true, maxSockets, ...looking });
  return {
    name: 'directly',
    direct: true,
    absoluteForm: false,
    shared: connectionsOf(agent(limits.maxUpstreamConnections), httpRequest, limits),
    own: (onClose) => connectionsOf(watched(agent(1), onClose), httpRequest, limits),
    tunnel: (authority, _fields, { signal, onOpen }) =>
      new Promise((resolve, reject) => {
        const { hostname, port } = new URL(`https://${authority}`);
        const host = hostname.replace(/^\[(.*)\]$/, '$1');
        const socket = connect({ host, port: Number(port || 443), noDelay: true, timeout: limits.idleTimeout, ...looking });
        const leave = (): void => void socket.destroy(signal.reason);
        const late = (): void => void socket.destroy(tooSlow());
        signal.addEventListener('abort', leave, { once: true });
        socket.once('timeout', late).once('error', reject).once('connect', () => {
          signal.removeEventListener('abort', leave);
          socket.off('error', reject).off('timeout', late);
          onOpen(() => 1);
          resolve({ kind: 'open', socket, head: Buffer.alloc(0) });
        });
      }),
  };
}

/** To one server, which asks by 401. */
export function toServer(to: URL, { credentials, handshake, ca, limits }: GatewaySettings): Way {
  const secure = to.protocol === 'https:';
  const target = { protocol: to.protocol, host: hostOf(to), port: portOf(to) };
  const request = (options: RequestOptions): ClientRequest => (secure ? httpsRequest : httpRequest)({ ...options, ...target });
  const tls = ca === undefined ? {} : { ca };
  const agent = new NtlmAgent({ ...handshake, ...tls, credentials, allow: to.origin, maxSockets: limits.maxUpstreamConnections });
  const plain = (): HttpAgent => (secure ? new HttpsAgent({ keepAlive: true, maxSockets: 1, ...tls }) : new HttpAgent({ keepAlive: true, maxSockets: 1 }));
  return {
    name: to.origin,
    absoluteForm: false,
    teller: tellerOf(agent),
    shared: connectionsOf(agent, request, limits),
    own: (onClose) => connectionsOf(watched(plain(), onClose), request, limits),
    tunnel: (authority) =>
      Promise.reject(
        new NtlmError(`no tunnel leads to ${authority}: this gateway stands for ${to.origin}`, {
          code: 'unsupported',
          phase: 'transport',
          side: 'local',
        }),
      ),
  };
}

function connectionsOf(agent: HttpAgent, request: (options: RequestOptions) => ClientRequest, { idleTimeout, maxHeadLength }: Limits): Connections {
  const common = { agent, setHost: false, timeout: idleTimeout, maxHeaderSize: maxHeadLength };
  return {
    send: (options, onLate) => {
      const out = request({ ...options, ...common });
      const waiting = setTimeout(onLate, idleTimeout, false).unref(); // for a connection of the pool
      return out.once('socket', () => clearTimeout(waiting)).once('timeout', () => onLate(true));
    },
    close: () => agent.destroy(),
  };
}

/** Calls back once a connection stands, before anything goes out on it. */
export function onceOpen(out: ClientRequest, begin: (socket: Socket) => void): void {
  out.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', () => begin(socket));
    else begin(socket);
  });
}

/** Tells when a connection of `agent` is gone. */
function watched(agent: HttpAgent, onClose: () => void): HttpAgent {
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = create(options, callback) as Socket;
    socket.once('close', onClose);
    return socket;
  };
  return agent;
}
