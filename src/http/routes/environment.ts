/** The proxies that the environment names: http_proxy, https_proxy, all_proxy, no_proxy. */
import { getProxyForUrl } from 'proxy-from-env';
import { Credentials } from '../../crypto/credentials.ts';
import { invalidArgument, type NtlmError } from '../../errors.ts';
import type { CredentialsSource } from '../authentication/question.ts';
import { sourceOf, type Who } from '../authentication/source.ts';
import type { ProxyRule, ProxySettings } from './settings.ts';
import { portOf } from './urls.ts';

/**
 * Looks at the environment for each connection. `whoBy`: who goes in at a proxy whose URL has a user and a password.
 *
 * The rule throws NtlmError `invalid-argument` for what is no proxy of HTTP.
 */
export function environmentProxies(settings: Omit<ProxySettings, 'url'>, whoBy: (credentials: CredentialsSource) => Who): ProxyRule {
  const known = new Map<string, ProxySettings>(); // one handle for each, whatever its number of connections
  return (origin) => {
    const value = proxyFor(origin);
    if (value === '') return undefined;
    let proxy = known.get(value);
    if (proxy === undefined) {
      const { url, credentials } = read(value);
      proxy = { ...settings, url, ...(credentials && whoBy(sourceOf(credentials, 'proxy'))) };
      known.set(value, proxy);
    }
    return proxy;
  };
}

/**
 * Lower case counts first. Under CGI upper-case HTTP_PROXY is what a client of the server put into its field `Proxy`
 * (RFC 3875 4.1.18), and on Windows the names do not tell case apart: all_proxy alone is left then.
 */
function proxyFor(origin: URL): string {
  const { protocol, host } = origin;
  const { env } = process;
  const tainted = env['REQUEST_METHOD'] !== undefined && protocol === 'http:' && (process.platform === 'win32' || !env['http_proxy']);
  const scheme = tainted ? 'none' : protocol.slice(0, -1);
  const value = getProxyForUrl({ protocol: `${scheme}:`, host, port: String(portOf(origin)) } as Parameters<typeof getProxyForUrl>[0]);
  // What has no scheme is a proxy of http, as for curl; the package gives it that of the request.
  const bare = value.slice(scheme.length + 3);
  const asWritten = [`${scheme}_proxy`, 'all_proxy'].flatMap((name) => [env[name], env[name.toUpperCase()]]);
  return asWritten.includes(bare) && !asWritten.includes(value) ? `http://${bare}` : value;
}

/** Nothing of the value is repeated in an error: it may hold a password. */
function read(value: string): { url: URL; credentials: Credentials | undefined } {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:/.test(url.protocol)) throw unusable();
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '') return { url, credentials: undefined };
  const handle = Credentials.fromPassword({ username: decoded(username), password: decoded(password) });
  return { url, credentials: handle };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign stands for itself
  }
}

function unusable(): NtlmError {
  return invalidArgument('proxy', 'is to be what the environment names, and that is no URL of http or https: look at http_proxy, https_proxy and all_proxy', 'transport');
}
