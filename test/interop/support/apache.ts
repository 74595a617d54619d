/**
 * Apache with mod_auth_gssapi and gss-ntlmssp: `Negotiate` and `NTLM` on HTTP and HTTPS, bound to the connection.
 * Everything asks for a user but /public/, which holds the same scripts. With a keytab Negotiate takes Kerberos as well;
 * /tickets/ takes it alone, and /each/ does so with each request anew. It does not look at channel bindings. A 401
 * to a request with `Expect: 100-continue` closes the connection.
 */
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readAccessLog } from './access-log.ts';
import type { AccessLogEntry, EnoughEntries } from './access-log.ts';
import { makeServerCertificate } from './certificates.ts';
import type { TestCertificate } from './certificates.ts';
import { gssEnvironment } from './gss.ts';
import { clockShim, keysOf, type ServiceKeys } from './realm.ts';
import { findFile, findProgram, freePorts, isRoot, run, Service, TemporaryDirectory } from './processes.ts';
import { ntlmUserFile } from './users.ts';

export interface ApacheOptions {
  /** The server's certificate; it is then its own trust anchor. Default: one of a private authority. */
  readonly certificate?: TestCertificate;
  /** The keys of its services, and how Kerberos is found. */
  readonly kerberos?: ServiceKeys;
}

export interface Apache extends AsyncDisposable {
  /** `http://127.0.0.1:port`, without a path. */
  readonly http: string;
  /** `https://127.0.0.1:port`; the certificate is good for `localhost` too. */
  readonly https: string;
  /** The PEM to trust. */
  readonly ca: string;
  readonly certificate: TestCertificate;
  accessLog(until?: EnoughEntries): Promise<readonly AccessLogEntry[]>;
  close(): Promise<void>;
}

/** What /cgi/whoami answers. */
export interface Whoami {
  /** `DOMAIN\user`; null at /public/cgi/whoami. */
  readonly user: string | null;
  readonly method: string;
  readonly target: string;
  /** The client's end of the connection. */
  readonly port: number;
  readonly secure: boolean;
  /** Lower-case names. Authorization is never among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly length: number;
  readonly sha256: string;
}

const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const modules = '/usr/lib/apache2/modules';
const loaded = [
  'mpm_event', 'authn_core', 'authz_core', 'authz_user', 'auth_gssapi', 'ssl', 'cgid', 'dir', 'alias', 'mime',
];

function configuration(directory: string, httpPort: number, httpsPort: number, keytab: string | undefined): string {
  const tickets = keytab === undefined ? '' : ticketLocations();
  return `
ServerRoot ${directory}
ServerName localhost
PidFile ${directory}/httpd.pid
DefaultRuntimeDir ${directory}
Mutex file:${directory} default
${loaded.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
ScriptSock ${directory}/cgid.socket
User www-data
Group www-data
Listen 127.0.0.1:${httpPort}
Listen 127.0.0.1:${httpsPort}
ErrorLog ${directory}/error.log
LogLevel info auth_gssapi:debug
LogFormat "%{remote}p %u %>s %m %U%q" connection
CustomLog ${directory}/access.log connection
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
StartServers 1
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
TypesConfig /dev/null
AddType text/html .html
DirectoryIndex index.html
DocumentRoot ${directory}/docroot
ScriptAlias /cgi/ ${directory}/cgi/
${['public', 'tickets', 'each'].map((name) => `ScriptAlias /${name}/cgi/ ${directory}/cgi/`).join('\n')}
<Directory ${directory}/cgi>
  Options +ExecCGI
</Directory>
<LocationMatch "^/">
  AuthType GSSAPI
  AuthName "ntlm"
  GssapiAllowedMech ntlmssp
${keytab === undefined ? '' : '  GssapiAllowedMech krb5'}
  GssapiConnectionBound On
  GssapiNegotiateOnce Off
  GssapiPublishErrors On
  Require valid-user
</LocationMatch>
<LocationMatch "^/public/">
  AuthType None
  Require all granted
</LocationMatch>
${tickets}
<VirtualHost 127.0.0.1:${httpsPort}>
  SSLEngine on
  SSLCertificateFile ${directory}/cert.pem
  SSLCertificateKeyFile ${directory}/key.pem
</VirtualHost>
`;
}

const ticketLocations = (): string =>
  [['tickets', 'On'], ['each', 'Off']]
    .map(
      ([name, bound]) => `
<LocationMatch "^/${name}/">
  GssapiAllowedMech krb5
  GssapiConnectionBound ${bound}
  GssapiNegotiateOnce Off
  GssapiPublishErrors On
</LocationMatch>`,
    )
    .join('');

function layOut(directory: TemporaryDirectory): void {
  chmodSync(directory.path, 0o755);
  const users = directory.file('users.txt');
  writeFileSync(users, ntlmUserFile(), { mode: 0o600 });
  if (isRoot) chownSync(users, ...wwwData);
  mkdirSync(directory.file('docroot/public'), { recursive: true });
  mkdirSync(directory.file('cgi'));
  writeFileSync(directory.file('docroot/index.html'), '<!doctype html><title>private</title>private\n');
  writeFileSync(directory.file('docroot/public/index.html'), '<!doctype html><title>public</title>public\n');
  for (const name of readdirSync(source('cgi'))) {
    copyFileSync(source(`cgi/${name}`), directory.file(`cgi/${name}`));
    chmodSync(directory.file(`cgi/${name}`), 0o755);
  }
}

/** Debian's fixed uid and gid of www-data. */
const wwwData = [33, 33] as const;

export async function startApache(options: ApacheOptions = {}): Promise<Apache> {
  const program = findProgram('apache2');
  findFile(`${modules}/mod_auth_gssapi.so`, 'libapache2-mod-auth-gssapi');
  const directory = new TemporaryDirectory('apache');
  try {
    const issued = options.certificate ?? (await makeServerCertificate());
    const { authority, server: certificate } = 'server' in issued ? issued : { authority: issued, server: issued };
    layOut(directory);
    writeFileSync(directory.file('cert.pem'), certificate.pem);
    writeFileSync(directory.file('key.pem'), certificate.keyPem, { mode: 0o600 });
    await run('gcc', ['-shared', '-fPIC', '-o', directory.file('locale_shim.so'), source('locale_shim.c')]);

    const ahead = options.kerberos?.ahead ?? 0;
    const [httpPort = 0, httpsPort = 0] = await freePorts(2);
    writeFileSync(directory.file('apache.conf'), configuration(directory.path, httpPort, httpsPort, options.kerberos?.keytab));
    const service = await Service.start({
      program,
      args: ['-f', directory.file('apache.conf'), '-DFOREGROUND'],
      env: {
        PATH: process.env['PATH'],
        LD_PRELOAD: [directory.file('locale_shim.so'), ...(ahead === 0 ? [] : [await clockShim(directory)])].join(':'),
        ...(ahead === 0 ? {} : { CLOCK_SHIFT: String(ahead) }),
        NETBIOS_COMPUTER_NAME: 'ORACLE',
        ...gssEnvironment(directory.file('users.txt')),
        ...(options.kerberos === undefined ? {} : keysOf(options.kerberos)),
      },
      logs: [directory.file('error.log')],
      ports: [httpPort, httpsPort],
    });
    const close = async (): Promise<void> => {
      await service.close();
      await directory.close();
    };
    return {
      http: `http://127.0.0.1:${httpPort}`,
      https: `https://127.0.0.1:${httpsPort}`,
      ca: authority.pem,
      certificate,
      accessLog: (until) => readAccessLog(directory.file('access.log'), until),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await directory.close();
    throw error;
  }
}
