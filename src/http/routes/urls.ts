/** URLs and the hosts in them. */
import { isIPv6 } from 'node:net';
import { invalidArgument } from '../../errors.ts';

/** @throws NtlmError `invalid-argument` for anything but an absolute http or https URL. */
export function httpUrl(url: unknown, argument: string): URL {
  const parsed = (typeof url === 'string' || url instanceof URL) && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:/.test(parsed.protocol)) {
    throw invalidArgument(argument, 'must be an absolute URL of http or https, such as "https://intranet.corp/"');
  }
  return parsed;
}

/**
 * An origin of its parts, an IPv6 address without its brackets.
 *
 * @throws NtlmError `invalid-argument` for a host that is another one in a URL, or none: with an IPv6 zone, with `#`,
 *   `?`, `/`, `@`, `%`, in letters that only IDNA makes a name of. What is connected to would not be what is allowed.
 */
export function originUrl(protocol: string, host: string, port: string | number): URL {
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const text = `${protocol}//${name}:${port}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !isSameHost(hostOf(url), host)) {
    throw invalidArgument('host', `is none that a URL can hold as it is: ${JSON.stringify(host)}`, 'transport');
  }
  return url;
}

/** An IPv6 address that a URL takes may come out written another way. */
function isSameHost(inUrl: string, given: string): boolean {
  const bare = withoutBrackets(given);
  return isIPv6(bare) || inUrl === bare.toLowerCase();
}

/** The host of a URL, an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return withoutBrackets(hostname);
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

export function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
