import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

type SigningAlgorithm = Algorithm & { readonly namedCurve?: string; readonly hash?: string };
type Pems = ReturnType<typeof make>;

/** A private authority and a certificate of its for loopback, and for `hosts`, as PEM. */
export const makeCertificate = (...hosts: string[]): Pems => make({ name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }, hosts);

/** The same by Ed25519, for which RFC 5929 names no hash: it has no channel binding. */
export const makeUnhashedCertificate = (): Pems => make({ name: 'Ed25519' }, []);

async function make(algorithm: SigningAlgorithm, hosts: readonly string[]): Promise<{ ca: string; cert: string; key: string }> {
  x509.cryptoProvider.set(crypto);
  const [authority, server] = (await Promise.all(
    [0, 1].map(() => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<CryptoKeyPair>),
  )) as [CryptoKeyPair, CryptoKeyPair];
  const notBefore = new Date(Date.now() - 3_600_000);
  const notAfter = new Date(Date.now() + 86_400_000);
  const issuer = 'CN=test authority';
  const ca = await x509.X509CertificateGenerator.create({
    subject: issuer,
    issuer,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    publicKey: authority.publicKey,
    signingKey: authority.privateKey,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const names = new x509.SubjectAlternativeNameExtension([
    ...(hosts.length === 0 ? ['localhost'] : hosts).map((value) => ({ type: 'dns', value }) as const),
    { type: 'ip', value: '127.0.0.1' },
  ]);
  const cert = await x509.X509CertificateGenerator.create({
    subject: 'CN=localhost',
    issuer,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    extensions: [names],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', server.privateKey)).toString('base64');
  return {
    ca: ca.toString('pem'),
    cert: cert.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
  };
}

/** The same certificate with the length of what is signed in one octet too many, as OpenSSL takes it and DER forbids it. */
export function withLongLength(pem: string): string {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const outer = contentsAt(der, 0);
  const signed = contentsAt(der, outer.start);
  const body = Buffer.concat([sequence(der.subarray(signed.start, signed.end), 3), der.subarray(signed.end)]);
  return `-----BEGIN CERTIFICATE-----\n${sequence(body, 2).toString('base64')}\n-----END CERTIFICATE-----\n`;
}

/** Where the contents of a long DER element lie (X.690 8.1.3.5). */
function contentsAt(der: Buffer, at: number): { start: number; end: number } {
  const octets = der[at + 1]! & 0x7f;
  const start = at + 2 + octets;
  return { start, end: start + der.readUIntBE(at + 2, octets) };
}

function sequence(contents: Buffer, octets: number): Buffer {
  const head = Buffer.alloc(2 + octets);
  head.writeUInt8(0x30, 0);
  head.writeUInt8(0x80 | octets, 1);
  head.writeUIntBE(contents.length, 2, octets);
  return Buffer.concat([head, contents]);
}
