/** Test certificates for localhost, made with openssl when needed and valid for two days. */
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { run, TemporaryDirectory } from './processes.ts';

export interface TestCertificate {
  readonly pem: string;
  readonly keyPem: string;
  readonly der: Uint8Array;
}

const rsa = ['-newkey', 'rsa:2048'];
const rsaPss = ['-newkey', 'rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048', '-sigopt', 'rsa_pss_saltlen:digest'];
const ec = (curve: string): string[] => ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`];

const keyAndSignature = {
  'rsa-md5': [...rsa, '-md5'],
  'rsa-sha1': [...rsa, '-sha1'],
  'rsa-sha256': [...rsa, '-sha256'],
  'rsa-sha384': [...rsa, '-sha384'],
  'rsa-sha512': [...rsa, '-sha512'],
  'rsa-pss-sha256': [...rsaPss, '-sha256'],
  'rsa-pss-sha384': [...rsaPss, '-sha384'],
  'ecdsa-p256-sha256': [...ec('P-256'), '-sha256'],
  'ecdsa-p384-sha384': [...ec('P-384'), '-sha384'],
  ed25519: ['-newkey', 'ed25519'],
} as const satisfies Record<string, readonly string[]>;

/** Key and signature algorithm; the hash is the signature's. */
export type CertificateKind = keyof typeof keyAndSignature;

export const certificateKinds = Object.keys(keyAndSignature) as CertificateKind[];

const openSslConfig = `
[req]
prompt = no
distinguished_name = name
[name]
CN = $ENV::COMMON_NAME
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:false
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
`;

interface Request {
  readonly kind: CertificateKind;
  readonly commonName: string;
  readonly extensions: 'authority' | 'server';
  /** The name of the files of an authority made before; none means self-signed. */
  readonly issuer?: string;
}

async function issue(directory: TemporaryDirectory, name: string, request: Request): Promise<TestCertificate> {
  const { kind, commonName, extensions, issuer } = request;
  const config = directory.file('openssl.cnf');
  writeFileSync(config, openSslConfig);
  const [certificate, key] = [directory.file(`${name}.pem`), directory.file(`${name}.key`)];
  const signer =
    issuer === undefined
      ? []
      : ['-CA', directory.file(`${issuer}.pem`), '-CAkey', directory.file(`${issuer}.key`)];
  await run(
    'openssl',
    [
      'req', '-x509', '-nodes', '-days', '2', '-config', config, '-extensions', extensions,
      ...keyAndSignature[kind], ...signer, '-keyout', key, '-out', certificate,
    ],
    { env: { ...process.env, COMMON_NAME: commonName } },
  );
  const [pem, keyPem] = await Promise.all([readFile(certificate, 'utf8'), readFile(key, 'utf8')]);
  return { pem, keyPem, der: new Uint8Array(new X509Certificate(pem).raw) };
}

/** A self-signed certificate for localhost and 127.0.0.1. TLS takes those of MD5 and SHA-1 only at SECLEVEL=0. */
export async function makeSelfSignedCertificate(kind: CertificateKind): Promise<TestCertificate> {
  await using directory = new TemporaryDirectory('certificate');
  return await issue(directory, 'server', { kind, commonName: 'localhost', extensions: 'server' });
}

/** A private authority, and a certificate for localhost and 127.0.0.1 that it signed. */
export async function makeServerCertificate(): Promise<{
  readonly authority: TestCertificate;
  readonly server: TestCertificate;
}> {
  await using directory = new TemporaryDirectory('certificate');
  const authority = await issue(directory, 'authority', {
    kind: 'rsa-sha256',
    commonName: 'ntlmachine test authority',
    extensions: 'authority',
  });
  const server = await issue(directory, 'server', {
    kind: 'rsa-sha256',
    commonName: 'localhost',
    extensions: 'server',
    issuer: 'authority',
  });
  return { authority, server };
}
