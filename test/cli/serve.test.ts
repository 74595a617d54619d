import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Credentials, NtlmClient } from '../../src/index.ts';
import { run, start } from './command.ts';

const PASSWORD = 'Drawbridge1';

async function startServer(user = 'CASTLE\\alice') {
  const child = start(['serve', '--port', '0', '--user', user], { NTLM_PASSWORD: PASSWORD });
  let talk = '';
  child.stderr.on('data', (chunk) => (talk += String(chunk)));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, url: new URL(line), talk: () => talk };
}

async function authenticate(url: URL, domain: string, password: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const call = async (token: Uint8Array) => {
    const authorization = `NTLM ${Buffer.from(token).toString('base64')}`;
    const sent = request(url, { agent, headers: { authorization } }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode, offer: response.headers['www-authenticate'], body: await text(response) };
  };
  try {
    const client = new NtlmClient({ credentials: Credentials.fromPassword({ username: 'alice', domain, password }) });
    const { offer = '' } = await call(client.negotiate());
    return await call(client.respond(new Uint8Array(Buffer.from(offer.slice(5), 'base64'))));
  } finally {
    agent.destroy();
  }
}

describe('ntlmachine serve', () => {
  it('serves its user on loopback, refuses others, tells each verdict, and stops when told', async () => {
    const { child, url, talk } = await startServer();
    expect(url.hostname).toBe('127.0.0.1');
    const accepted = await authenticate(url, 'CASTLE', PASSWORD);
    expect(accepted.status).toBe(200);
    expect(JSON.parse(accepted.body)).toMatchObject({ username: 'alice', domain: 'CASTLE', mic: true });
    expect(await authenticate(url, '', PASSWORD)).toMatchObject({ status: 200 });
    expect(await authenticate(url, 'TOWER', PASSWORD)).toMatchObject({ status: 401 });
    expect(await authenticate(url, 'CASTLE', 'wrong')).toMatchObject({ status: 401 });
    const open = connect(Number(url.port), url.hostname);
    await once(open, 'connect');
    child.kill('SIGTERM');
    const [code] = (await once(child, 'close')) as [number | null];
    open.destroy();
    expect(code).toBe(0);
    expect(talk()).toContain('accepted CASTLE\\alice, ntlmv2, MIC yes');
    expect(talk()).toContain('refused, unknown-user');
    expect(talk()).toContain('refused, wrong-credentials');
    expect(talk()).not.toContain(PASSWORD);
  });

  it('writes control characters in names so that they cannot move the cursor', async () => {
    const { child, url, talk } = await startServer('alice');
    await authenticate(url, '\u009b2Jx\u202e', PASSWORD); // one byte that is ESC [, and text that runs backwards
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(talk()).toContain('accepted \\u009b2Jx\\u202e\\alice');
    expect(talk()).not.toMatch(/[\u009b\u202e]/);
  });

  it('says in one line that its port is taken', async () => {
    const { child, url } = await startServer();
    const env = { NTLM_PASSWORD: PASSWORD };
    const { code, stdout, stderr } = await run(['serve', '--user', 'alice', '--port', url.port], { env });
    child.kill('SIGTERM');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^ntlmachine serve: [^\n]*EADDRINUSE[^\n]*\n$/);
  });
});
