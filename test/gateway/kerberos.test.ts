/** Kerberos for clients that know nothing of it. Tickets are a stand-in's: the gateway only has to hand the option on. */
import { describe, expect, test } from 'vitest';
import { currentUser, kerberos } from '../../src/kerberos/index.ts';
import { HostilePeer, reply } from '../http/support/hostile.ts';
import { ALICE } from '../http/support/origin.ts';
import { LAST_WORD, reply as accepted, standIn } from '../kerberos/support.ts';
import { RunningGateway } from './support/client.ts';

/** Asks for Negotiate once a connection, and is content with any ticket. */
function asking(status: 401 | 407): Promise<HostilePeer> {
  const known = new Set<object>();
  const token = Buffer.from(accepted({ responseToken: LAST_WORD })).toString('base64');
  const field = status === 407 ? 'Proxy-Authenticate' : 'WWW-Authenticate';
  return HostilePeer.listen(({ socket, head }) => {
    const first = !known.has(socket) && /authorization: Negotiate /i.test(head);
    if (first) known.add(socket);
    if (!known.has(socket)) return void socket.write(reply({ status, challenge: 'Negotiate' }));
    socket.write(reply({ status: 200, body: 'in', fields: first ? `${field}: Negotiate ${token}\r\n` : '' }));
  });
}

describe.each([
  ['beside a password', (provider: ReturnType<typeof standIn>) => ({ credentials: ALICE, negotiate: kerberos({ provider }) })],
  ['alone', (provider: ReturnType<typeof standIn>) => ({ credentials: kerberos({ provider }) })],
] as const)('%s', (_name, who) => {
  test('a proxy is shown a ticket for its own name', async () => {
    const provider = standIn();
    await using proxy = await asking(407);
    await using gateway = await RunningGateway.start({ upstream: proxy.url, ...who(provider) });
    for (let i = 0; i < 3; i += 1) expect((await gateway.ask('http://intranet.example/')).text).toBe('in');
    expect(provider.requests.map(({ spn }) => spn)).toEqual(['HTTP/127.0.0.1']);
  });

  test('a server is shown one, and by another name where the option spn says so', async () => {
    const provider = standIn();
    await using server = await asking(401);
    await using gateway = await RunningGateway.start({ to: server.url, spn: 'HTTP/intranet.corp', ...who(provider) });
    const headers = { Host: `127.0.0.1:${gateway.port}` };
    for (let i = 0; i < 3; i += 1) expect((await gateway.ask('/', { headers })).text).toBe('in');
    expect(provider.requests.map(({ spn }) => spn)).toEqual(['HTTP/intranet.corp']);
  });

  test('a proxy that only a PAC file names is shown none', async () => {
    const provider = standIn();
    await using proxy = await asking(407);
    const pac = `function FindProxyForURL() { return "PROXY ${new URL(proxy.url).host}"; }`;
    await using gateway = await RunningGateway.start({ upstream: 'http://127.0.0.1:1', pac, ...who(provider) });
    expect((await gateway.ask('http://intranet.example/')).status).toBe(502);
    expect(provider.requests).toEqual([]);
  });
});

test('a proxy’s name in the option spn is the one it is told', async () => {
  const provider = standIn();
  await using proxy = await asking(407);
  await using gateway = await RunningGateway.start({ upstream: proxy.url, credentials: kerberos({ provider }), spn: 'HTTP/proxy.corp' });
  expect((await gateway.ask('http://intranet.example/')).text).toBe('in');
  expect(provider.requests.map(({ spn }) => spn)).toEqual(['HTTP/proxy.corp']);
});

test.each(['allow', 'proxy', 'sessionSecurity'])('%s is no option of a gateway, though it is one of an agent', async (name) => {
  await expect(RunningGateway.start({ upstream: 'http://127.0.0.1:1', credentials: currentUser(), [name]: undefined })).rejects.toMatchObject({ code: 'invalid-argument' });
});
