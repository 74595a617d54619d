/** Who may use a gateway. Everybody who passes here acts as its one identity. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { announcesBody, valuesOf } from './fields.ts';
import type { GatewaySettings } from './options.ts';

/** Why a request goes no further. */
export interface Objection {
  readonly status: 400 | 401 | 403 | 407 | 413 | 421 | 508;
  readonly reason: string;
}

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();

/** Compares with every token, in the same time whichever it is. */
export class ClientTokens {
  readonly #digests: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digest);
  }

  /** Whether `field` is Basic (RFC 7617) with a token for its password, under any name. */
  admits(field: string | undefined): boolean {
    const token68 = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(field ?? '')?.[1];
    const pair = token68 === undefined ? '' : Buffer.from(token68, 'base64').toString('utf8');
    const given = digest(pair.slice(pair.indexOf(':') + 1));
    let admitted = false;
    for (const each of this.#digests) admitted = timingSafeEqual(each, given) || admitted;
    return admitted && token68 !== undefined;
  }
}

/** Fields that a request is not itself without: left out on the way, its body would be the next request. */
const ESSENTIAL = /(?:^|,)\s*(?:content-length|host)\s*(?:,|$)/i;

/** What no request may be, however it is routed: another reading of it elsewhere would be somebody else's request. */
export function objectionToForm(request: IncomingMessage): Objection | undefined {
  const { method, rawHeaders, httpVersion, headers } = request;
  if (method === 'CONNECT' && announcesBody(request)) return { status: 400, reason: 'a CONNECT with a body' }; // RFC 9110 9.3.6
  if (valuesOf(rawHeaders, 'host').length > 1) return { status: 400, reason: 'more than one Host field' };
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined) {
    return { status: 400, reason: 'Transfer-Encoding in a request of HTTP/1.0' };
  }
  if (headers['transfer-encoding'] !== undefined) {
    const codings = valuesOf(rawHeaders, 'transfer-encoding').join(',');
    if (!/^\s*chunked\s*$/i.test(codings)) return { status: 400, reason: 'a Transfer-Encoding other than chunked' };
    if (headers['content-length'] !== undefined) return { status: 400, reason: 'Content-Length beside Transfer-Encoding' };
  }
  const { connection } = headers;
  if (connection !== undefined && ESSENTIAL.test(connection)) {
    return { status: 400, reason: 'a Connection field that names what no connection may keep' };
  }
  if (rawHeaders.some((text) => /[\0\r\n]/.test(text))) return { status: 400, reason: 'a malformed field' };
  return undefined;
}

/**
 * Whether a page of some other site may be behind a request (Fetch Metadata, RFC 6454). A browser sends one of the two
 * fields wherever a page could use the identity of whoever runs the gateway.
 */
export function objectionToPage({ headers }: IncomingMessage, own: ReadonlySet<string>): Objection | undefined {
  const host = (headers.host ?? '').toLowerCase();
  if (!own.has(host)) return { status: 421, reason: 'the Host field does not name this gateway' };
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return { status: 403, reason: 'a page of another site asked' };
  const { origin } = headers;
  if (origin !== undefined && !isOwnOrigin(origin, own)) return { status: 403, reason: 'a page of another origin asked' };
  return undefined;
}

function isOwnOrigin(origin: string, own: ReadonlySet<string>): boolean {
  if (!URL.canParse(origin)) return false; // "null" too
  const { protocol, host } = new URL(origin);
  return /^https?:$/.test(protocol) && own.has(host.toLowerCase());
}

/** Names under which a gateway knows itself: `host:port` as Host fields have it. */
export function ownHosts({ localAddress, localPort }: Socket, { tls }: GatewaySettings, more: Iterable<string> = []): Set<string> {
  const usual = tls === undefined ? 80 : 443;
  const names = ['localhost', '127.0.0.1', '[::1]'];
  if (localAddress !== undefined) names.push(urlHost(localAddress));
  const hosts = names.flatMap((name) => (localPort === usual ? [name, `${name}:${localPort}`] : [`${name}:${localPort}`]));
  return new Set([...hosts, ...more]);
}

/** An address of a connection as URLs and Host fields have it: who listens for both families meets IPv4 written as IPv6. */
export function urlHost(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return bare.includes(':') ? `[${bare}]` : bare;
}

/** This machine and its link: loopback, link-local, and the addresses that stand for "here" (RFC 6890). */
const NEAR = new BlockList();
for (const [network, prefix] of [['127.0.0.0', 8], ['169.254.0.0', 16], ['0.0.0.0', 8]] as const) NEAR.addSubnet(network, prefix);
for (const [network, prefix] of [['::', 127], ['fe80::', 10]] as const) NEAR.addSubnet(network, prefix, 'ipv6');

/** Whether an address lies where a client from elsewhere has no business; also where it is written as IPv6. */
export function isNear(address: string): boolean {
  const bare = address.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(bare);
  if (family !== 0) return NEAR.check(bare, family === 6 ? 'ipv6' : 'ipv4');
  return /^(?:.*\.)?localhost\.?$/i.test(bare);
}
