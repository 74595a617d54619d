import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, connect, type TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { channelBindings } from '../../src/crypto/channel-bindings-sources.ts';
import { tlsServerEndPoint } from '../../src/crypto/tls-server-end-point.ts';
import { certificateOfSession } from '../../src/crypto/tls-session.ts';
import { NtlmError } from '../../src/errors.ts';

const { subtle } = globalThis.crypto;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

const endPoint = (hash: Uint8Array) => new Uint8Array(Buffer.concat([Buffer.from('tls-server-end-point:'), hash]));

/** RFC 5929 4.1 with node:crypto's hash. */
const expected = (certificate: Uint8Array, hash: string) =>
  endPoint(createHash(hash).update(certificate).digest());

interface Algorithm {
  readonly name: string;
  readonly hash?: string;
  readonly saltLength?: number;
  readonly namedCurve?: string;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

async function keyPair(algorithm: Algorithm): Promise<CryptoKeyPair> {
  if (!algorithm.name.startsWith('RSA')) {
    return (await subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
  }
  const hashed = { name: algorithm.name, hash: algorithm.hash ?? '' };
  const pkcs8 = new Uint8Array(rsa.privateKey.export({ format: 'der', type: 'pkcs8' }));
  const spki = new Uint8Array(rsa.publicKey.export({ format: 'der', type: 'spki' }));
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, hashed, true, ['sign']),
    publicKey: await subtle.importKey('spki', spki, hashed, true, ['verify']),
  };
}

async function certificateOf(algorithm: Algorithm, keys?: CryptoKeyPair): Promise<Uint8Array> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    keys: keys ?? (await keyPair(algorithm)),
  });
  return new Uint8Array(certificate.rawData);
}

/** The outline of a certificate around an AlgorithmIdentifier, for algorithms that WebCrypto does not sign with. */
function outline(algorithmIdentifier: string): Uint8Array {
  const body = `3000${algorithmIdentifier}030100`;
  return bytes(`30${(body.length / 2).toString(16).padStart(2, '0')}${body}`);
}

const PKCS1 = 'RSASSA-PKCS1-v1_5';

describe('the certificate\'s own hash is used (RFC 5929 4.1)', () => {
  it.each<[string, Algorithm, string]>([
    ['RSA with SHA-1 counts as SHA-256', { name: PKCS1, hash: 'SHA-1' }, 'sha256'],
    ['RSA with SHA-256', { name: PKCS1, hash: 'SHA-256' }, 'sha256'],
    ['RSA with SHA-384', { name: PKCS1, hash: 'SHA-384' }, 'sha384'],
    ['RSA with SHA-512', { name: PKCS1, hash: 'SHA-512' }, 'sha512'],
    ['RSA-PSS with SHA-1 counts as SHA-256', { name: 'RSA-PSS', hash: 'SHA-1', saltLength: 20 }, 'sha256'],
    ['RSA-PSS with SHA-256', { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 }, 'sha256'],
    ['RSA-PSS with SHA-384', { name: 'RSA-PSS', hash: 'SHA-384', saltLength: 48 }, 'sha384'],
    ['RSA-PSS with SHA-512', { name: 'RSA-PSS', hash: 'SHA-512', saltLength: 64 }, 'sha512'],
    ['ECDSA P-256 with SHA-256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }, 'sha256'],
    ['ECDSA P-384 with SHA-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }, 'sha384'],
    ['ECDSA P-256 with SHA-512, not the curve\'s', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-512' }, 'sha512'],
  ])('%s', async (_, algorithm, hash) => {
    const certificate = await certificateOf(algorithm);
    expect(tlsServerEndPoint(certificate)).toEqual(expected(certificate, hash));
  });

  // AlgorithmIdentifiers of RFC 3279, 4055, 5758, 8017 and 8410
  it.each([
    ['RSA with MD5 counts as SHA-256', '300d06092a864886f70d0101040500', 'sha256'],
    ['RSA with SHA-1 by OIW\'s identifier counts as SHA-256', '300906052b0e03021d0500', 'sha256'],
    ['RSA with SHA-224', '300d06092a864886f70d01010e0500', 'sha224'],
    ['RSA with SHA-512/224', '300d06092a864886f70d01010f0500', 'sha512-224'],
    ['RSA with SHA-512/256', '300d06092a864886f70d0101100500', 'sha512-256'],
    ['RSA-PSS by default means SHA-1, so SHA-256', '300d06092a864886f70d01010a3000', 'sha256'],
    ['RSA-PSS without parameters', '300b06092a864886f70d01010a', 'sha256'],
    ['RSA-PSS with only a salt length', '301206092a864886f70d01010a3005a203020120', 'sha256'],
    ['RSA-PSS with MD5', '301b06092a864886f70d01010a300ea00c300a06082a864886f70d0205', 'sha256'],
    ['ECDSA with SHA-1', '300906072a8648ce3d0401', 'sha256'],
    ['ECDSA with SHA-224', '300a06082a8648ce3d040301', 'sha224'],
    ['DSA with SHA-1', '300906072a8648ce380403', 'sha256'],
    ['DSA with SHA-224', '300b0609608648016503040301', 'sha224'],
    ['DSA with SHA-256', '300b0609608648016503040302', 'sha256'],
    ['DSA with SHA-384', '300b0609608648016503040303', 'sha384'],
    ['DSA with SHA-512', '300b0609608648016503040304', 'sha512'],
  ])('%s', (_, algorithmIdentifier, hash) => {
    const certificate = outline(algorithmIdentifier);
    expect(tlsServerEndPoint(certificate)).toEqual(expected(certificate, hash));
  });
});

describe('a certificate without a single known hash has no binding', () => {
  it('Ed25519', async () => {
    const certificate = await certificateOf({ name: 'Ed25519' });
    expect(tlsServerEndPoint(certificate)).toBeUndefined();
    expect(channelBindings.fromCertificate(certificate)).toBeUndefined();
  });

  it.each([
    ['Ed448', '300506032b6571'],
    ['ML-DSA-65', '300b0609608648016503040312'],
    ['RSA-PSS with SHAKE256 as its hash', '301c06092a864886f70d01010a300fa00d300b060960864801650304020c'],
    ['an unknown algorithm', '300506032a0304'],
  ])('%s', (_, algorithmIdentifier) => {
    expect(tlsServerEndPoint(outline(algorithmIdentifier))).toBeUndefined();
  });
});

describe('what is no certificate is refused', () => {
  it.each([
    ['no bytes', '', 0],
    ['PEM', Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('hex'), 0],
    ['a certificate cut short', '30143000300d06092a864886f70d01010b05000301', 0],
    ['a byte after the certificate', '30143000300d06092a864886f70d01010b050003010000', 22],
    ['two parts', '30113000300d06092a864886f70d01010b0500', 0],
    ['four parts', '30163000300d06092a864886f70d01010b05000301000500', 0],
    ['a private key (PKCS #8)', '3014020100300d06092a864886f70d01010105000400', 0],
    ['a first part that is no SEQUENCE', '3015020100300d06092a864886f70d01010b0500030100', 0],
    ['a signature that is no BIT STRING', '30143000300d06092a864886f70d01010b0500040100', 0],
    ['an algorithm that is no identifier', '300c300030050201000500030100', 4],
    ['an algorithm of three parts', '30163000300f06092a864886f70d01010b05000500030100', 4],
    ['no parts', '3000', 0],
    ['an algorithm of no parts', '300730003000030100', 4],
    ['RSA-PSS parameters that are no SEQUENCE', '30143000300d06092a864886f70d01010a0500030100', 17],
  ])('%s', (_, hex, offset) => {
    expect(() => tlsServerEndPoint(bytes(hex))).toThrow(
      expect.objectContaining({ code: 'malformed-token', phase: 'configure', side: 'local', offset }),
    );
  });

  it('in words that say what is missing', () => {
    expect(() => tlsServerEndPoint(bytes('3000'))).toThrow('certificate is not a signed X.509 structure');
    expect(() => tlsServerEndPoint(bytes('300730003000030100'))).toThrow('certificate names no algorithm');
  });

  it('no other value than bytes', () => {
    for (const value of [undefined, null, 'MIIB', new ArrayBuffer(4), {}]) {
      expect(() => tlsServerEndPoint(value as unknown as Uint8Array)).toThrow(
        expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('"certificateDer"') }),
      );
    }
  });
});

describe('channelBindings', () => {
  it('has the hash that Windows has for a certificate\'s binding', () => {
    // Microsoft's published example of Extended Protection: the certificate's SHA-256 and the value of the AV pair
    const certificateHash = 'ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95';
    const applicationData = endPoint(bytes(certificateHash));
    expect(channelBindings.fromApplicationData(applicationData)).toEqual({
      applicationData,
      hash: bytes('6586e99d81c2fc984e47172fd4dd0310'),
    });
  });

  it('keeps its own copy of the application data', () => {
    const given = new TextEncoder().encode('tls-unique:abc');
    const bindings = channelBindings.fromApplicationData(given);
    given.fill(0);
    expect(new TextDecoder().decode(bindings.applicationData)).toBe('tls-unique:abc');
  });

  it('names an argument that is not bytes', () => {
    expect(() => channelBindings.fromApplicationData('tls-unique:abc' as unknown as Uint8Array)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('"applicationData"') }),
    );
  });
});

describe('channelBindings.fromTlsSocket', () => {
  const algorithm: Algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
  let certificate: Uint8Array;
  let credentials: { cert: string; key: string };

  const pem = (label: string, der: Uint8Array) =>
    `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;

  beforeAll(async () => {
    const keys = await keyPair(algorithm);
    certificate = await certificateOf(algorithm, keys);
    const key = new Uint8Array(await subtle.exportKey('pkcs8', keys.privateKey));
    credentials = { cert: pem('CERTIFICATE', certificate), key: pem('PRIVATE KEY', key) };
  });

  async function connected(use: (client: TLSSocket, server: TLSSocket) => void, clientCertificate = {}): Promise<void> {
    const server = createServer({ ...credentials, requestCert: true, rejectUnauthorized: false });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const client = connect({ port: address.port, host: '127.0.0.1', rejectUnauthorized: false, ...clientCertificate });
    try {
      expect(() => channelBindings.fromTlsSocket(client)).toThrow(
        expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('"socket"') }),
      );
      await once(client, 'secureConnect');
      const [peer] = await accepted;
      use(client, peer);
      peer.destroy();
    } finally {
      client.destroy();
      server.close();
    }
  }

  it('binds both ends of a connection to the server\'s certificate', async () => {
    await connected((client, server) => {
      const applicationData = expected(certificate, 'sha384');
      expect(channelBindings.fromTlsSocket(client)?.applicationData).toEqual(applicationData);
      expect(channelBindings.fromTlsSocket(client)).toEqual(channelBindings.fromCertificate(certificate));
      expect(channelBindings.fromTlsSocket(server, 'server')).toEqual(channelBindings.fromTlsSocket(client));
    });
  });

  it('does so where the client has shown a certificate, too', async () => {
    const keys = await keyPair(algorithm);
    const cert = pem('CERTIFICATE', await certificateOf(algorithm, keys));
    const key = pem('PRIVATE KEY', new Uint8Array(await subtle.exportKey('pkcs8', keys.privateKey)));
    await connected(
      (client, server) => {
        expect(server.getPeerCertificate().raw).toBeDefined();
        const bindings = channelBindings.fromCertificate(certificate);
        expect(channelBindings.fromTlsSocket(server, 'server')).toEqual(bindings);
        expect(channelBindings.fromTlsSocket(client)).toEqual(bindings);
      },
      { cert, key },
    );
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('binds a resumed connection of %s, which shows no certificate, to that of the first', async (version) => {
    const server = createServer({ ...credentials, minVersion: version, maxVersion: version }, (socket) => socket.write('hello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const use = async (session?: Buffer): Promise<{ socket: TLSSocket; session: Buffer | undefined }> => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false, ...(session && { session }) });
      let news: Buffer | undefined;
      socket.on('session', (bytes: Buffer) => (news = Buffer.from(bytes)));
      await once(socket, 'data');
      while (session === undefined && news === undefined) await once(socket, 'session');
      return { socket, session: news };
    };
    const first = await use();
    const second = await use(first.session);
    try {
      expect(second.socket.isSessionReused()).toBe(true);
      expect(second.socket.getPeerCertificate()).toEqual({});
      expect(channelBindings.fromTlsSocket(second.socket)).toEqual(channelBindings.fromCertificate(certificate));
      const whole = second.socket.getSession()!;
      expect(certificateOfSession(whole)).toEqual(certificate);
      for (let length = 0; length < whole.length; length += 1) {
        expect(certificateOfSession(whole.subarray(0, length)), `cut to ${length}`).toBeUndefined();
      }
      const given = [Buffer.from(whole), Buffer.alloc(40, 1), undefined];
      const shown = given.map((session) => {
        const socket = { isSessionReused: () => true, getSession: () => session, getPeerCertificate: () => ({}), getCertificate: () => null };
        try {
          return channelBindings.fromTlsSocket(socket)?.hash;
        } catch (error) {
          return (error as NtlmError).code;
        }
      });
      expect(shown).toEqual([channelBindings.fromCertificate(certificate)?.hash, 'invalid-argument', 'invalid-argument']);
      expect([...given[0]!, ...given[1]!].every((octet) => octet === 0), 'the master secret is overwritten').toBe(true);
    } finally {
      first.socket.destroy();
      second.socket.destroy();
      server.close();
    }
  });

  it.each([
    ['of another version', '300602010204010a'],
    ['without a certificate', '3007020101a4020400'],
    ['of an indefinite length', '3080020101a3020500'],
    ['with a length of five octets', '308500000000070201 01a3020500'.replace(' ', '')],
    ['with bytes behind', '3007020101a302050000'],
    ['with a field that leaves it', '3007020101a3050500'],
    ['under a mark of Node that is not known', '006e6f64656a733a746c733a73657373696f6e3a32000000' + '3007020101a3020500'],
    ['under a name that leaves it', '006e6f64656a733a746c733a73657373696f6e3a3100ffff' + '3007020101a3020500'],
  ])('reads no certificate from a session %s', (_what, hex) => {
    expect(certificateOfSession(Uint8Array.from(Buffer.from(hex, 'hex')))).toBeUndefined();
  });

  it.each([
    ['bare', ''],
    ['under the name of a server', '006e6f64656a733a746c733a73657373696f6e3a310000026162'],
  ])('reads the certificate of a session %s', (_what, before) => {
    const session = Uint8Array.from(Buffer.from(before + '3007020101a3020500', 'hex'));
    expect(certificateOfSession(session)).toEqual(Uint8Array.of(5, 0));
  });

  it('refuses what is no TLS socket, by name', () => {
    for (const value of [undefined, null, {}, 'socket']) {
      expect(() => channelBindings.fromTlsSocket(value as unknown as TLSSocket)).toThrow(NtlmError);
    }
  });
});
