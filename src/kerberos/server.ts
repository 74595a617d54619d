/** The server's end of Kerberos by the package `kerberos` 7: GSSAPI with a keytab (KRB5_KTNAME). */
import { NtlmError, invalidArgument } from '../errors.ts';
import type { KerberosServerModule } from './kerberos-module.ts';
import { loadPackage } from './load.ts';
import type { KerberosAcceptor, KerberosServerContext } from '../spnego/acceptor/kerberos.ts';

export interface KerberosServerOptions {
  /**
   * The service whose tickets are taken, `HTTP@keep.castle.example`; default: HTTP by every name that the keytab has keys of,
   * as a server behind several names wants it.
   */
  readonly service?: string | undefined;
  /** Whether tickets are taken where channel bindings are asked for: the package looks at none; default `false`. */
  readonly unbound?: boolean | undefined;
  /** The package itself, where it cannot be found from here (a bundle, a folder elsewhere); default: it is loaded when first wanted. */
  readonly module?: KerberosServerModule | undefined;
}

/**
 * What takes Kerberos tickets, for the option `kerberos` of `createNtlmServer`, `requireNtlm` and `SpnegoAcceptor`. The keys
 * are those of the keytab (KRB5_KTNAME, default /etc/krb5.keytab), which this process has to be able to read.
 *
 * ```ts
 * import { createNtlmServer } from 'ntlmachine/http';
 * import { kerberosServer } from 'ntlmachine/kerberos';
 *
 * const server = createNtlmServer({ credentials: ({ username }) => users.get(username), kerberos: kerberosServer() });
 * ```
 *
 * @throws NtlmError `invalid-argument`, naming the option; `unsupported` on Windows, where the package has no such end.
 */
export function kerberosServer({ service = '', unbound = false, module }: KerberosServerOptions = {}): KerberosAcceptor {
  if (typeof service !== 'string' || (service !== '' && !/^[^@/\s]+@[^@/\s]+$/.test(service))) throw invalidArgument('service', 'must be a service on a host, such as "HTTP@keep.castle.example"');
  if (typeof unbound !== 'boolean') throw invalidArgument('unbound', 'must be true or false');
  if (process.platform === 'win32') throw new NtlmError('the package "kerberos" takes no tickets on Windows: let IIS do it, or give an acceptor of your own', { code: 'unsupported', phase: 'configure', side: 'local' });
  return { binds: false, unbound, begin: () => begin(service, module) };
}

async function begin(service: string, given: KerberosServerModule | undefined): Promise<KerberosServerContext> {
  const server = await (given ?? (await loadPackage())).initializeServer(service).catch((cause: unknown) => {
    throw here(cause);
  });
  return {
    async step(token) {
      const made = await server.step(Buffer.from(token).toString('base64')).catch((cause: unknown) => {
        throw isHere(cause) ? here(cause) : refused(textOf(cause), cause);
      });
      const { username, targetName } = server;
      // a keytab of several services is not theirs to lend to one another
      if (service === '' && !/^HTTP\//i.test(targetName ?? '')) throw refused(`the ticket is for ${targetName ?? 'no service'}, not for HTTP`);
      // the package takes a ticket with its first step or not at all
      return { token: made === null ? undefined : Buffer.from(made, 'base64'), complete: true, principal: username ?? undefined };
    },
  };
}

/** Its errors are the texts of GSSAPI alone. `GSS_S_NO_CRED` (RFC 2744 3.9) is of the keytab, every other of the client's ticket. */
const isHere = (error: unknown): boolean => /no credentials were supplied/i.test(textOf(error));

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/[^\x20-\x7e]/g, '?');

const here = (cause: unknown): NtlmError =>
  new NtlmError(`Kerberos tickets cannot be read here: look at the keytab (KRB5_KTNAME, \`klist -k\`) and whether this process may read it (${textOf(cause)})`, { code: 'service-failed', phase: 'kerberos', side: 'local', cause });

const refused = (why: string, cause?: unknown): NtlmError =>
  new NtlmError(`the Kerberos ticket is not taken: ${why}`, { code: 'ticket-refused', phase: 'kerberos', side: 'peer', cause });
