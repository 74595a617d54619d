/**
 * Samba as a domain's controller: LDAP and LDAPS, SMB, and DCE/RPC behind them, on loopback. Its ports are fixed, so
 * one runs at a time on a machine, as root. It knows alice.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { makeServerCertificate } from './certificates.ts';
import { findFile, findProgram, isRoot, knock, run, Service, TemporaryDirectory } from './processes.ts';
import { alice } from './users.ts';

export interface SambaAd extends AsyncDisposable {
  readonly host: string;
  /** `DC=testdom,DC=example`. */
  readonly baseDn: string;
  /** A share that every user may write to. */
  readonly share: string;
  /** For `ntlm_auth` and the like. */
  readonly smbConf: string;
  /** That of its LDAPS, PEM. */
  readonly authority: string;
  close(): Promise<void>;
}

export interface SambaAdOptions {
  /** Whether LDAP that is neither signed nor over TLS is refused, as is Samba's own wont. Default true. */
  readonly signing?: boolean;
}

const REALM = 'TESTDOM.EXAMPLE';
const WINBIND = '/run/samba/winbindd';
const PORTS = { ldap: 389, ldaps: 636, smb: 445, epmapper: 135 };

function configuration(directory: string, signing: boolean): string {
  return `[global]
netbios name = TESTDC
workgroup = ${alice.domain}
realm = ${REALM}
server role = active directory domain controller
server services = s3fs, rpc, ldap, winbindd
bind interfaces only = yes
interfaces = lo
private dir = ${directory}/private
lock directory = ${directory}
state directory = ${directory}/state
cache directory = ${directory}/cache
binddns dir = ${directory}/bind-dns
pid directory = ${directory}/run
ncalrpc dir = ${directory}/run/ncalrpc
ntp signd socket directory = ${directory}/run/ntp
posix:eadb = ${directory}/eadb.tdb
log file = ${directory}/log.%m
load printers = no
disable spoolss = yes
idmap_ldb:use rfc2307 = yes
tls cafile = ${directory}/tls/ca.pem
tls certfile = ${directory}/tls/cert.pem
tls keyfile = ${directory}/tls/key.pem
ldap server require strong auth = ${signing ? 'allow_sasl_over_tls' : 'no'}
[share]
path = ${directory}/share
read only = no
`;
}

/** SMB's logons go through winbind, which comes last. */
async function winbindUp(): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; await delay(100)) {
    try {
      await run('wbinfo', ['-p']);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** The sockets of a controller that was ended may outlive it for a moment. */
async function portsFree(): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; await delay(100)) {
    const answers = await Promise.all(Object.values(PORTS).map(async (port) => ({ port, answer: await knock(port) })));
    const taken = answers.filter(({ answer }) => answer !== 'refused');
    if (taken.length === 0) return;
    if (Date.now() > deadline) throw new Error(`${taken.map(({ port, answer }) => `port ${port}: ${answer}`).join(', ')}: another controller runs`);
  }
}

async function startOnce({ signing = true }: SambaAdOptions): Promise<SambaAd> {
  await portsFree();
  const directory = new TemporaryDirectory('ad');
  const { path } = directory;
  let service: Service | undefined;
  const close = async (): Promise<void> => {
    await service?.close();
    await portsFree();
    await directory.close();
  };
  try {
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    await run(
      'samba-tool',
      [
        'domain', 'provision', '--configfile=/dev/null', `--targetdir=${path}`, `--realm=${REALM}`,
        `--domain=${alice.domain}`, '--host-name=testdc', '--host-ip=127.0.0.1', '--server-role=dc',
        '--dns-backend=NONE', `--adminpass=${alice.password}`, '--use-rfc2307', '--option=interfaces=lo',
        '--option=bind interfaces only=yes', `--option=posix:eadb=${path}/eadb.tdb`,
      ],
      { env },
    );
    const smbConf = directory.file('smb.conf');
    writeFileSync(smbConf, configuration(path, signing));
    // Left to itself it makes a key of 4096 bits before it listens, which takes a second or twenty, as its primes fall.
    const { authority, server } = await makeServerCertificate();
    mkdirSync(directory.file('tls'));
    for (const [name, pem] of [['ca', authority.pem], ['cert', server.pem], ['key', server.keyPem]] as const) writeFileSync(directory.file(`tls/${name}.pem`), pem, { mode: 0o600 });
    for (const folder of ['run/ncalrpc', 'cache', 'share']) mkdirSync(directory.file(folder), { recursive: true });
    // where the client library looks, whatever the configuration; winbind takes no folder that others may write to
    mkdirSync(WINBIND, { recursive: true });
    chmodSync(WINBIND, 0o755);
    const database = ['-H', directory.file('private/sam.ldb'), '-s', smbConf];
    await run('samba-tool', ['user', 'create', alice.username, alice.password, ...database], { env });
    service = await Service.start({
      program: findProgram('samba'),
      args: ['-s', smbConf, '-F', '--no-process-group'],
      env,
      logs: ['samba', 'smbd', 'winbindd', 'wb-TESTDOM'].map((name) => directory.file(`log.${name}`)),
      ports: Object.values(PORTS),
      group: true,
    });
    await winbindUp();
    return { host: '127.0.0.1', baseDn: 'DC=testdom,DC=example', share: 'share', smbConf, authority: authority.pem, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A controller is thirty processes, which do not always come up together: what failed is told, and tried once more. */
export async function startSambaAd(options: SambaAdOptions = {}): Promise<SambaAd> {
  findProgram('samba');
  findFile('/usr/share/samba/setup/provision.ldif', 'samba-ad-provision');
  findFile('/usr/lib/python3/dist-packages/samba/provision/__init__.py', 'python3-samba');
  if (!isRoot) throw new Error('Samba has to be started as root: its ports are those of the protocols');
  try {
    return await startOnce(options);
  } catch (error) {
    console.error('Samba AD did not start, and is started once more:', error);
    return startOnce(options);
  }
}
