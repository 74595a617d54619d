/**
 * Channel bindings outside HTTP: a line protocol over TLS whose acceptor is gss-ntlmssp's, which enforces what a client
 * states (Samba does not).
 */
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { channelBindings } from '../../src/crypto/channel-bindings-sources.ts';
import { Credentials } from '../../src/index.ts';
import { SaslClient } from '../../src/sasl/index.ts';
import { makeSelfSignedCertificate, type TestCertificate } from './support/certificates.ts';
import { GssOracle, type GssMech } from './support/gss.ts';
import { alice } from './support/users.ts';

const credentials = Credentials.fromPassword(alice);
let oracle: GssOracle;
let certificate: TestCertificate;
let other: TestCertificate;
beforeAll(async () => {
  [oracle, certificate, other] = await Promise.all([
    GssOracle.start(),
    makeSelfSignedCertificate('ecdsa-p384-sha384'),
    makeSelfSignedCertificate('rsa-sha256'),
  ]);
});
afterAll(() => oracle?.close());

/** A stub of a mail server: `AUTH` in base64, over TLS, its NTLM gss-ntlmssp's. */
async function startServer(mech: GssMech) {
  const hash = createHash('sha384').update(new X509Certificate(certificate.pem).raw).digest();
  const bindings = Buffer.concat([Buffer.from('tls-server-end-point:'), hash]);
  const server = createServer({ cert: certificate.pem, key: certificate.keyPem }, (socket) => {
    void (async () => {
      const acceptor = await oracle.acceptor({ mech, channelBindings: bindings });
      try {
        for await (const line of createInterface({ input: socket })) {
          const { token, complete } = await acceptor.step(new Uint8Array(Buffer.from(line, 'base64')));
          const text = Buffer.from(token ?? []).toString('base64');
          socket.write(complete ? `235 ${text}\r\n` : `334 ${text}\r\n`);
        }
      } catch {
        socket.end('535 refused\r\n');
      }
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function authenticate(mech: GssMech, bind: (socket: TLSSocket) => Promise<{ hash: Uint8Array } | undefined>) {
  const { port, close } = await startServer(mech);
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const mechanism = mech === 'NTLM' ? 'NTLM' : 'GSS-SPNEGO';
  const sasl = new SaslClient({ mechanism, credentials, channelBindings: await bind(socket) });
  try {
    let line = sasl.start('base64');
    for (;;) {
      socket.write(`${line}\r\n`);
      const reply = (await lines.next()).value as string;
      if (reply.startsWith('535')) throw sasl.rejected();
      const next = sasl.step(reply.slice(4));
      if (reply.startsWith('235')) return sasl.client.state;
      line = next!;
    }
  } finally {
    socket.destroy();
    close();
  }
}

it.each(['NTLM', 'SPNEGO'] as const)('%s: the certificate of the socket is what the acceptor sees', async (mech) => {
  expect(await authenticate(mech, async (socket) => channelBindings.fromTlsSocket(socket))).toBe('authenticated');
});

it.each(['NTLM', 'SPNEGO'] as const)('%s: another certificate, as of one in the middle, is refused', async (mech) => {
  const elsewhere = async () => channelBindings.fromCertificate(other.der);
  await expect(authenticate(mech, elsewhere)).rejects.toMatchObject({ code: 'credentials-refused', side: 'peer' });
});
