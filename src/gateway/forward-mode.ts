/** A proxy for its clients (RFC 9110 7.6.3, RFC 9112 3.2): absolute form and CONNECT, through upstreams. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostOf, portOf } from '../http/routes/urls.ts';
import { isNear, urlHost, type Objection } from './admission.ts';
import { endToEnd } from './fields.ts';
import type { Mode, Plan } from './mode.ts';
import type { Teller } from '../http/exchange/telling.ts';
import { isLoopback, type GatewaySettings } from './options.ts';
import { Upstreams } from './upstreams.ts';
import type { Way } from './way.ts';

const AUTHORITY = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\\[\]]+):(\d{1,5})$/;
const HELP = 'this is a proxy: it takes requests in absolute form and CONNECT, see ntlmachine gateway --help';

export class ForwardMode implements Mode {
  readonly tokenField = 'proxy-authorization';
  readonly tokenStatus = 407;
  readonly tokenChallenge = 'Proxy-Authenticate';
  readonly upstreams: Upstreams;
  readonly teller: Teller;
  /** Names this gateway in Via, to see its own requests come back. */
  readonly #pseudonym = `ntlmachine-${randomUUID().slice(0, 13)}`;

  constructor(settings: GatewaySettings) {
    this.upstreams = new Upstreams(settings);
    this.teller = this.upstreams.teller;
  }

  hostOf(request: IncomingMessage): string {
    return targetOf(request)?.host ?? request.headers.host ?? '';
  }

  objection(request: IncomingMessage): Objection | undefined {
    const target = targetOf(request);
    if (target === undefined) return { status: 400, reason: HELP };
    const { host } = request.headers;
    if (request.method !== 'CONNECT' && host !== undefined && host !== target.host && !isSameHost(host, target)) {
      return { status: 400, reason: 'the Host field and the absolute form name different hosts' };
    }
    const { localAddress = '', localPort, remoteAddress = '' } = request.socket;
    const name = hostOf(target);
    const itself = portOf(target) === localPort && (target.hostname === urlHost(localAddress) || isNear(name));
    if (itself || String(request.headers['via']).includes(this.#pseudonym)) {
      return { status: 508, reason: 'the request leads back to this gateway' };
    }
    if (!isLoopback(remoteAddress) && isNear(name)) {
      return { status: 403, reason: 'clients of other machines reach no address of this one' };
    }
    return undefined;
  }

  async plan(request: IncomingMessage): Promise<Plan> {
    const target = targetOf(request)!; // objected to before
    const remote = !isLoopback(request.socket.remoteAddress ?? '');
    const ways = await this.upstreams.waysTo(target, remote);
    const via = `${request.httpVersion} ${this.#pseudonym}`;
    const isTunnel = request.method === 'CONNECT';
    const fields = endToEnd(request.rawHeaders, (name, value) => (name === 'host' || (isTunnel && name === 'content-length') ? undefined : value));
    fields.push('Host', target.host, 'Via', via);
    const absolute = request.url ?? '';
    const relative = relativeForm(absolute);
    return {
      ways,
      outgoing: (way) => ({
        path: way.absoluteForm ? absolute : relative,
        fields,
        options: { host: hostOf(target), port: portOf(target) },
      }),
      incoming: ({ rawHeaders, httpVersion }) => {
        const fields = endToEnd(rawHeaders);
        fields.push('Via', `${httpVersion} ${this.#pseudonym}`);
        return fields;
      },
    };
  }

  noteOpen(way: Way): void {
    this.upstreams.noteUp(way);
  }

  noteUnreachable(way: Way): void {
    this.upstreams.noteDown(way);
  }

  close(): void {
    this.upstreams.close();
  }
}

const targets = new WeakMap<IncomingMessage, URL | undefined>();

/** Where a request wants to go; `undefined` for what no proxy takes. It is read once. */
function targetOf(request: IncomingMessage): URL | undefined {
  if (!targets.has(request)) targets.set(request, readTarget(request));
  return targets.get(request);
}

function readTarget({ method, url = '' }: IncomingMessage): URL | undefined {
  if (method === 'CONNECT') {
    const [, , port] = AUTHORITY.exec(url) ?? [];
    if (port === undefined || Number(port) > 0xffff || !URL.canParse(`https://${url}`)) return undefined;
    return new URL(`https://${url}`);
  }
  if (!/^http:\/\/[^/?#\\@\s]+(?:[/?]|$)/i.test(url) || !URL.canParse(url)) return undefined;
  return new URL(url);
}

/** As the client wrote it, which a proxy may not change (RFC 9110 7.7). */
function relativeForm(absolute: string): string {
  const rest = absolute.replace(/^http:\/\/[^/?]*/i, '');
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function isSameHost(host: string, target: URL): boolean {
  return URL.canParse(`http://${host}`) && new URL(`http://${host}`).host === target.host;
}
