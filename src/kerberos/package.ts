/** The package `kerberos` as provider: GSSAPI with the cache of tickets (KRB5CCNAME), SSPI on Windows. */
import { NtlmError, localError } from '../errors.ts';
import { causeOf } from './causes.ts';
import type { KerberosClient, KerberosModule } from './kerberos-module.ts';
import { loadPackage } from './load.ts';
import type { ContextRequest, KerberosContext, KerberosProvider } from './provider.ts';

// RFC 2744 appendix A, and what the package calls a mechanism
const DELEGATE = 1;
const MUTUAL = 2;
const REPLAY = 4;
const SEQUENCE = 8;
const MECHANISMS = { krb5: 9, spnego: 6 } as const;

/** `HTTP/host` as SSPI has it is `HTTP@host` to GSSAPI, whose name of that form is a service's on a host. */
function serviceName(spn: string): string {
  return process.platform === 'win32' ? spn : spn.replace('/', '@');
}

export interface KerberosPackageOptions {
  /** Default `krb5`. `spnego`: whatever the system negotiates, which may be NTLM. */
  readonly tokens?: KerberosProvider['tokens'] | undefined;
  /** The package itself, where it cannot be found from here (a bundle, a folder elsewhere); default: it is loaded when first wanted. */
  readonly module?: KerberosModule | undefined;
}

/** The package `kerberos` 7 as provider. It binds nothing. */
export function kerberosPackage({ tokens = 'krb5', module }: KerberosPackageOptions = {}): KerberosProvider {
  const initializeClient = async (...given: Parameters<KerberosModule['initializeClient']>): Promise<KerberosClient> =>
    (module ?? (await loadPackage())).initializeClient(...given);
  return { binds: false, tokens, begin: (request) => begin(request, { initializeClient, mechOID: MECHANISMS[tokens] }) };
}

interface Way extends KerberosModule {
  readonly mechOID: number;
}

async function begin({ spn, principal, mutual, delegate }: ContextRequest, { initializeClient, mechOID }: Way): Promise<KerberosContext> {
  const flags = REPLAY | SEQUENCE | (mutual ? MUTUAL : 0) | (delegate ? DELEGATE : 0);
  const service = serviceName(spn);
  const who = principal === undefined ? {} : { principal };
  if (principal !== undefined) await checkPrincipal(principal, await initializeClient(service, { ...who, flags: 0, mechOID }).catch(rethrow));
  const client = await initializeClient(service, { ...who, flags, mechOID }).catch(rethrow);
  return {
    async step(token) {
      const made = await client.step(token === undefined ? '' : Buffer.from(token).toString('base64')).catch(rethrow);
      // SSPI's end of the package says `contextComplete` after any step; the name of the user is there after the last.
      return { token: made === null ? undefined : Buffer.from(made, 'base64'), complete: typeof client.username === 'string' };
    },
  };
}

/**
 * Where the system has no ticket of `principal` but some other mechanism takes the name, the package goes on as whoever the
 * cache belongs to. Without mutual authentication a context is complete at once, and says for whom: `probe` is never sent.
 */
async function checkPrincipal(principal: string, probe: KerberosClient): Promise<void> {
  if (process.platform === 'win32') throw localError('"principal" is nothing that SSPI knows: it takes who is logged on', 'unsupported', 'kerberos');
  await probe.step('').catch(rethrow);
  const { username } = probe;
  const [name] = username?.split('@') ?? [];
  if (username === principal || name === principal) return;
  throw localError(`there is no Kerberos ticket of ${principal} in the cache, which is that of ${username ?? 'nobody'}: kinit gets one (KRB5CCNAME says where it is kept)`, 'no-ticket', 'kerberos');
}

function rethrow(error: unknown): never {
  throw error instanceof NtlmError ? error : causeOf(error);
}
