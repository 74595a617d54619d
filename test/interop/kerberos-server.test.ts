/** Our server's end with real tickets: curl, python3-gssapi and clients of NTLM, each counted as what it is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { NtlmAgent, createNtlmServer, type NtlmServerOptions, type NtlmServerVerdict } from '../../src/http/index.ts';
import { Credentials, NtlmClient, NtlmError } from '../../src/index.ts';
import { kerberos, kerberosPackage, kerberosServer, type KerberosModule, type KerberosServerModule } from '../../src/kerberos/index.ts';
import { kerberosModule, packagesFolder } from './support/kerberos-package.ts';
import { findFile, run, TemporaryDirectory } from './support/processes.ts';
import { REALM, startRealm, type Realm } from './support/realm.ts';
import { gssEnvironment } from './support/gss.ts';
import { alice, ntlmUserFile } from './support/users.ts';

const HOST = 'localhost';
const credentials = Credentials.fromPassword(alice);
let realm: Realm;
let module: KerberosModule & KerberosServerModule;
let ticket: Readonly<Record<string, string>>;
const before = { ...process.env };
const servers: Server[] = [];
let verdicts: NtlmServerVerdict[] = [];

beforeAll(async () => {
  [realm, module] = await Promise.all([startRealm(), kerberosModule()]);
  // the library of the package reads the environment of this process when it makes a context
  Object.assign(process.env, realm.environment, { KRB5_KTNAME: await realm.keytab(`HTTP/${HOST}`) });
  ticket = await logOn();
}, 300_000);

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  verdicts = [];
});

afterAll(async () => {
  for (const name of ['KRB5_CONFIG', 'KRB5_KTNAME', 'KRB5CCNAME']) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
  await realm?.close();
});

const logOn = async (): Promise<Readonly<Record<string, string>>> => ({ KRB5CCNAME: await realm.kinit('alice') });
const stranger = (): Readonly<Record<string, string>> => ({ KRB5CCNAME: realm.emptyCache() });

async function listen(options: Partial<NtlmServerOptions> = {}): Promise<string> {
  const server = createNtlmServer({ credentials, kerberos: kerberosServer({ module }), onVerdict: (verdict) => verdicts.push(verdict), ...options });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://${HOST}:${(server.address() as AddressInfo).port}/`;
}

/** Status and page; the names of the realm are this machine's. */
async function curl(url: string, env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<{ status: number; body: string; connections: number }> {
  const { port } = new URL(url);
  const text = await run('curl', ['-s', '--max-time', '20', '--resolve', `${HOST}:${port}:127.0.0.1`, ...args, '-w', '\n%{http_code} %{num_connects}', url], { env: { ...process.env, ...env } });
  const [, body = '', status, connections] = /^([^]*)\n(\d+) (\d+)$/.exec(text) ?? [];
  return { status: Number(status), body, connections: Number(connections) };
}

async function gssHttp({ port }: URL, ...args: readonly [mech: string, service?: string, style?: 'dce']): Promise<unknown> {
  const [mech, service = 'HTTP', style = ''] = args;
  const python = findFile('/usr/bin/python3', 'python3-gssapi'); // Debian's own: another may come first on the PATH
  return JSON.parse(await run('env', [python, '-I', fileURLToPath(new URL('support/gss_http.py', import.meta.url)), mech, HOST, port, service, style], { env: { ...process.env, ...ticket } }));
}

const negotiate = ['--negotiate', '-u', ':'];
const ntlm = ['--ntlm', '-u', `${alice.domain}\\${alice.username}:${alice.password}`];

/** What an operator counts. */
const counted = (): string[] => verdicts.map((verdict) => (verdict instanceof NtlmError ? verdict.code : `${verdict.mechanism} ${verdict.ok ? 'accepted' : verdict.reason}`));

describe('tickets of a real realm', () => {
  test('curl --negotiate: who it is, and by which mechanism', async () => {
    const { status, body } = await curl(await listen(), ticket, ...negotiate);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ mechanism: 'Kerberos', username: 'alice', domain: REALM, workstation: '', principal: `alice@${REALM}`, channelBindings: false });
    expect(counted()).toEqual(['Kerberos accepted']);
  });

  test('a body goes once, behind the ticket', async () => {
    const bodies: string[] = [];
    const server = createNtlmServer({ credentials, kerberos: kerberosServer({ module }) }, (request: IncomingMessage, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => (bodies.push(body), response.end('done')));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { status } = await curl(`http://${HOST}:${(server.address() as AddressInfo).port}/`, ticket, ...negotiate, '-d', 'tea');
    expect(status).toBe(200);
    expect(bodies).toEqual(['tea']);
  });

  test('NTLM and Kerberos beside each other, each counted', async () => {
    const url = await listen();
    expect((await curl(url, ticket, ...negotiate)).status).toBe(200);
    expect((await curl(url, stranger(), ...ntlm)).status).toBe(200);
    const agent = new NtlmAgent({ credentials });
    const status = await new Promise((resolve, reject) => get(url.replace(HOST, '127.0.0.1'), { agent }, (response) => resolve(response.resume().statusCode)).on('error', reject));
    agent.destroy();
    expect(status).toBe(200);
    expect(counted()).toEqual(['Kerberos accepted', 'NTLM accepted', 'NTLM accepted']);
  });

  test('our own client: its ticket, and NTLM where it has none', async () => {
    const url = await listen();
    const cache = process.env['KRB5CCNAME'];
    const ask = async (env: Readonly<Record<string, string>>): Promise<unknown> => {
      Object.assign(process.env, env);
      const agent = new NtlmAgent({ credentials, negotiate: kerberos({ provider: kerberosPackage({ module }) }) });
      const status = await new Promise((resolve, reject) => get(url, { agent }, (response) => resolve(response.resume().statusCode)).on('error', reject));
      agent.destroy();
      return status;
    };
    expect([await ask(ticket), await ask(stranger())]).toEqual([200, 200]);
    expect(counted()).toEqual(['Kerberos accepted', 'NTLM accepted']);
    if (cache === undefined) delete process.env['KRB5CCNAME'];
    else process.env['KRB5CCNAME'] = cache;
  });

  test('ntlmachine request --negotiate, and explain of what it saved', { timeout: 60_000 }, async () => {
    const url = await listen();
    await using directory = new TemporaryDirectory('request');
    // the package is beside the project: a hook finds it, as node_modules does for who installs it
    const found = `file://${await packagesFolder()}/node_modules/kerberos/lib/index.js`;
    const hook = directory.file('hook.mjs');
    writeFileSync(hook, `import { register } from 'node:module';\nregister('data:text/javascript,' + encodeURIComponent('export const resolve = (name, context, next) => name === "kerberos" ? { url: ${JSON.stringify(found)}, format: "commonjs", shortCircuit: true } : next(name, context);'));\n`);
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const trace = directory.file('trace.json');
    const env = { ...process.env, ...ticket, NODE_OPTIONS: `--import ${hook}` };
    expect(JSON.parse(await run('node', [main, 'request', '--negotiate', '--trace', trace, url], { env }))).toMatchObject({ mechanism: 'Kerberos', username: 'alice' });
    const said = await run('node', [main, 'explain', trace], { env });
    expect(said.replace(/\s+/g, ' ')).toContain(`accepted a Kerberos ticket for "HTTP/${HOST}" of the realm "${REALM}", not NTLM, and answered 200`);
    await run('node', [main, 'request', '--negotiate', '--trace', trace, url], { env: { ...env, ...stranger() } });
    expect((await run('node', [main, 'explain', trace], { env })).replace(/\s+/g, ' ')).toMatch(/nothing was sent: there is no Kerberos ticket: kinit gets one/);
    expect(counted()).toEqual(['Kerberos accepted']);
  });

  test.each(['SPNEGO', 'krb5'] as const)('python3-gssapi, %s: the answer proves the server', async (mech) => {
    const url = new URL(await listen());
    const answered = await gssHttp(url, mech);
    expect(answered).toEqual({ status: 200, complete: true });
    expect(counted()).toEqual(['Kerberos accepted']);
  });

  test('the server has another key than the ticket is for: refused, and said why', async () => {
    const url = await listen();
    const stale = await logOn();
    expect((await curl(url, stale, ...negotiate)).status).toBe(200); // the ticket is in the cache now
    const keys = { KRB5_KTNAME: process.env['KRB5_KTNAME'] };
    process.env['KRB5_KTNAME'] = await realm.keytab('HTTP/tower.castle.test');
    const { status, body } = await curl(url, stale, ...negotiate);
    Object.assign(process.env, keys);
    expect(status).toBe(401);
    expect(body).not.toContain('keytab');
    expect(counted()).toEqual(['Kerberos accepted', 'Kerberos ticket-refused']);
    expect((verdicts[1] as { readonly error: NtlmError }).error).toMatchObject({ code: 'ticket-refused', side: 'peer', message: expect.stringContaining('keytab') });
  });

  test('a ticket that is sent again by whoever saw it is refused', async () => {
    const url = await listen();
    const seen: string[] = [];
    servers[0]!.on('connection', (socket) => socket.on('data', (bytes: Buffer) => seen.push(bytes.toString('latin1'))));
    expect((await curl(url, ticket, ...negotiate)).status).toBe(200);
    const authorization = /^Authorization: (.*)\r$/m.exec(seen.join(''))![1]!;
    expect((await curl(url, ticket, '-H', `Authorization: ${authorization}`)).status).toBe(401);
    expect(counted()).toEqual(['Kerberos accepted', 'Kerberos ticket-refused']);
  });

  test('a client that owes a third token (DCE) is not let in by its first', async () => {
    expect(await gssHttp(new URL(await listen()), 'krb5', 'HTTP', 'dce')).toMatchObject({ status: 401 });
    expect(counted()).toEqual(['Kerberos ticket-refused']);
  });

  test('no keytab at all is not the fault of a client', async () => {
    const url = await listen();
    const keys = { KRB5_KTNAME: process.env['KRB5_KTNAME'] };
    process.env['KRB5_KTNAME'] = '/nonexistent/keytab';
    const { status } = await curl(url, ticket, ...negotiate);
    Object.assign(process.env, keys);
    expect(status).toBe(500);
    expect(verdicts).toMatchObject([{ code: 'service-failed', message: expect.stringContaining('keytab') }]);
  });

  test('a keytab of several services lends nobody a ticket', async () => {
    const keys = { KRB5_KTNAME: process.env['KRB5_KTNAME'] };
    process.env['KRB5_KTNAME'] = await realm.keytab(`HTTP/${HOST}`, `host/${HOST}`);
    const url = new URL(await listen());
    const answered = await gssHttp(url, 'krb5', 'host');
    Object.assign(process.env, keys);
    expect(answered).toMatchObject({ status: 401 });
    expect(counted()).toEqual(['Kerberos ticket-refused']);
  });

  test('bindings are asked for and the package makes none: said when the server is made', () => {
    const make = () => createNtlmServer({ credentials, kerberos: kerberosServer({ module }), channelBindings: 'allowed' });
    expect(make).toThrow(/kerberosServer\(\{ unbound: true \}\)/);
    expect(() => createNtlmServer({ credentials, kerberos: kerberosServer({ module, unbound: true }), channelBindings: 'allowed' }).close()).not.toThrow();
  });
});

describe('docs/leaving-ntlm.md', () => {
  test('its commands do what they are shown for', { timeout: 120_000 }, async () => {
    const name = 'keep.castle.example';
    const url = new URL(await listen());
    const keys = { KRB5_KTNAME: process.env['KRB5_KTNAME'] };
    process.env['KRB5_KTNAME'] = await realm.keytab(`HTTP/${name}`);
    await using directory = new TemporaryDirectory('commands');
    // the server of the document is this one: curl is told so by its own configuration; `request` has a test above
    writeFileSync(directory.file('.curlrc'), `connect-to = "${name}:80:127.0.0.1:${url.port}"\n`);
    const env = { ...process.env, ...ticket, CURL_HOME: directory.path, HOME: directory.path, LC_ALL: 'C.UTF-8' };
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const page = readFileSync(new URL('../../docs/leaving-ntlm.md', import.meta.url), 'utf8');
    const commands = [...page.matchAll(/```sh run\n([^]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
    expect(commands.length).toBeGreaterThanOrEqual(7);
    const said = new Map<string, string>();
    // a pipe of the shell's, for what opens /dev/stderr by its name: node's own are sockets
    for (const command of commands.filter((each) => !each.includes('request --negotiate'))) {
      said.set(command, await run('bash', ['-o', 'pipefail', '-c', `{ ${command.replace('npx ntlmachine', `node ${main}`)} ; } 2>&1 | cat`], { env, cwd: directory.path }));
    }
    Object.assign(process.env, keys);
    expect(said.get('klist')).toContain(`Default principal: alice@${REALM}`);
    expect(said.get(`kvno HTTP/${name}`)).toMatch(/kvno = \d+/);
    expect(said.get(`KRB5_TRACE=/dev/stderr kvno HTTP/${name}`)).toMatch(/Getting credentials|Retrieving/);
    expect(commands.map((command) => said.get(command) ?? '').find((text) => text.startsWith('The server'))?.replace(/\s+/g, ' ')).toContain(`accepted a Kerberos ticket for "HTTP/${name}"`);
    expect(counted()).toEqual(['Kerberos accepted', 'Kerberos accepted', 'Kerberos accepted']);
  });
});

describe('with gss-ntlmssp installed, where GSSAPI itself takes NTLM', () => {
  test('the package, asked for whatever is negotiated, takes an NTLM token; ours never gives it one', async () => {
    const directory = new TemporaryDirectory('users');
    const users = directory.file('users.txt');
    writeFileSync(users, ntlmUserFile());
    const seen: string[] = [];
    const spy: KerberosServerModule = {
      async initializeServer(service) {
        const server = await module.initializeServer(service);
        return {
          get username() { return server.username; },
          get targetName() { return server.targetName; },
          step: (token) => (seen.push(token), server.step(token)),
        };
      },
    };
    const old = { ...process.env };
    Object.assign(process.env, gssEnvironment(users));
    try {
      // what GSSAPI does with a type 1 that is handed to it
      const token = new NtlmClient({ credentials }).negotiate();
      // it is taken: what fails is the name of a user who has not answered yet, not the token and not its mechanism
      const fails = async (bytes: Uint8Array): Promise<void> => void (await (await module.initializeServer('')).step(Buffer.from(bytes).toString('base64')));
      await expect(fails(token)).rejects.toThrow(/required input parameter/);
      await expect(fails(Buffer.from('no token at all'))).rejects.toThrow(/Invalid token|Unspecified GSS failure/);
      await expect(fails(Uint8Array.of(0x60, 5, 0x06, 3, 0x2a, 3, 4))).rejects.toThrow(/unsupported mechanism/);
      const url = await listen({ kerberos: kerberosServer({ module: spy }) });
      expect((await curl(url, stranger(), ...ntlm)).status).toBe(200);
      // within SPNEGO, and raw under Negotiate
      const agent = new NtlmAgent({ credentials, prefer: 'Negotiate' });
      const status = await new Promise((resolve, reject) => get(url.replace(HOST, '127.0.0.1'), { agent }, (response) => resolve(response.resume().statusCode)).on('error', reject));
      agent.destroy();
      expect(status).toBe(200);
      expect(counted()).toEqual(['NTLM accepted', 'NTLM accepted']);
      expect(seen).toEqual([]);
      expect((await curl(url, ticket, ...negotiate)).status).toBe(200);
      expect(seen).toHaveLength(1);
      expect(Buffer.from(seen[0]!, 'base64').subarray(0, 17).toString('hex')).toMatch(/^6082....06092a864886f712010202/);
    } finally {
      for (const name of Object.keys(gssEnvironment(users))) {
        if (old[name] === undefined) delete process.env[name];
        else process.env[name] = old[name];
      }
      await directory.close();
    }
  });
});
