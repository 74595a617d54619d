/** The option `proxy`, read and checked. */
import { Credentials } from '../../crypto/credentials.ts';
import { checkObject } from '../../checks.ts';
import { invalidArgument } from '../../errors.ts';
import { resolveOptions, type NtlmOptions } from '../../machine/options.ts';
import type { Negotiator } from '../authentication/negotiator.ts';
import type { CredentialsProvider, CredentialsSource } from '../authentication/question.ts';
import { checkedNegotiator, whoOf, whoWith, type Who } from '../authentication/source.ts';
import { environmentProxies } from '../routes/environment.ts';
import type { ProxyRule, ProxySettings } from '../routes/settings.ts';
import type { Spn } from '../routes/spn.ts';
import { httpUrl } from '../routes/urls.ts';
import type { Field } from '../wire/head.ts';
import { refuseMisspelt } from './misspelt.ts';

/**
 * A proxy, and what is its own beside its URL.
 *
 * ```ts
 * import { Credentials } from 'ntlmachine';
 * import { NtlmAgent } from 'ntlmachine/http';
 *
 * const ofProxy = Credentials.fromPassword({ username: 'CASTLE\\gatekeeper', password });
 * const agent = new NtlmAgent({ credentials, proxy: { url: 'http://proxy.castle.example:3128', credentials: ofProxy } });
 * const asTheShell = new NtlmAgent({ credentials, proxy: 'environment' });
 * ```
 */
export interface ProxyOptions {
  /** `'environment'`: the one that http_proxy, https_proxy, all_proxy and no_proxy name, if any. */
  readonly url: string | URL;
  /** Default: those of the server, or the user and password that the environment has in the proxy's URL. */
  readonly credentials?: Credentials | CredentialsProvider | Negotiator | undefined;
  /** What goes before NTLM at the proxy; default: what does at the server, under the proxy's own name. */
  readonly negotiate?: Negotiator | undefined;
  /** Default: that of the server. */
  readonly policy?: NtlmOptions['policy'];
  /** Service principal name of the proxy, or a rule by its origin; default `HTTP/` and its host. `false`: none. */
  readonly spn?: Spn | undefined;
  /** Fields of each CONNECT, such as `User-Agent`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Extra certificate authorities of a proxy that itself speaks TLS. */
  readonly ca?: string | Buffer | (string | Buffer)[] | undefined;
}

const NAMES: ReadonlySet<string> = new Set<keyof ProxyOptions>(['url', 'credentials', 'negotiate', 'policy', 'spn', 'headers', 'ca']);

type Given = string | URL | ProxyOptions;

/** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
export function resolveProxy(
  given: Given,
  { credentials, negotiator, handshake }: Pick<ProxySettings, 'credentials' | 'negotiator' | 'handshake'>,
): ProxyRule {
  const options: ProxyOptions = typeof given === 'string' || given instanceof URL ? { url: given } : given;
  if (typeof options !== 'object' || options === null) throw invalidArgument('proxy', 'must be a URL or { url, credentials }');
  refuseMisspelt(options, NAMES, 'proxy.');
  const { policy = handshake.policy, spn } = options;
  const settings = {
    ...whoFor(options, { credentials, negotiator }),
    handshake: { ...handshake, policy },
    spn,
    headers: fieldsOf(options.headers ?? {}),
    ca: options.ca,
  };
  resolveOptions({ ...settings.handshake, credentials: Credentials.anonymous(), ...(spn && typeof spn !== 'function' ? { spn } : {}) });
  if (options.url === 'environment') return environmentProxies(settings, (credentials) => whoByUrl(credentials, options, settings));
  const url = httpUrl(options.url, 'proxy');
  if (url.username !== '' || url.password !== '') {
    throw invalidArgument('proxy', 'must not carry a password in its URL; give { url, credentials }');
  }
  const proxy = { ...settings, url };
  return () => proxy;
}

/** What is the proxy's own, else what is the server's, as far as a proxy may have it. */
function whoFor({ credentials, negotiate }: ProxyOptions, servers: Who): Who {
  const inherited = { ...servers, negotiator: servers.negotiator && { ...servers.negotiator.forProxy(), ntlm: servers.negotiator.ntlm } };
  if (credentials === undefined) return negotiate === undefined ? inherited : { ...servers, negotiator: checkedNegotiator(negotiate, 'proxy.negotiate') };
  const own = whoOf({ credentials, negotiate }, 'proxy.');
  return own.negotiator === undefined ? whoWith(own.credentials, inherited) : own;
}

/** What the option itself says goes before what stands in the environment. */
function whoByUrl(credentials: CredentialsSource, options: ProxyOptions, settings: Who): Who {
  if (options.credentials !== undefined) return settings;
  return options.negotiate === undefined ? whoWith(credentials, settings) : { credentials, negotiator: settings.negotiator };
}

const OURS: ReadonlySet<string> = new Set(['host', 'connection', 'proxy-connection', 'content-length', 'transfer-encoding']);

function fieldsOf(headers: unknown): readonly Field[] {
  checkObject('proxy.headers', headers);
  return Object.entries(headers as Record<string, unknown>).map(([name, value]) => {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || OURS.has(name.toLowerCase())) {
      throw invalidArgument('proxy.headers', `must not have a field named ${JSON.stringify(name)}`);
    }
    if (typeof value !== 'string' || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw invalidArgument('proxy.headers', `must have a text of one line for ${name}`);
    }
    return { name, value };
  });
}
