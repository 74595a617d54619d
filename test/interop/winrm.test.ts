/** WinRM's message encryption: our server under pywinrm, our client before gss-ntlmssp's unwrap, and both together. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Credentials } from 'ntlmachine';
import { createWinrmServer, WinrmClient } from '../../examples/carriers/winrm.ts';
import { GssOracle, type GssContext } from './support/gss.ts';
import { findFile, LineProcess, TemporaryDirectory } from './support/processes.ts';
import { alice } from './support/users.ts';

const credentials = Credentials.fromPassword(alice);
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server): Promise<string> {
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/wsman`;
}

/** What goes over a server's connections, in clear or not. */
function watch(server: Server): { text: string } {
  const seen = { text: '' };
  server.on('connection', (socket: Socket) => socket.on('data', (bytes) => (seen.text += bytes.toString('latin1'))));
  return seen;
}

const envelopes = ['<s:Envelope/>', '<s:Envelope>Grüße</s:Envelope>', `<s:Envelope>${'x'.repeat(100_000)}</s:Envelope>`];
const echo = (envelope: string): string => envelope.replaceAll('Envelope', 'Answer');

describe('our server under pywinrm', () => {
  let directory: TemporaryDirectory;
  beforeAll(() => {
    // its NTLM asks OpenSSL for MD4, which is among what OpenSSL 3 calls legacy
    directory = new TemporaryDirectory('winrm');
    const providers = '[providers]\ndefault = active\nlegacy = active\n[active]\nactivate = 1\n';
    writeFileSync(directory.file('openssl.cnf'), `openssl_conf = all\n[all]\nproviders = providers\n${providers}`);
  });
  afterAll(() => directory.close());

  async function start(url: string, password: string): Promise<LineProcess> {
    const python = findFile('/usr/bin/python3', 'python3-winrm');
    const script = fileURLToPath(new URL('support/winrm_client.py', import.meta.url));
    const client = new LineProcess(python, ['-I', script, url, `${alice.domain}\\${alice.username}`, password], {
      PATH: process.env['PATH'],
      OPENSSL_CONF: directory.file('openssl.cnf'),
    });
    expect(JSON.parse(await client.readLine())).toBe('ready');
    return client;
  }

  it('opens what it sealed, and seals what it opens', async () => {
    const server = createWinrmServer({ credentials }, echo);
    const seen = watch(server);
    const client = await start(await listen(server), alice.password);
    for (const envelope of envelopes) expect(JSON.parse(await client.request(JSON.stringify(envelope)))).toBe(echo(envelope));
    expect(seen.text).toContain('HTTP-SPNEGO-session-encrypted');
    expect(seen.text).not.toContain('Envelope');
    await client.close();
  });

  it('lets no wrong password in', async () => {
    const client = await start(await listen(createWinrmServer({ credentials }, echo)), 'wrong');
    expect(JSON.parse(await client.request(JSON.stringify(envelopes[0])))).toEqual({ error: 'InvalidCredentialsError' });
    await client.close();
  });
});

describe('our client', () => {
  let oracle: GssOracle;
  beforeAll(async () => {
    oracle = await GssOracle.start();
  });
  afterAll(() => oracle?.close());

  /** A stub of a WinRM server, whose NTLM is gss-ntlmssp's. */
  function stub(scheme: 'NTLM' | 'Negotiate'): Server {
    const contexts = new WeakMap<Socket, GssContext>();
    return createServer(async (request, response) => {
      const body = await buffer(request);
      const authorization = request.headers.authorization;
      let context = contexts.get(request.socket);
      if (authorization !== undefined) {
        context ??= await oracle.acceptor({ mech: scheme === 'NTLM' ? 'NTLM' : 'SPNEGO' });
        contexts.set(request.socket, context);
        const { token, complete } = await context.step(new Uint8Array(Buffer.from(authorization.split(' ')[1]!, 'base64')));
        const offer = `${scheme} ${Buffer.from(token ?? []).toString('base64')}`.trim();
        if (!complete) return void response.writeHead(401, { 'WWW-Authenticate': offer, 'Content-Length': 0 }).end();
        if (token !== undefined) response.setHeader('WWW-Authenticate', offer);
        return void response.writeHead(200, { 'Content-Length': 0 }).end();
      }
      if (context === undefined) {
        return void response.writeHead(401, { 'WWW-Authenticate': scheme, 'Content-Length': 0 }).end();
      }
      const marker = 'octet-stream\r\n';
      const start = body.indexOf(marker) + marker.length + 4;
      const end = body.lastIndexOf('--Encrypted Boundary--');
      const opened = await context.unwrap(new Uint8Array(body.subarray(start, end)));
      const answer = (await context.wrap(new TextEncoder().encode(echo(new TextDecoder().decode(opened.message))))).message;
      const head = body.toString('latin1', 0, start - 4).replace(/Length=\d+/, `Length=${answer.length - 16}`);
      const sealed = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from([16, 0, 0, 0]), answer, Buffer.from('--Encrypted Boundary--\r\n')]);
      response.writeHead(200, { 'Content-Type': request.headers['content-type'], 'Content-Length': sealed.length }).end(sealed);
    });
  }

  it.each(['NTLM', 'Negotiate'] as const)('before gss-ntlmssp, by %s', async (scheme) => {
    const server = stub(scheme);
    const seen = watch(server);
    const client = new WinrmClient(await listen(server), credentials, scheme);
    for (const envelope of envelopes) expect(await client.post(envelope)).toBe(echo(envelope));
    expect(seen.text).not.toContain('Envelope');
    client.close();
  });

  it.each(['NTLM', 'Negotiate'] as const)('before our server, by %s, on one connection', async (scheme) => {
    let connections = 0;
    const server = createWinrmServer({ credentials, schemes: [scheme] }, echo).on('connection', () => (connections += 1));
    const client = new WinrmClient(await listen(server), credentials, scheme);
    for (const envelope of [...envelopes, ...envelopes]) expect(await client.post(envelope)).toBe(echo(envelope));
    expect(connections).toBe(1);
    client.close();
  });
});
