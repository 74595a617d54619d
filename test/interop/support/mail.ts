/**
 * Mail servers that take NTLM: Dovecot (IMAP, POP3), whose verifier is Samba's `ntlm_auth` with one password, and exim
 * (SMTP), whose own code of the 1990s takes NTLMv1 only. Both need root to give their work to other accounts.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { makeServerCertificate } from './certificates.ts';
import { findFile, findProgram, freePorts, isRoot, run, Service, TemporaryDirectory } from './processes.ts';
import { alice } from './users.ts';

export interface Dovecot extends AsyncDisposable {
  readonly imap: number;
  readonly pop3: number;
  readonly imaps: number;
  /** PEM of the authority that signed its certificate. */
  readonly authority: string;
  close(): Promise<void>;
}

export interface Exim extends AsyncDisposable {
  readonly smtp: number;
  close(): Promise<void>;
}

function assertRoot(): void {
  if (!isRoot) throw new Error('the mail servers have to be started as root: they give their work to other accounts');
}

function dovecotConfiguration(directory: string, { imap, pop3, imaps }: Record<'imap' | 'pop3' | 'imaps', number>): string {
  return `
base_dir = ${directory}/run
state_dir = ${directory}/run
log_path = ${directory}/dovecot.log
instance_name = ntlmachine-${imap}
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <${directory}/server.pem
ssl_key = <${directory}/server.key
auth_mechanisms = plain ntlm
auth_username_format = %Lu
auth_username_chars =
auth_use_winbind = yes
auth_winbind_helper_path = ${directory}/ntlm_helper
auth_failure_delay = 0
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
default_vsz_limit = 0
first_valid_uid = 1
mail_location = mbox:${directory}/mail/%n
passdb {
  driver = passwd-file
  args = scheme=PLAIN ${directory}/passwd
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=${directory}/mail/%n
}
service imap-login {
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imaps {
    port = ${imaps}
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${pop3}
  }
  inet_listener pop3s {
    port = 0
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  user = root
}
`;
}

const sambaConfiguration = (directory: string): string => `[global]
workgroup = ${alice.domain}
netbios name = MAIL
private dir = ${directory}
lock directory = ${directory}
winbindd socket directory = ${directory}/none
`;

export async function startDovecot(): Promise<Dovecot> {
  const program = findProgram('dovecot');
  const ntlmAuth = findProgram('ntlm_auth');
  findFile('/usr/lib/dovecot/pop3', 'dovecot-pop3d');
  findFile('/usr/lib/dovecot/imap', 'dovecot-imapd');
  assertRoot();
  const directory = new TemporaryDirectory('dovecot');
  const { path } = directory;
  try {
    const [imap = 0, pop3 = 0, imaps = 0] = await freePorts(3);
    const { authority, server } = await makeServerCertificate();
    writeFileSync(directory.file('server.pem'), server.pem);
    writeFileSync(directory.file('server.key'), server.keyPem);
    writeFileSync(directory.file('smb.conf'), sambaConfiguration(path));
    writeFileSync(directory.file('passwd'), `${alice.username}:{PLAIN}${alice.password}\n`);
    const { username, domain, password } = alice;
    const account = `--username=${username} --domain=${domain} '--password=${password}'`;
    writeFileSync(directory.file('ntlm_helper'), `#!/bin/sh\nexec ${ntlmAuth} --configfile=${path}/smb.conf -d0 ${account} "$@"\n`);
    chmodSync(directory.file('ntlm_helper'), 0o755);
    mkdirSync(directory.file('mail'));
    chmodSync(directory.file('mail'), 0o777);
    chmodSync(path, 0o755);
    writeFileSync(directory.file('dovecot.conf'), dovecotConfiguration(path, { imap, pop3, imaps }));
    const service = await Service.start({
      program,
      args: ['-c', directory.file('dovecot.conf'), '-F'],
      logs: [directory.file('dovecot.log')],
      ports: [imap, pop3, imaps],
    });
    const close = async (): Promise<void> => {
      await service.close();
      await directory.close();
    };
    return { imap, pop3, imaps, authority: authority.pem, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

const eximConfiguration = (directory: string, port: number): string => `
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
pid_file_path = ${directory}/exim.pid
daemon_smtp_ports = ${port}
local_interfaces = 127.0.0.1
primary_hostname = testmail
tls_advertise_hosts =
host_lookup =
rfc1413_hosts =
auth_advertise_hosts = *
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
begin acl
acl_rcpt:
  accept authenticated = *
  deny message = auth required
acl_data:
  accept
begin routers
drop:
  driver = redirect
  data = :blackhole:
begin authenticators
spa:
  driver = spa
  public_name = NTLM
  server_password = \${lookup{$auth1}lsearch{${directory}/passwd}{$value}fail}
  server_set_id = $auth1
`;

export async function startExim(): Promise<Exim> {
  const program = findProgram('exim4');
  assertRoot();
  const directory = new TemporaryDirectory('exim');
  const { path } = directory;
  try {
    const [smtp = 0] = await freePorts(1);
    for (const folder of ['spool', 'log']) mkdirSync(directory.file(folder));
    writeFileSync(directory.file('passwd'), `${alice.username}: ${alice.password}\n`);
    writeFileSync(directory.file('exim.conf'), eximConfiguration(path, smtp));
    await run('chown', ['-R', 'Debian-exim:Debian-exim', directory.file('spool'), directory.file('log')]);
    chmodSync(path, 0o755);
    const service = await Service.start({
      program,
      args: ['-C', directory.file('exim.conf'), '-bdf'],
      logs: [directory.file('log/mainlog'), directory.file('log/paniclog')],
      ports: [smtp],
    });
    const close = async (): Promise<void> => {
      await service.close();
      await directory.close();
    };
    return { smtp, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await directory.close();
    throw error;
  }
}
