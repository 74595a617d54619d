/**
 * Squid asking 407 with Negotiate and NTLM, verified by Samba's `ntlm_auth`: plain requests and CONNECT, to loopback
 * only. It knows one password and lets any user name pass that proves it.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { readAccessLog } from './access-log.ts';
import type { AccessLogEntry, EnoughEntries } from './access-log.ts';
import { findFile, findProgram, freePorts, isRoot, run, Service, TemporaryDirectory } from './processes.ts';
import { keysOf, type ServiceKeys } from './realm.ts';
import { alice } from './users.ts';

export interface Squid extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly proxy: string;
  /** The same proxy, by a port where it asks nobody who they are. */
  readonly open: string;
  /** A tunnel is logged when it ends. */
  accessLog(until?: EnoughEntries): Promise<readonly AccessLogEntry[]>;
  /** Ends it, or begins it anew at the same ports. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface SquidOptions {
  /** What its Negotiate takes, by Samba's helper for SPNEGO or by Squid's own for Kerberos; default `NTLM`. */
  readonly negotiate?: 'NTLM' | 'Kerberos';
  /** Its service's keys, and how Kerberos is found; default: no key. */
  readonly kerberos?: ServiceKeys;
}

function configuration(directory: string, port: number, open: number, { negotiate = 'NTLM', kerberos }: SquidOptions): string {
  const ntlmAuth = findProgram('ntlm_auth');
  const { username, domain, password } = alice;
  const helper = (protocol: string): string =>
    [
      `${ntlmAuth} --configfile=${directory}/smb.conf -d0 --helper-protocol=${protocol}`,
      `--username=${username} --domain=${domain} --password=${password}`,
    ].join(' ');
  const kerberosAuth = (): string =>
    `${findFile('/usr/lib/squid/negotiate_kerberos_auth', 'squid')} -k ${kerberos?.keytab ?? `${directory}/empty.keytab`} -s ${kerberos === undefined ? 'HTTP/testproxy' : 'GSS_C_NO_NAME'}`;
  return `
http_port 127.0.0.1:${port}
http_port 127.0.0.1:${open} name=open
cache_effective_user proxy
pid_filename none
logformat connection %>p %'un %>Hs %rm %ru
access_log stdio:${directory}/access.log connection
cache_log ${directory}/cache.log
cache deny all
cache_mem 8 MB
max_filedescriptors 1024
coredump_dir ${directory}
visible_hostname testproxy
shutdown_lifetime 0 seconds
netdb_filename none
pinger_enable off
auth_param negotiate program ${negotiate === 'NTLM' ? helper('gss-spnego') : kerberosAuth()}
auth_param negotiate children 8 startup=2 idle=1
auth_param negotiate keep_alive on
auth_param ntlm program ${helper('squid-2.5-ntlmssp')}
auth_param ntlm children 8 startup=2 idle=1
auth_param ntlm keep_alive on
acl authenticated proxy_auth REQUIRED
acl loopback dst 127.0.0.0/8
acl open myportname open
http_access allow open loopback
http_access allow authenticated loopback
http_access deny all
`;
}

function sambaConfiguration(directory: string): string {
  return `[global]
workgroup = ${alice.domain}
netbios name = ORACLE
private dir = ${directory}
lock directory = ${directory}
winbindd socket directory = ${directory}/none
`;
}

export async function startSquid(options: SquidOptions = {}): Promise<Squid> {
  const program = findProgram('squid');
  const directory = new TemporaryDirectory('squid');
  try {
    const [port = 0, open = 0] = await freePorts(2);
    writeFileSync(directory.file('squid.conf'), configuration(directory.path, port, open, options));
    writeFileSync(directory.file('smb.conf'), sambaConfiguration(directory.path));
    writeFileSync(directory.file('empty.keytab'), Uint8Array.of(5, 2)); // its version, no key
    chmodSync(directory.path, 0o755);
    if (isRoot) await run('chown', ['-R', 'proxy:proxy', directory.path]);
    const begin = (): Promise<Service> =>
      Service.start({
        program,
        args: ['-N', '-f', directory.file('squid.conf')],
        env: { ...process.env, ...(options.kerberos === undefined ? {} : keysOf(options.kerberos)) },
        logs: [directory.file('cache.log')],
        ports: [port, open],
      });
    let service = await begin();
    const close = async (): Promise<void> => {
      await service.close();
      await directory.close();
    };
    return {
      proxy: `http://127.0.0.1:${port}`,
      open: `http://127.0.0.1:${open}`,
      accessLog: (until) => readAccessLog(directory.file('access.log'), until),
      stop: () => service.close(),
      start: async () => void (service = await begin()),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await directory.close();
    throw error;
  }
}
