import { checkObject } from '../checks.ts';
import { invalidArgument } from '../errors.ts';
import type { Negotiator } from '../http/authentication/negotiator.ts';
import type { NtlmAfter } from '../http/authentication/ntlm-after.ts';
import { kerberosMachine } from './machine.ts';
import type { KerberosInput } from './context.ts';
import { kerberosPackage } from './package.ts';
import type { KerberosProvider } from './provider.ts';

export type KerberosMachine = typeof kerberosMachine;

export interface KerberosOptions {
  /** Service principal name, `HTTP/host`; default: that of the connection (`spn` of the agent, or `HTTP/` and the host asked for). */
  readonly spn?: string | undefined;
  /** Whether a server has to prove itself; default `true`: what lets a request through without the proof is an error. */
  readonly mutual?: boolean | undefined;
  /** Whose ticket of the cache, `user@REALM`; default: the cache's own. */
  readonly principal?: string | undefined;
  /** Whether the server may act as the user elsewhere (the ticket has to be forwardable); default `false`. */
  readonly delegate?: boolean | undefined;
  /**
   * Whether NTLM may follow: `true`, the default, where Kerberos could not begin here (no ticket, no such service, no
   * package) or is not offered; `'after-refusal'`, where the ticket was refused too; `false`, never.
   */
  readonly ntlm?: NtlmAfter | undefined;
  /** Whether tickets may go over TLS without a binding to it, where the provider makes none; default `false`. Warns once. */
  readonly unbound?: boolean | undefined;
  /** What makes the tokens; default: the package `kerberos`. */
  readonly provider?: KerberosProvider | undefined;
  /** The machine, its services replaced by `provide()`. */
  readonly machine?: KerberosMachine | undefined;
}

/**
 * Kerberos for the option `negotiate` of an agent, a dispatcher or fetch.
 *
 * ```ts
 * import { NtlmAgent } from 'ntlmachine/http';
 * import { kerberos } from 'ntlmachine/kerberos';
 *
 * const agent = new NtlmAgent({ credentials, negotiate: kerberos() });
 * ```
 *
 * @throws NtlmError `invalid-argument`, naming the option.
 */
export function kerberos(options: KerberosOptions = {}): Negotiator {
  checkObject('options', options);
  const { spn, principal, ntlm = true, provider = kerberosPackage(), machine = kerberosMachine } = options;
  const flags = {
    mutual: flag('mutual', options.mutual ?? true),
    delegate: flag('delegate', options.delegate ?? false),
    unbound: flag('unbound', options.unbound ?? false),
  };
  if (spn !== undefined) serviceName('spn', spn);
  if (principal !== undefined && (typeof principal !== 'string' || principal === '')) throw invalidArgument('principal', 'must be a name such as "user@REALM"');
  if (typeof ntlm !== 'boolean' && ntlm !== 'after-refusal') throw invalidArgument('ntlm', 'must be true, false or "after-refusal"');
  checkProvider(provider);
  if (machine?.id !== kerberosMachine.id) throw invalidArgument('machine', 'must be kerberosMachine, or what its provide() gives');
  return {
    mechanism: 'Kerberos',
    ntlm,
    proves: flags.mutual,
    machine,
    spn,
    input: (request): KerberosInput => {
      if (request.channelBindings !== undefined && !provider.binds && flags.unbound) warnUnbound();
      return { ...request, ...flags, principal, provider };
    },
    forProxy: () => kerberos({ ...options, provider, spn: undefined, delegate: false }),
  };
}

/**
 * Who is logged on, for the option `credentials`: their Kerberos tickets, and nothing else. On Windows SSPI negotiates,
 * which takes NTLM where Kerberos cannot be had.
 */
export function currentUser(options: Omit<KerberosOptions, 'ntlm'> = {}): Negotiator {
  const tokens = process.platform === 'win32' ? 'spnego' : 'krb5';
  return kerberos({ provider: kerberosPackage({ tokens }), ...options, ntlm: false });
}

let warned = false;

function warnUnbound(): void {
  if (warned) return;
  warned = true;
  process.emitWarning('Kerberos tickets go over TLS without a binding to it ("unbound: true"): whoever ends the TLS between can pass them on', { type: 'NtlmWarning', code: 'bindings-unavailable' });
}

function flag(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw invalidArgument(name, 'must be true or false');
  return value;
}

/** One slash, and something on both sides of it; no more, for the name may be of another realm or have a port. */
function serviceName(name: string, spn: string): void {
  if (typeof spn !== 'string' || !/^[^/\s]+\/[^/\s]+$/.test(spn)) throw invalidArgument(name, 'must be a service principal name such as "HTTP/host"');
}

function checkProvider(provider: KerberosProvider): void {
  const { binds, tokens, begin }: Partial<KerberosProvider> = typeof provider === 'object' && provider !== null ? provider : {};
  if (typeof binds !== 'boolean' || (tokens !== 'krb5' && tokens !== 'spnego') || typeof begin !== 'function') {
    throw invalidArgument('provider', 'must be { binds, tokens, begin }');
  }
}
