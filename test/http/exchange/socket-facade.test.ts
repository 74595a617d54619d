/** What a socket is asked that has a connection beneath, none yet, or none any more. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { beforeAll, describe, expect, test } from 'vitest';
import type { NtlmSocket } from '../../../src/http/exchange/socket.ts';
import { NtlmAgent } from '../../../src/http/index.ts';
import { makeCertificate } from '../support/certificate.ts';
import { HostilePeer } from '../support/hostile.ts';
import { honest } from '../support/meet.ts';
import { ALICE, Origin } from '../support/origin.ts';

const OF_TCP = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily', 'bytesRead', 'bytesWritten'] as const;
const OF_TLS = ['authorized', 'authorizationError', 'alpnProtocol', 'servername'] as const;
const ASKED_OF_TLS = [
  'getPeerCertificate', 'getCertificate', 'getX509Certificate', 'getCipher', 'getEphemeralKeyInfo', 'getProtocol',
  'getSession', 'getTLSTicket', 'getFinished', 'getPeerFinished', 'getSharedSigalgs', 'isSessionReused',
] as const;

let tls: Awaited<ReturnType<typeof makeCertificate>>;
beforeAll(async () => void (tls = await makeCertificate()));

/** All that can be asked, by name; certificates by their text. */
function asked(socket: object): Record<string, unknown> {
  const of = socket as NtlmSocket;
  const material = of.exportKeyingMaterial?.(24, 'EXPORTER-test', Buffer.alloc(0));
  const values: [string, unknown][] = [
    ...[...OF_TCP, ...OF_TLS].map((name): [string, unknown] => [name, of[name]]),
    ...ASKED_OF_TLS.map((name): [string, unknown] => [name, of[name]?.()]),
    ['address', of.address()],
    ['exportKeyingMaterial', material],
  ];
  return Object.fromEntries(values.map(([name, value]) => [name, value !== null && typeof value === 'object' && 'fingerprint256' in value ? String(value.fingerprint256) : value]));
}

/** Before its connection, with its answer there, and after its end. */
async function looks(url: string): Promise<{ readonly before: Record<string, unknown>; readonly there: Record<string, unknown>; readonly beneath: Record<string, unknown>; readonly after: Record<string, unknown>; readonly certificates: unknown[] }> {
  const agent = new NtlmAgent({ credentials: ALICE, ca: tls.ca });
  try {
    return await new Promise((resolve, reject) => {
      let before: Record<string, unknown>;
      const request = (url.startsWith('https:') ? https : http).get(url, { agent }, (response) => {
        const socket = request.socket as unknown as NtlmSocket;
        const [there, beneath] = [asked(socket), asked(socket.inner!)];
        response.resume().on('end', () => {
          const [detailed, x509] = [socket.getPeerCertificate(true), socket.getPeerX509Certificate()]; // behind the latter Node has no other
          socket.destroy();
          resolve({ certificates: [detailed !== undefined && 'issuerCertificate' in detailed, x509?.subject, socket.getPeerX509Certificate()], before, there, beneath, after: asked(socket) });
        });
      });
      request.on('socket', (socket) => (before = asked(socket))).on('error', reject);
    });
  } finally {
    agent.destroy();
  }
}

const NOTHING = {
  ...Object.fromEntries([...OF_TCP, ...OF_TLS, ...ASKED_OF_TLS, 'exportKeyingMaterial'].map((name) => [name, undefined])),
  ...{ bytesRead: 0, bytesWritten: 0, address: {} },
  ...{ authorized: false, authorizationError: null, alpnProtocol: null, getProtocol: null, isSessionReused: false },
};

describe('a socket', () => {
  test('over TLS answers for the connection beneath, and of none with nothing', async () => {
    await using origin = await Origin.listen({ tls });
    const { before, there, beneath, after, certificates } = await looks(`https://localhost:${origin.port}/`);
    expect(there).toEqual(beneath);
    for (const name of ['getX509Certificate', 'getCertificate', 'getEphemeralKeyInfo', 'getTLSTicket']) delete there[name]; // none, of a client of TLS 1.3
    expect(Object.entries(there).filter(([, value]) => value === undefined)).toEqual([]);
    expect(there).toMatchObject({ authorized: true, servername: 'localhost' });
    expect(certificates).toEqual([true, expect.stringContaining('CN='), undefined]);
    expect([before, after]).toEqual([NOTHING, NOTHING]);
  });

  test('over TCP answers for it, and has nothing of TLS', async () => {
    await using origin = await Origin.listen();
    const { before, there, beneath, after } = await looks(`http://localhost:${origin.port}/`);
    for (const name of [...OF_TCP, 'address']) {
      expect(there[name], name).toEqual(beneath[name]);
      expect(there[name], name).toBeDefined();
      delete there[name];
    }
    const ofTls = Object.fromEntries(Object.entries(NOTHING).filter(([name]) => name in there));
    expect(there).toEqual(ofTls);
    expect([before, after]).toEqual([NOTHING, NOTHING]);
  });

  test('says whether it may be read and written as net.Socket does', async () => {
    await using origin = await Origin.listen({ protects: () => false });
    const states = async (agent: http.Agent): Promise<unknown[]> => {
      const seen: unknown[] = [];
      await new Promise<void>((resolve, reject) => {
        const request = http.get(`${origin.url}/`, { agent }, (response) => {
          const { socket } = response;
          seen.push(socket.readyState, socket.pending);
          response.resume().on('end', () => {
            socket.end();
            seen.push(socket.readyState);
            socket.destroy();
            seen.push(socket.readyState, socket.destroyed);
            socket.on('close', () => resolve());
          });
        });
        request.on('socket', (socket) => seen.push(socket.readyState, socket.pending)).on('error', reject);
      });
      agent.destroy();
      return seen;
    };
    expect(await states(new NtlmAgent({ credentials: ALICE }))).toEqual(await states(new http.Agent({ keepAlive: true })));
  });

  test('tells of its connection once, though another takes its place', async () => {
    await using peer = await HostilePeer.listen(
      (leg) => {
        if (leg.message === 'none') leg.socket.end(honest(leg).replace('\r\n', '\r\nConnection: close\r\n'));
        else leg.socket.write(honest(leg));
      },
      { tls },
    );
    const agent = new NtlmAgent({ credentials: ALICE, ca: tls.ca });
    const told: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const request = https.get(peer.url, { agent }, (response) => void response.resume().on('end', resolve));
      request.on('error', reject).on('socket', (socket) => {
        for (const event of ['lookup', 'connect', 'ready', 'secureConnect']) socket.on(event, () => told.push(event));
      });
    });
    agent.destroy();
    expect([peer.connections, told.filter((event) => event !== 'lookup')]).toEqual([2, ['connect', 'ready', 'secureConnect']]);
  });

  test('has the timeout of its connection, before it is there and then; whose listener comes once, and is taken back', async () => {
    await using origin = await Origin.listen();
    const agent = new NtlmAgent({ credentials: ALICE });
    const socket = agent.createConnection({ host: '127.0.0.1', port: origin.port }) as NtlmSocket;
    let heard = 0;
    const listener = (): void => void (heard += 1);
    expect(socket.setTimeout(50_000, listener)).toBe(socket);
    expect(socket.timeout).toBe(50_000);
    await once(socket, 'connect');
    expect(socket.inner!.timeout).toBe(50_000);
    socket.setTimeout(60_000);
    expect([socket.timeout, socket.inner!.timeout, socket.listenerCount('timeout')]).toEqual([60_000, 60_000, 1]);
    socket.inner!.emit('timeout');
    socket.inner!.emit('timeout');
    expect(heard).toBe(1);
    socket.setTimeout(60_000, listener).setTimeout(0, listener);
    expect([socket.timeout, socket.inner!.timeout, socket.listenerCount('timeout')]).toEqual([0, 0, 0]);
    socket.destroy();
    agent.destroy();
  });
});
