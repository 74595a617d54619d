/** The session of a connection, for protocols that encrypt what they send over it: there as long as it is authenticated. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { Credentials } from '../../src/index.ts';
import { createNtlmServer, NtlmAgent, sessionOf, type NtlmAgentOptions, type NtlmServerOptions } from '../../src/http/index.ts';
import { decodeNegotiate, NegotiateFlags as F } from '../../src/messages/index.ts';
import type { NtlmSession } from '../../src/session/index.ts';
import { thrown } from '../support/thrown.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'DOMAIN', password: 'secret' });
const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

interface Meeting {
  readonly agent: NtlmAgent;
  readonly server: Server;
  /** Of each request that passed, in their order. */
  readonly theirs: (NtlmSession | undefined)[];
  ask(): Promise<{ response: IncomingMessage; ours: NtlmSession | undefined; onSocket: NtlmSession | undefined }>;
}

async function meet(client: Partial<NtlmAgentOptions> = {}, options: Partial<NtlmServerOptions> = {}): Promise<Meeting> {
  const theirs: (NtlmSession | undefined)[] = [];
  const server = createNtlmServer({ credentials, schemes: ['NTLM', 'Negotiate'], sessions: true, ...options }, (request, response) => {
    theirs.push(sessionOf(request));
    expect(sessionOf(request.socket)).toBe(sessionOf(request));
    response.end('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new NtlmAgent({ credentials, sessionSecurity: 'seal', maxSockets: 1, ...client });
  cleanUp.push(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  const ask = async () => {
    const request = httpRequest({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const ours = sessionOf(response);
    const onSocket = sessionOf(request);
    await buffer(response);
    return { response, ours, onSocket };
  };
  return { agent, server, theirs, ask };
}

describe.each(['NTLM', 'Negotiate'] as const)('%s', (prefer) => {
  it('gives both ends one session for all that goes over the connection', async () => {
    const { ask, theirs } = await meet({ prefer });
    const [first, second] = [await ask(), await ask()];
    expect(first.ours).toBeDefined();
    expect([second.ours, first.onSocket]).toEqual([first.ours, first.ours]);
    expect(theirs[1]).toBe(theirs[0]);
    for (const text of ['one', 'two']) {
      const message = new TextEncoder().encode(text);
      expect(theirs[0]!.unwrap(first.ours!.wrap(message))).toEqual(message);
      expect(first.ours!.unwrap(theirs[0]!.wrap(message))).toEqual(message);
    }
  });

  it('wipes it with the connection, at both ends', async () => {
    const { ask, theirs, agent, server } = await meet({ prefer });
    const { ours } = await ask();
    const closed = new Promise((resolve) => server.once('connection', resolve));
    agent.destroy();
    await expect.poll(() => [ours!.closed, theirs[0]!.closed]).toEqual([true, true]);
    await ask(); // a new connection, and a new session
    await closed;
    expect(theirs[1]).not.toBe(theirs[0]);
    expect(theirs[1]!.closed).toBe(false);
  });

  it('keeps none that was not asked for', async () => {
    for (const [client, server] of [
      [{ sessionSecurity: undefined }, {}],
      [{ sessionSecurity: 'none' }, {}],
    ] as const) {
      const { ask } = await meet({ prefer, ...client }, server);
      expect((await ask()).ours).toBeUndefined();
    }
    const { ask, theirs } = await meet({ prefer }, { sessions: undefined });
    expect((await ask()).ours).toBeDefined();
    expect(theirs).toEqual([undefined]);
  });
});

it('ends where the connection is somebody else’s', async () => {
  const { theirs, server } = await meet();
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  cleanUp.push(() => socket.destroy());
  const lines: string[] = [];
  socket.on('data', (bytes) => lines.push(bytes.toString('latin1')));
  const { NtlmClient } = await import('../../src/index.ts');
  const say = async (authorization: string): Promise<string> => {
    const seen = lines.length;
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`);
    await expect.poll(() => lines.length).toBeGreaterThan(seen);
    return lines.at(-1)!;
  };
  const field = (token: Uint8Array): string => `Authorization: NTLM ${Buffer.from(token).toString('base64')}\r\n`;
  const client = new NtlmClient({ credentials, sessionSecurity: 'sign' });
  const challenge = async (): Promise<Uint8Array> =>
    Uint8Array.from(Buffer.from(/NTLM (\S+)/.exec(await say(field(client.step().token!)))![1]!, 'base64'));
  const response = client.step(await challenge()).token!;
  expect(await say(field(response))).toContain('200');
  expect(theirs[0]!.closed).toBe(false);
  client.reset();
  await challenge(); // a handshake begins anew: who was there is gone
  expect(theirs[0]!.closed).toBe(true);
});

it('asks a proxy for none', async () => {
  let offered = '';
  const proxy = createTcpServer((socket) => {
    socket.on('data', (bytes) => {
      offered = /Proxy-Authorization: NTLM (\S+)/i.exec(bytes.toString('latin1'))?.[1] ?? offered;
      socket.write('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n');
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const agent = new NtlmAgent({ credentials, sessionSecurity: 'seal', proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
  cleanUp.push(() => {
    agent.destroy();
    proxy.close();
  });
  const request = httpRequest('http://server.test/', { agent });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(407);
  response.destroy();
  const { negotiateFlags } = decodeNegotiate(Uint8Array.from(Buffer.from(offered, 'base64')));
  expect(negotiateFlags & (F.NEGOTIATE_SIGN | F.NEGOTIATE_SEAL | F.NEGOTIATE_KEY_EXCH)).toBe(0);
});

it('says what is wrong with its options', () => {
  expect(thrown(() => new NtlmAgent({ credentials, sessionSecurity: 'all' as never })).message).toContain('"sessionSecurity"');
  expect(thrown(() => createNtlmServer({ credentials, sessions: 1 as never })).message).toContain('"sessions"');
});

it('knows none of a socket that is nobody’s', () => {
  expect(sessionOf(connect(1, '127.0.0.1').on('error', () => {}))).toBeUndefined();
});
