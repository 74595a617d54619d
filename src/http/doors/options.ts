import { refuseMisspelt } from './misspelt.ts';
import { Credentials } from '../../crypto/credentials.ts';
import { checkObject } from '../../checks.ts';
import { invalidArgument } from '../../errors.ts';
import { resolveOptions, type NtlmOptions, type SessionSecurity } from '../../machine/options.ts';
import type { ConnectionInspector } from '../authentication/connection-context.ts';
import { httpSchemes, type HttpScheme } from '../authentication/schemes.ts';
import type { ProofLimits } from '../authentication/proofs.ts';
import type { Negotiator } from '../authentication/negotiator.ts';
import type { CredentialsProvider } from '../authentication/question.ts';
import { whoOf } from '../authentication/source.ts';
import type { Allow } from '../routes/origins.ts';
import type { Spn } from '../routes/spn.ts';
import type { RouteSettings } from '../routes/settings.ts';
import { resolveProxy, type ProxyOptions } from './proxy-options.ts';

/**
 * What is remembered of credentials that a server or proxy refused; times are milliseconds.
 *
 * ```ts
 * import { NtlmAgent } from 'ntlmachine/http';
 *
 * // an account that locks after one refusal
 * const agent = new NtlmAgent({ credentials, refusals: { limit: 1, memory: 15 * 60_000 } });
 * ```
 */
export interface RefusalOptions {
  /** How often one password of one account may be refused within the memory; default 2. */
  readonly limit?: number | undefined;
  /** Default 300 000. Beyond the limit each further refusal doubles it, */
  readonly memory?: number | undefined;
  /** up to this; default 3 600 000. */
  readonly longestMemory?: number | undefined;
  /** For how long others wait for the server's word on credentials that it never took, before they are sent once more; default 10 000. */
  readonly patience?: number | undefined;
  /** Credentials that are remembered; default 1000. */
  readonly entries?: number | undefined;
}

/**
 * What the agent, the dispatcher and fetch have in common.
 *
 * ```ts
 * import { createNtlmFetch } from 'ntlmachine/fetch';
 *
 * const ntlmFetch = createNtlmFetch({
 *   credentials,
 *   allow: ['https://keep.castle.example', 'https://stores.castle.example'],
 *   proxy: { url: 'http://proxy.castle.example:3128' },
 *   prefer: 'Negotiate',
 *   legTimeout: 10_000,
 * });
 * ```
 */
export interface HttpOptions extends Pick<
  NtlmOptions,
  'policy' | 'workstation' | 'unicode' | 'version' | 'now' | 'randomBytes'
> {
  /**
   * What is asked of the session of a connection to a server, for protocols that encrypt their messages themselves
   * (WinRM). `sessionOf` finds it for the messages of `NtlmAgent`; undici tells nobody which connection a response came
   * on. Default: none is kept. Proxies are asked for none.
   */
  readonly sessionSecurity?: SessionSecurity | undefined;
  /**
   * A handle, or a function that is asked when a server wants them and again when it refused them; or `kerberos()`, or
   * `currentUser()`, of `ntlmachine/kerberos`, where there is nothing for NTLM.
   */
  readonly credentials: Credentials | CredentialsProvider | Negotiator;
  /** What goes before NTLM where Negotiate is offered: `kerberos()` of `ntlmachine/kerberos`. */
  readonly negotiate?: Negotiator | undefined;
  /**
   * The origins that may receive a handshake; default: the one first asked for, and every one where `credentials` is a
   * function, which is told for which, and no `negotiate` goes before it. The same host under https is the same place.
   */
  readonly allow?: Allow | undefined;
  /** An HTTP proxy: `http://host:port`, or its URL beside what is its own. `'environment'`: whatever http_proxy and its like say. */
  readonly proxy?: string | URL | ProxyOptions | undefined;
  /** The scheme taken where a 401 or 407 offers both; default `NTLM`, which costs no leg more. */
  readonly prefer?: HttpScheme | undefined;
  /** Service principal name, or a rule by origin; default `HTTP/` and the host asked for. `false`: none. */
  readonly spn?: Spn | undefined;
  /** Whether the certificate of a TLS server is bound to the handshake (RFC 5929); default `true`. */
  readonly channelBindings?: boolean | undefined;
  /** For how long a leg of a handshake may take, or the opening of a connection, in milliseconds; default 30 000. */
  readonly legTimeout?: number | undefined;
  /** For how long the answer to a complete authentication may take, in milliseconds; default 300 000. */
  readonly answerTimeout?: number | undefined;
  /** Handshakes a request may cost; default 5. */
  readonly maxAttempts?: number | undefined;
  /** The longest body, in bytes, that is kept for a second sending; default 1 MiB. */
  readonly maxRepeatableBody?: number | undefined;
  /** For how long refused credentials are not sent again, so that no account locks. */
  readonly refusals?: RefusalOptions | undefined;
  /** Whether a `HEAD` may ask in place of a request with a body (docs/http.md); default `true`. */
  readonly probe?: boolean | undefined;
  /** XState's inspector, for each connection's machine. It sees handles, never hashes or keys. */
  readonly inspect?: ConnectionInspector | undefined;
}

/** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
export function resolveHttpOptions(options: HttpOptions): RouteSettings {
  checkObject('options', options);
  refuseMisspelt(options, HTTP_OPTION_NAMES);
  const { policy, workstation, unicode, version, now, randomBytes, spn, channelBindings = true, inspect } = options;
  const handshake = { policy, workstation, unicode, version, now, randomBytes };
  const withServers = { ...handshake, sessionSecurity: options.sessionSecurity };
  resolveOptions({ ...withServers, credentials: Credentials.anonymous(), ...(spn && typeof spn !== 'function' ? { spn } : {}) }); // the caller's mistakes, now
  if (typeof channelBindings !== 'boolean') throw invalidArgument('channelBindings', 'must be true or false');
  const { prefer = 'NTLM', probe = true } = options;
  if (typeof probe !== 'boolean') throw invalidArgument('probe', 'must be true or false');
  if (!httpSchemes.includes(prefer)) throw invalidArgument('prefer', 'must be "NTLM" or "Negotiate"');
  const who = whoOf(options);
  return {
    ...who,
    allow: options.allow,
    proxy: options.proxy === undefined ? () => undefined : resolveProxy(options.proxy, { ...who, handshake }),
    spn,
    channelBindings,
    prefer,
    handshake: withServers,
    limits: {
      legTimeout: duration('legTimeout', options.legTimeout ?? 30_000),
      answerTimeout: duration('answerTimeout', options.answerTimeout ?? 300_000),
      maxAttempts: atLeast('maxAttempts', options.maxAttempts ?? 5, 1),
      maxRepeatableBody: atLeast('maxRepeatableBody', options.maxRepeatableBody ?? 1024 * 1024, 0),
      probe,
    },
    refusals: resolveRefusals(options.refusals),
    inspect,
  };
}

/**
 * How many TLS sessions a door keeps to resume them: none while their certificates are bound, unless its options say
 * otherwise. A connection that resumes one shows no certificate, and what Node's sessions hold is no documented form.
 */
export function sessionsOf({ channelBindings }: RouteSettings): { readonly maxCachedSessions?: number } {
  return channelBindings ? { maxCachedSessions: 0 } : {};
}

function resolveRefusals(refusals: RefusalOptions = {}): ProofLimits {
  checkObject('refusals', refusals);
  refuseMisspelt(refusals, REFUSAL_NAMES, 'refusals.');
  const memory = duration('refusals.memory', refusals.memory ?? 300_000);
  return {
    limit: atLeast('refusals.limit', refusals.limit ?? 2, 1),
    memory,
    longestMemory: Math.max(memory, duration('refusals.longestMemory', refusals.longestMemory ?? 3_600_000)),
    patience: duration('refusals.patience', refusals.patience ?? 10_000),
    entries: atLeast('refusals.entries', refusals.entries ?? 1000, 1),
  };
}

const REFUSAL_NAMES: ReadonlySet<string> = new Set<keyof RefusalOptions>(['limit', 'memory', 'longestMemory', 'patience', 'entries']);

/** The names of all of them. */
export const HTTP_OPTION_NAMES: ReadonlySet<string> = new Set<keyof HttpOptions>([
  'credentials',
  'negotiate',
  'allow',
  'proxy',
  'prefer',
  'spn',
  'channelBindings',
  'legTimeout',
  'answerTimeout',
  'maxAttempts',
  'maxRepeatableBody',
  'refusals',
  'probe',
  'inspect',
  'policy',
  'workstation',
  'unicode',
  'version',
  'now',
  'randomBytes',
  'sessionSecurity',
]);

/** What of a carrier's options is its own. */
export function carrierOptions<T extends HttpOptions>(options: T): Omit<T, keyof HttpOptions> {
  const entries = Object.entries(options).filter(([name]) => !HTTP_OPTION_NAMES.has(name));
  return Object.fromEntries(entries) as Omit<T, keyof HttpOptions>;
}

function atLeast(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least)
    throw invalidArgument(name, `must be a whole number of at least ${least}`);
  return value;
}

const LONGEST_TIMER = 2 ** 31 - 1; // beyond, Node's timers end at once

function duration(name: string, milliseconds: number): number {
  if (milliseconds > LONGEST_TIMER) throw invalidArgument(name, `must be at most ${LONGEST_TIMER} milliseconds`);
  return atLeast(name, milliseconds, 1);
}
