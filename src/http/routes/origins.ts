/** Which origins may receive a handshake. */
import { NtlmError, invalidArgument } from '../../errors.ts';
import { heard } from '../../machine/promised.ts';
import { httpUrl } from './urls.ts';

/**
 * Origins that may receive a handshake: `https://intranet.corp`, `unix:/run/app.sock`, several of them, or a rule. The
 * host of an origin of http is allowed under https, too.
 */
export type Allow = string | URL | readonly (string | URL)[] | ((origin: string) => boolean);

/** Whether a handshake may go to an origin, by its name. */
export type OriginRule = (origin: string) => boolean;

/**
 * Without `allow` it is the origin first asked for, or every origin where each is put to whoever provides
 * credentials, and nothing goes before those.
 *
 * @throws NtlmError `invalid-argument`; the rule throws `service-failed` where the caller's does.
 */
export function originRule(allow: Allow | undefined, { eachIsAsked }: { readonly eachIsAsked: boolean }): OriginRule {
  if (typeof allow === 'function') return (origin) => verdictOf(allow, origin);
  if (allow !== undefined) return among((Array.isArray(allow) ? allow : [allow]).map(nameOf));
  if (eachIsAsked) return () => true;
  let first: OriginRule | undefined;
  return (origin) => (first ??= among([origin]))(origin);
}

/** The name of an origin: as RFC 6454 writes it, `https://host:port` without a default port; of a Unix socket its path. */
export function originName(url: URL, socketPath: string | undefined): string {
  return socketPath === undefined ? url.origin : `unix:${socketPath}`;
}

function nameOf(entry: unknown): string {
  if (typeof entry === 'string' && /^unix:./.test(entry)) return entry;
  const { hostname, origin } = httpUrl(entry, 'allow');
  if (hostname.includes('*')) throw invalidArgument('allow', 'knows no wildcards, which would never match; a function of the origin can tell: (origin) => boolean');
  return origin;
}

/** The same host from http to https is the same place, whatever the port: its certificate says so. Never the reverse. */
function among(names: readonly string[]): OriginRule {
  const known = new Set(names);
  const plain = names.filter((name) => name.startsWith('http:'));
  const hosts = new Set(plain.map((name) => new URL(name).hostname));
  return (origin) => known.has(origin) || (origin.startsWith('https:') && hosts.has(new URL(origin).hostname));
}

function verdictOf(allow: (origin: string) => boolean, origin: string): boolean {
  let verdict: unknown;
  try {
    verdict = heard(allow(origin));
  } catch (cause) {
    throw new NtlmError(`"allow" failed for ${origin}`, { code: 'service-failed', phase: 'transport', side: 'local', cause });
  }
  if (typeof verdict !== 'boolean') throw invalidArgument('allow', 'must return true or false, and at once', 'transport');
  return verdict;
}
