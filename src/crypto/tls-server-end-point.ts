/**
 * The channel binding `tls-server-end-point` (RFC 5929 4): a hash of the server's certificate, in whichever hash
 * function the certificate itself was signed with.
 */
import { sha224, sha256, sha384, sha512, sha512_224, sha512_256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes, type CHash } from '@noble/hashes/utils.js';
import { BIT_STRING, DerElement, OBJECT_IDENTIFIER, SEQUENCE, type DerOrigin } from '../der.ts';
import { checkBytes } from '../checks.ts';

const CERTIFICATE: DerOrigin = { what: 'certificate', phase: 'configure', side: 'local' };

/**
 * Application data of the binding: `tls-server-end-point:` and the certificate's hash, 49 to 85 bytes (RFC 5929 4.1).
 * `undefined` where RFC 5929 defines none: the signature has no single hash function (Ed25519, Ed448, ML-DSA), or an
 * unknown one (SHA-3).
 *
 * @param certificateDer the server's X.509 certificate as TLS carried it
 * @throws NtlmError `invalid-argument`, or `malformed-token` with an offset where the bytes are no certificate
 */
export function tlsServerEndPoint(certificateDer: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  checkBytes('certificateDer', certificateDer, 'configure');
  const hash = signatureHash(certificateDer);
  return hash && concatBytes(utf8ToBytes('tls-server-end-point:'), hash(certificateDer));
}

/** The hash of the certificate's `signatureAlgorithm` (RFC 5280 4.1.1.2), MD5 and SHA-1 raised to SHA-256. */
function signatureHash(certificateDer: Uint8Array): CHash | undefined {
  const certificate = DerElement.decode(certificateDer, CERTIFICATE);
  const [tbsCertificate, signatureAlgorithm, signatureValue, ...rest] = certificate.sequence();
  const signed = tbsCertificate?.isUniversal(SEQUENCE) && signatureValue?.isUniversal(BIT_STRING);
  if (!signatureAlgorithm || !signed || rest.length > 0) throw certificate.malformed('is not a signed X.509 structure');
  const { oid, parameters } = readAlgorithm(signatureAlgorithm);
  return oid === RSASSA_PSS ? pssHash(parameters) : SIGNATURE_HASHES[oid];
}

/** RSASSA-PSS-params: `[0] hashAlgorithm DEFAULT sha1` (RFC 4055 3.1). */
function pssHash(parameters: DerElement | undefined): CHash | undefined {
  const hashAlgorithm = parameters?.fields().get(0)?.inner();
  return hashAlgorithm === undefined ? sha256 : HASHES[readAlgorithm(hashAlgorithm).oid];
}

/** AlgorithmIdentifier (RFC 5280 4.1.1.2). */
function readAlgorithm(element: DerElement): { oid: string; parameters: DerElement | undefined } {
  const [algorithm, parameters, ...rest] = element.sequence();
  if (!algorithm?.isUniversal(OBJECT_IDENTIFIER) || rest.length > 0) throw element.malformed('names no algorithm');
  return { oid: algorithm.objectIdentifier(), parameters };
}

const RSASSA_PSS = '1.2.840.113549.1.1.10';

// Hash functions by their own identifiers, as the parameters of RSASSA-PSS name them.
const HASHES: Readonly<Record<string, CHash>> = {
  '1.2.840.113549.2.5': sha256, // MD5
  '1.3.14.3.2.26': sha256, // SHA-1
  '2.16.840.1.101.3.4.2.1': sha256,
  '2.16.840.1.101.3.4.2.2': sha384,
  '2.16.840.1.101.3.4.2.3': sha512,
  '2.16.840.1.101.3.4.2.4': sha224,
  '2.16.840.1.101.3.4.2.5': sha512_224,
  '2.16.840.1.101.3.4.2.6': sha512_256,
};

const SIGNATURE_HASHES: Readonly<Record<string, CHash>> = {
  // RSASSA-PKCS1-v1_5 (RFC 8017 A.2.4)
  '1.2.840.113549.1.1.4': sha256, // MD5
  '1.2.840.113549.1.1.5': sha256, // SHA-1
  '1.3.14.3.2.29': sha256, // SHA-1, OIW's identifier
  '1.2.840.113549.1.1.11': sha256,
  '1.2.840.113549.1.1.12': sha384,
  '1.2.840.113549.1.1.13': sha512,
  '1.2.840.113549.1.1.14': sha224,
  '1.2.840.113549.1.1.15': sha512_224,
  '1.2.840.113549.1.1.16': sha512_256,
  // ECDSA (RFC 5758 3.2)
  '1.2.840.10045.4.1': sha256, // SHA-1
  '1.2.840.10045.4.3.1': sha224,
  '1.2.840.10045.4.3.2': sha256,
  '1.2.840.10045.4.3.3': sha384,
  '1.2.840.10045.4.3.4': sha512,
  // DSA (RFC 3279 2.2.2, RFC 5758 3.1)
  '1.2.840.10040.4.3': sha256, // SHA-1
  '2.16.840.1.101.3.4.3.1': sha224,
  '2.16.840.1.101.3.4.3.2': sha256,
  '2.16.840.1.101.3.4.3.3': sha384, // NIST's own, as the next
  '2.16.840.1.101.3.4.3.4': sha512,
};
