/** To whom what goes before NTLM is sent, and as what: origins that nobody named, and proxies. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { explainRefusal } from '../../../src/http/index.ts';
import { NtlmError } from '../../../src/index.ts';
import { kerberos } from '../../../src/kerberos/index.ts';
import { LAST_WORD, reply, standIn } from '../../kerberos/support.ts';
import { carriers } from '../support/carriers.ts';
import { ALICE } from '../support/origin.ts';

/** A server, or a proxy, that takes Kerberos, and NTLM from ALICE. It answers for whatever it is asked. */
async function listen({ proxy = false, offers = ['Negotiate', 'NTLM'] }: { proxy?: boolean; offers?: readonly string[] } = {}) {
  const seen: string[] = [];
  const inside = new WeakSet<object>();
  const acceptors = new WeakMap<object, NtlmAcceptor>();
  const [status, asks, brings] = proxy ? ([407, 'Proxy-Authenticate', 'proxy-authorization'] as const) : ([401, 'WWW-Authenticate', 'authorization'] as const);
  const server = createServer((request, response) => {
    void (async () => {
      const { socket } = request;
      const [, base64] = (request.headers[brings] ?? '').split(' ');
      const token = base64 === undefined ? undefined : Buffer.from(base64, 'base64');
      const ask = (...challenges: readonly string[]): void => void response.writeHead(status, { [asks]: [...challenges] }).end();
      if (token === undefined) {
        if (!inside.has(socket)) return ask(...offers);
      } else if (token.subarray(0, 7).toString() === 'NTLMSSP') {
        seen.push(`NTLM type ${token[8]}`);
        if (token[8] === 1) {
          const acceptor = new NtlmAcceptor({ credentials: ALICE });
          acceptors.set(socket, acceptor);
          return ask(`NTLM ${Buffer.from(acceptor.challenge(token)).toString('base64')}`);
        }
        if (!(await acceptors.get(socket)!.authenticate(token)).ok) return ask(...offers);
      } else {
        seen.push('Kerberos');
        response.setHeader(asks, `Negotiate ${Buffer.from(reply({ responseToken: LAST_WORD })).toString('base64')}`);
      }
      inside.add(socket);
      response.end('in');
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe.each(carriers)('$name', (carrier) => {
  describe('a function of credentials asks for NTLM alone, so tickets go', () => {
    const ask = () => ALICE;

    test('to the origin first asked for, and to no other', async () => {
      const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      await using first = await listen();
      await using other = await listen();
      const provider = standIn();
      await using client = carrier.open({ credentials: ask, negotiate: kerberos({ provider }) });
      expect((await client.request(first.url)).status).toBe(200);
      const refused = await client.request(other.url);
      expect([refused.status, explainRefusal(refused)?.code]).toEqual([401, 'origin-refused']);
      expect([first.seen, other.seen, provider.requests.length]).toEqual([['Kerberos'], [], 1]);
      expect(warnings.mock.calls).toEqual([[expect.stringContaining(`allow: ["${new URL(other.url).origin}"]`), { type: 'NtlmWarning', code: 'origin-refused' }]]);
    });

    test('to those of "allow"', async () => {
      await using first = await listen();
      await using other = await listen();
      await using client = carrier.open({ credentials: ask, negotiate: kerberos({ provider: standIn() }), allow: [first.url, other.url] });
      expect((await client.request(first.url)).status).toBe(200);
      expect((await client.request(other.url)).status).toBe(200);
      expect([first.seen, other.seen]).toEqual([['Kerberos'], ['Kerberos']]);
    });
  });

  describe('a proxy', () => {
    test('has what the server has, under its own name, and is never one that may act as the user', async () => {
      await using proxy = await listen({ proxy: true });
      const provider = standIn();
      await using client = carrier.open({ credentials: ALICE, negotiate: kerberos({ provider, delegate: true, spn: 'HTTP/server' }), proxy: proxy.url });
      expect((await client.request('http://server.invalid/')).status).toBe(200);
      expect(provider.requests.map(({ spn, delegate }) => ({ spn, delegate }))).toEqual([{ spn: 'HTTP/127.0.0.1', delegate: false }]);
    });

    test('unless it was said of the proxy', async () => {
      await using proxy = await listen({ proxy: true });
      const provider = standIn();
      const negotiate = kerberos({ provider, delegate: true, spn: 'HTTP/proxy' });
      await using client = carrier.open({ credentials: ALICE, proxy: { url: proxy.url, negotiate } });
      expect((await client.request('http://server.invalid/')).status).toBe(200);
      expect(provider.requests.map(({ spn, delegate }) => ({ spn, delegate }))).toEqual([{ spn: 'HTTP/proxy', delegate: true }]);
    });

    test('with credentials of its own beside a server that has Kerberos alone: those, and no ticket', async () => {
      await using proxy = await listen({ proxy: true });
      const provider = standIn();
      await using client = carrier.open({ credentials: kerberos({ provider }), proxy: { url: proxy.url, credentials: ALICE } });
      expect((await client.request('http://server.invalid/')).status).toBe(200);
      expect([proxy.seen, provider.requests]).toEqual([['NTLM type 1', 'NTLM type 3'], []]);
    });

    test('the same where the environment has them', async () => {
      await using proxy = await listen({ proxy: true });
      const provider = standIn();
      const url = new URL(proxy.url);
      [url.username, url.password] = ['CORP%5Calice', 'wonderland'];
      vi.stubEnv('http_proxy', url.href);
      await using client = carrier.open({ credentials: kerberos({ provider }), proxy: 'environment' });
      expect((await client.request('http://server.invalid/')).status).toBe(200);
      expect([proxy.seen, provider.requests]).toEqual([['NTLM type 1', 'NTLM type 3'], []]);
    });

    test('with Kerberos alone behind a server that has both', async () => {
      await using proxy = await listen({ proxy: true });
      const [servers, own] = [standIn(), standIn()];
      await using client = carrier.open({ credentials: ALICE, negotiate: kerberos({ provider: servers }), proxy: { url: proxy.url, credentials: kerberos({ provider: own }) } });
      expect((await client.request('http://server.invalid/')).status).toBe(200);
      expect([proxy.seen, servers.requests.length, own.requests.length]).toEqual([['Kerberos'], 0, 1]);
    });

    test('with Kerberos alone, as the server has it, gets no NTLM', async () => {
      await using proxy = await listen({ proxy: true, offers: ['NTLM'] });
      await using client = carrier.open({ credentials: kerberos({ provider: standIn() }), proxy: proxy.url });
      const refused = await client.request('http://server.invalid/').catch((error: unknown) => error as NtlmError); // fetch knows no 407
      expect([refused instanceof NtlmError ? refused.code : explainRefusal(refused)?.code, proxy.seen]).toEqual(['downgrade-refused', []]);
    });
  });
});
