/**
 * Squid asking 407 with NTLM, verified by Samba's `ntlm_auth`: plain requests and CONNECT, to loopback only. It knows
 * one password and lets any user name pass that proves it.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { readAccessLog } from './access-log.ts';
import type { AccessLogEntry, EnoughEntries } from './access-log.ts';
import { findProgram, freePorts, isRoot, run, Service, TemporaryDirectory } from './processes.ts';
import { alice } from './users.ts';

export interface Squid extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly proxy: string;
  /** A tunnel is logged when it ends. */
  accessLog(until?: EnoughEntries): Promise<readonly AccessLogEntry[]>;
  close(): Promise<void>;
}

function configuration(directory: string, port: number, ntlmAuth: string): string {
  const { username, domain, password } = alice;
  const helper = [
    `${ntlmAuth} --configfile=${directory}/smb.conf -d0 --helper-protocol=squid-2.5-ntlmssp`,
    `--username=${username} --domain=${domain} --password=${password}`,
  ].join(' ');
  return `
http_port 127.0.0.1:${port}
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
auth_param ntlm program ${helper}
auth_param ntlm children 8 startup=2 idle=1
auth_param ntlm keep_alive on
acl authenticated proxy_auth REQUIRED
acl loopback dst 127.0.0.0/8
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

export async function startSquid(): Promise<Squid> {
  const program = findProgram('squid');
  const ntlmAuth = findProgram('ntlm_auth');
  const directory = new TemporaryDirectory('squid');
  try {
    const [port = 0] = await freePorts(1);
    writeFileSync(directory.file('squid.conf'), configuration(directory.path, port, ntlmAuth));
    writeFileSync(directory.file('smb.conf'), sambaConfiguration(directory.path));
    chmodSync(directory.path, 0o755);
    if (isRoot) await run('chown', ['-R', 'proxy:proxy', directory.path]);
    const service = await Service.start({
      program,
      args: ['-N', '-f', directory.file('squid.conf')],
      logs: [directory.file('cache.log')],
      ports: [port],
    });
    const close = async (): Promise<void> => {
      await service.close();
      await directory.close();
    };
    return {
      proxy: `http://127.0.0.1:${port}`,
      accessLog: (until) => readAccessLog(directory.file('access.log'), until),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await directory.close();
    throw error;
  }
}
