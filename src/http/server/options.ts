import type { IncomingMessage } from 'node:http';
import { invalidArgument } from '../../errors.ts';
import { SpnegoAcceptor } from '../../spnego/acceptor/acceptor.ts';
import type { SpnegoAcceptorOptions } from '../../spnego/acceptor/context.ts';
import { checkKerberos } from '../../spnego/acceptor/kerberos.ts';
import { httpSchemes, type HttpScheme } from '../authentication/schemes.ts';
import type { ConnectionSide } from '../authentication/question.ts';
import { resolveBindings, type BindingsOf, type BindingsOptions } from './bindings.ts';
import { RefusalLimits, type RefusalLimit } from './refusal-limits.ts';
import { SIDES, type SideWords } from './side.ts';
import type { NtlmServerVerdict } from './verdict.ts';

/**
 * Whom a server lets in, and how it asks.
 *
 * ```ts
 * import { createNtlmServer } from 'ntlmachine/http';
 *
 * const server = createNtlmServer(
 *   { credentials: ({ username }) => users.get(username), schemes: ['Negotiate', 'NTLM'], refusalLimit: {} },
 *   (request, response) => response.end(`You are ${request.ntlm.username}`),
 * );
 * ```
 */
export interface NtlmServerOptions extends Omit<SpnegoAcceptorOptions, 'channelBindings'>, BindingsOptions {
  /** `server` asks by 401, `proxy` by 407; default `server`. */
  readonly side?: ConnectionSide | undefined;
  /**
   * What takes Kerberos tickets, which come under `Negotiate`: `kerberosServer()` of `ntlmachine/kerberos`; default: NTLM
   * alone is taken.
   */
  readonly kerberos?: SpnegoAcceptorOptions['kerberos'];
  /**
   * What a 401 offers, in this order; default `['NTLM']`, with `kerberos` `['Negotiate', 'NTLM']`. Under `Negotiate` bare
   * NTLM messages are taken too.
   */
  readonly schemes?: readonly HttpScheme[] | undefined;
  /**
   * The channel that clients have to name (Extended Protection): `required` or `allowed` of the certificate that each
   * TLS connection was opened with, or of another one; or a hash, with `requireChannelBindings`. Default: none.
   */
  readonly channelBindings?: BindingsOptions['channelBindings'];
  /** How many passwords may be refused; further ones are answered 429 and verified by nobody. */
  readonly refusalLimit?: RefusalLimit | undefined;
  /** Refused handshakes on one connection before it is closed; default 8. */
  readonly maxRefusals?: number | undefined;
  /** For how long a challenge may be answered, in milliseconds; default 60 000. */
  readonly challengeLifetime?: number | undefined;
  /** For how long a response may be verified, or a certificate be looked for, in milliseconds; default 30 000. */
  readonly verifyTimeout?: number | undefined;
  /**
   * Whether the session of an authenticated connection is kept, where its client agreed on SIGN: `sessionOf(request)`.
   * Its keys are wiped with the connection. Default `false`.
   */
  readonly sessions?: boolean | undefined;
  /**
   * Whether whatever stands in front gives each client a connection of its own. Without it a request that was
   * forwarded is refused: a proxy that shares its connections would share identities.
   */
  readonly trustedProxy?: boolean | undefined;
  /**
   * Told of each verdict on a token, and of a verification that failed. A session key is there until it returns, and
   * overwritten afterwards; with `sessions` at the end of the connection.
   */
  readonly onVerdict?: ((verdict: NtlmServerVerdict, request: IncomingMessage) => void) | undefined;
}

/** The options, checked and with their defaults. */
export interface Settings {
  readonly side: SideWords;
  readonly schemes: readonly HttpScheme[];
  readonly maxRefusals: number;
  readonly challengeLifetime: number;
  readonly verifyTimeout: number;
  readonly trustedProxy: boolean;
  readonly sessions: boolean;
  readonly onVerdict: NtlmServerOptions['onVerdict'];
  readonly acceptorOptions: SpnegoAcceptorOptions;
  readonly bindingsOf: BindingsOf;
  readonly limits: RefusalLimits;
}

/** @throws NtlmError `invalid-argument`, naming the option. */
export function resolveServerOptions(options: NtlmServerOptions): Settings {
  const {
    side = 'server',
    schemes = options.kerberos === undefined ? ['NTLM'] : ['Negotiate', 'NTLM'],
    maxRefusals = 8,
    challengeLifetime = 60_000,
    verifyTimeout = 30_000,
    trustedProxy = false,
    sessions = false,
    onVerdict,
    refusalLimit,
    channelBindings,
    requireChannelBindings,
    ...acceptorOptions
  } = options;
  if (!Object.hasOwn(SIDES, side)) throw invalidArgument('side', 'must be "server" or "proxy"');
  if (!Array.isArray(schemes) || schemes.length === 0 || !schemes.every((scheme) => httpSchemes.includes(scheme))) {
    throw invalidArgument('schemes', 'must list "NTLM", "Negotiate" or both');
  }
  checkKerberos(options.kerberos, channelBindings !== undefined);
  if (options.kerberos !== undefined && !schemes.includes('Negotiate')) throw invalidArgument('schemes', 'must list "Negotiate", under which Kerberos comes');
  if (!(Number.isInteger(maxRefusals) && maxRefusals > 0)) {
    throw invalidArgument('maxRefusals', 'must be a whole number above 0');
  }
  checkTime('challengeLifetime', challengeLifetime);
  checkTime('verifyTimeout', verifyTimeout);
  if (typeof trustedProxy !== 'boolean') throw invalidArgument('trustedProxy', 'must be a boolean');
  if (typeof sessions !== 'boolean') throw invalidArgument('sessions', 'must be a boolean');
  if (!['undefined', 'function'].includes(typeof onVerdict)) throw invalidArgument('onVerdict', 'must be a function');
  const bindingsOf = resolveBindings({ channelBindings, requireChannelBindings });
  const hash = typeof channelBindings === 'object' && 'hash' in channelBindings ? { channelBindings } : {};
  new SpnegoAcceptor({ ...acceptorOptions, ...hash, requireChannelBindings }); // a mistake in the options belongs to the caller, not to the first connection
  return {
    side: SIDES[side],
    schemes: [...schemes],
    maxRefusals,
    challengeLifetime,
    verifyTimeout,
    trustedProxy,
    sessions,
    onVerdict,
    acceptorOptions,
    bindingsOf,
    limits: new RefusalLimits(refusalLimit),
  };
}

function checkTime(name: string, milliseconds: number): void {
  if (!(milliseconds > 0)) throw invalidArgument(name, 'must be milliseconds above 0');
}
