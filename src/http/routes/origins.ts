import { invalidArgument } from '../../errors.ts';

/** Origins that may receive a handshake: `https://intranet.corp`, several of them, or a rule. */
export type Allow = string | URL | readonly (string | URL)[] | ((origin: string) => boolean);

/** Whether a handshake may go to an origin, as RFC 6454 writes it: `https://host:port`, no default port. */
export type OriginRule = (origin: string) => boolean;

/** Without a rule, the origin first asked for is the only one. @throws NtlmError `invalid-argument`. */
export function originRule(allow: Allow | undefined): OriginRule {
  if (allow === undefined) {
    let first: string | undefined;
    return (origin) => origin === (first ??= origin);
  }
  if (typeof allow === 'function') return (origin) => allow(origin) === true;
  const origins = new Set((Array.isArray(allow) ? allow : [allow]).map((entry) => originOf(entry, 'allow')));
  return (origin) => origins.has(origin);
}

/** @throws NtlmError `invalid-argument` for anything but an absolute http or https URL. */
export function originOf(url: unknown, argument: string): string {
  return httpUrl(url, argument).origin;
}

/** @throws NtlmError `invalid-argument`. */
export function httpUrl(url: unknown, argument: string): URL {
  const text = typeof url === 'string' || url instanceof URL ? `${url}` : '';
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw invalidArgument(argument, 'must be an absolute URL of http or https, such as "https://intranet.corp/"');
  }
  return parsed;
}

/**
 * An origin of its parts, an IPv6 address without its brackets.
 *
 * @throws NtlmError `invalid-argument` for a host of which no URL can be made, such as one with an IPv6 zone.
 */
export function originUrl(protocol: string, host: string, port: string | number): URL {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = `${protocol}//${name}${port === '' ? '' : `:${port}`}`;
  if (!URL.canParse(url)) throw invalidArgument('host', `and "port" make no URL: ${url}`, 'transport');
  return new URL(url);
}

/** The host of a URL, an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

export function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
