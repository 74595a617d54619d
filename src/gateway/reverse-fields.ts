/** A server's names for itself and a gateway's: what has to be said otherwise on each side. */
import type { IncomingMessage } from 'node:http';
import { endToEnd, type RawFields } from './fields.ts';

export interface Mapping {
  /** Of the server behind. */
  readonly to: URL;
  /** Of the gateway, as this client names it: `http://127.0.0.1:8080`. */
  readonly own: URL;
}

/** Fields of a request that hold URLs of the gateway. */
const REQUEST_URLS: ReadonlySet<string> = new Set(['origin', 'referer', 'destination']);
const RESPONSE_URLS: ReadonlySet<string> = new Set(['location', 'content-location']);

/** As the server is to see the request. `tokens`: its Authorization is for this gateway, and ends here. */
export function requestFields({ rawHeaders }: IncomingMessage, { to, own }: Mapping, tokens: boolean): string[] {
  return endToEnd(rawHeaders, (name, value) => {
    if (name === 'host') return to.host;
    if (tokens && name === 'authorization') return undefined;
    return REQUEST_URLS.has(name) ? moved(value, own, to) : value;
  });
}

/** As the client is to see the answer. What points elsewhere stays as it is. */
export function answerFields(answer: { readonly rawHeaders: RawFields }, { to, own }: Mapping): string[] {
  return endToEnd(answer.rawHeaders, (name, value) => {
    if (RESPONSE_URLS.has(name)) return moved(value, to, own);
    return name === 'set-cookie' ? ownCookie(value, to, own) : value;
  });
}

/** A URL of `from` becomes the same of `into`. */
function moved(value: string, from: URL, into: URL): string {
  const text = value.trim();
  if (!URL.canParse(text)) return value; // relative: it holds on both sides
  const url = new URL(text);
  if (url.origin !== from.origin) return value;
  return `${into.origin}${text === from.origin ? '' : `${url.pathname}${url.search}${url.hash}`}`;
}

/** A cookie for the gateway: a Domain that covers the server would be refused from it (RFC 6265 5.3), Secure over http too. */
function ownCookie(cookie: string, to: URL, own: URL): string {
  const [pair = '', ...attributes] = cookie.split(';');
  const insecure = own.protocol === 'http:' && !/^\s*__(?:Host|Secure)-/.test(pair);
  const kept = attributes.filter((attribute) => {
    const [name = '', value = ''] = attribute.split('=').map((part) => part.trim().toLowerCase());
    if (name === 'domain') return !covers(value.replace(/^\./, ''), to.hostname);
    if (!insecure) return true;
    return name !== 'secure' && !(name === 'samesite' && value === 'none'); // None asks for Secure
  });
  return [pair, ...kept].join(';');
}

function covers(domain: string, host: string): boolean {
  return domain === host || host.endsWith(`.${domain}`);
}
