/**
 * A realm of Kerberos (MIT's), on loopback: its key distribution center, principals, keytabs and caches of tickets. Nothing
 * of the machine's own Kerberos is read or written: whatever uses it is given `environment`.
 */
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram, freePorts, isRoot, run, Service, TemporaryDirectory } from './processes.ts';

export const REALM = 'CASTLE.TEST';

/** Its users, by name, with their passwords. */
export const realmUsers = { alice: 'drawbridge', bob: 'portcullis' } as const;
export type RealmUser = keyof typeof realmUsers;

export interface Realm extends AsyncDisposable {
  /** KRB5_CONFIG alone. */
  readonly environment: Readonly<Record<string, string>>;
  /** Logs a user on. @returns KRB5CCNAME. `lifetime`: of the ticket, in seconds. */
  kinit(user: RealmUser, options?: { readonly lifetime?: number; readonly forwardable?: boolean }): Promise<string>;
  /** A cache with nothing in it. */
  emptyCache(): string;
  /** The file of the keys of services, made where they are new; readable by every server. */
  keytab(...services: readonly string[]): Promise<string>;
  /** Starts it again with a clock that is this many seconds ahead. */
  restart(ahead: number): Promise<void>;
  /** Ends the key distribution center alone. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** What a server needs to read tickets. */
export interface ServiceKeys {
  readonly keytab: string;
  /** Of the realm. */
  readonly environment: Readonly<Record<string, string>>;
  /** Seconds that the server's clock is ahead. */
  readonly ahead?: number;
}

/** What shifts a process's clock, as a library to load before it. */
export async function clockShim(directory: TemporaryDirectory): Promise<string> {
  const shim = directory.file('clock_shim.so');
  await run('gcc', ['-shared', '-fPIC', '-o', shim, fileURLToPath(new URL('clock_shim.c', import.meta.url)), '-ldl']);
  return shim;
}

/** As a server's process is told. What remembers tickets against replays writes each to the disk. */
export const keysOf = ({ keytab, environment }: ServiceKeys): Record<string, string> => ({ ...environment, KRB5_KTNAME: keytab, KRB5RCACHENAME: 'none:' });

const clientConfiguration = (port: number): string => `
[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  kdc_timesync = 0
[realms]
  ${REALM} = {
    kdc = 127.0.0.1:${port}
  }
[domain_realm]
  localhost = ${REALM}
`;

const serverConfiguration = (directory: string, port: number): string => `
[kdcdefaults]
  kdc_listen = ""
  kdc_tcp_listen = 127.0.0.1:${port}
[realms]
  ${REALM} = {
    database_name = ${directory}/principal
    key_stash_file = ${directory}/stash
    acl_file = ${directory}/acl
    max_life = 10h
  }
[logging]
  kdc = FILE:${directory}/kdc.log
`;

export async function startRealm(): Promise<Realm> {
  const program = findProgram('krb5kdc');
  const directory = new TemporaryDirectory('realm');
  let service: Service | undefined;
  const close = async (): Promise<void> => {
    await service?.close();
    await directory.close();
  };
  try {
    chmodSync(directory.path, 0o755);
    const [port = 0] = await freePorts(1);
    writeFileSync(directory.file('krb5.conf'), clientConfiguration(port));
    writeFileSync(directory.file('kdc.conf'), serverConfiguration(directory.path, port));
    const environment = { KRB5_CONFIG: directory.file('krb5.conf') };
    const env = { PATH: process.env['PATH'], ...environment, KRB5_KDC_PROFILE: directory.file('kdc.conf') };
    const admin = (...commands: readonly string[]): Promise<string> => run('kadmin.local', ['-r', REALM], { env, input: `${commands.join('\n')}\n` });
    await run('kdb5_util', ['create', '-s', '-r', REALM, '-P', 'master'], { env });
    await admin(...Object.entries(realmUsers).map(([name, password]) => `addprinc -pw ${password} ${name}`));
    const shim = await clockShim(directory);
    const start = async (ahead: number): Promise<void> => {
      await service?.close();
      const clock = ahead === 0 ? {} : { LD_PRELOAD: shim, CLOCK_SHIFT: String(ahead) };
      service = await Service.start({ program, args: ['-n', '-r', REALM], env: { ...env, ...clock }, logs: [directory.file('kdc.log')], ports: [port] });
    };
    await start(0);
    const known = new Set<string>();
    let files = 0;
    return {
      environment,
      async kinit(user, { lifetime, forwardable = false } = {}) {
        const cache = `FILE:${directory.file(`cache${++files}`)}`;
        const options = [...(lifetime === undefined ? [] : ['-l', `${lifetime}s`]), ...(forwardable ? ['-f'] : [])];
        await run('kinit', [...options, '-c', cache, user], { env, input: `${realmUsers[user]}\n` });
        return cache;
      },
      emptyCache: () => `FILE:${directory.file('no-cache')}`,
      async keytab(...services) {
        const file = directory.file(`keytab${++files}`);
        await admin(
          ...services.flatMap((name) => (known.has(name) ? [] : [`addprinc -randkey ${name}`])),
          ...services.map((name) => `ktadd -norandkey -k ${file} ${name}`),
        );
        for (const name of services) known.add(name);
        if (isRoot) chownSync(file, 0, 0);
        chmodSync(file, 0o644);
        return file;
      },
      restart: start,
      stop: async () => service?.close(),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
