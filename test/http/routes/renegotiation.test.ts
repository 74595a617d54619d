/** TLS 1.2 negotiated anew: to the same certificate the connection goes on, to another one it ends. */
import { constants, X509Certificate } from 'node:crypto';
import https from 'node:https';
import tlsModule, { createSecureContext, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { channelBindings } from '../../../src/crypto/channel-bindings-sources.ts';
import { requireNtlm } from '../../../src/http/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

let first: Awaited<ReturnType<typeof makeCertificate>>;
let other: typeof first;
let server: https.Server;
let proxy: Proxy;
let connections = 0;

const { CLIENT_RENEG_LIMIT } = tlsModule;

beforeAll(async () => {
  Object.assign(tlsModule, { CLIENT_RENEG_LIMIT: 100 }); // node's servers put up with three
  [first, other] = await Promise.all([makeCertificate(), makeCertificate()]);
  proxy = await Proxy.listen();
  const bindings = channelBindings.fromCertificate(new Uint8Array(new X509Certificate(first.cert).raw))!;
  const secureOptions = constants.SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION;
  server = https.createServer(
    { ...first, maxVersion: 'TLSv1.2', secureOptions },
    requireNtlm({ credentials: ALICE, channelBindings: bindings }, (request, response) => {
      const socket = request.socket as TLSSocket;
      if (request.url === '/other') socket.setKeyCert(createSecureContext(other));
      if (request.url === '/') return void response.end('as it was');
      socket.renegotiate({}, (error) => void response.end(error === null ? 'anew' : 'failed'));
    }),
  );
  server.on('secureConnection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  Object.assign(tlsModule, { CLIENT_RENEG_LIMIT });
  await proxy[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test.each([false, true])('tunnel: %s', async (tunnel) => {
    const at = (path: string): string => `https://localhost:${(server.address() as { port: number }).port}${path}`;
    const options = { credentials: ALICE, insecure: true, connections: 1, ...(tunnel ? { proxy: proxy.url } : {}) };
    await using client = carrier.open(options);
    connections = 0;
    expect(await client.request(at('/'))).toMatchObject({ status: 200, text: 'as it was' });
    expect(await client.request(at('/same'))).toMatchObject({ status: 200, text: 'anew' });
    expect(connections, 'the connection stays').toBe(1);
    const end = await client.request(at('/other')).catch((error: unknown) => error);
    expect(end).toMatchObject({ code: 'bindings-unavailable', message: expect.stringContaining('another certificate') as string });
    expect(await client.request(at('/'))).toMatchObject({ status: 200 });
    expect(connections).toBe(2);

    await using unbound = carrier.open({ ...options, channelBindings: false });
    expect(await unbound.request(at('/other'))).toMatchObject({ status: 200, text: 'anew' });
  });
});
