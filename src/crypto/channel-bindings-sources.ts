import { invalidArgument } from '../errors.ts';
import { channelBindingsHash } from './channel-bindings.ts';
import { tlsServerEndPoint } from './tls-server-end-point.ts';
import { certificateOfSession } from './tls-session.ts';

/** What ties a handshake to the TLS connection it runs over (RFC 5056). */
export interface ChannelBindings {
  /** The binding itself: its type's name, a colon, its data. */
  readonly applicationData: Uint8Array;
  /** 16 bytes: the value of MsvAvChannelBindings (MS-NLMP 2.2.2.1). */
  readonly hash: Uint8Array;
}

/** A certificate as node:tls shows it; an empty object where there is none. */
interface CertificateView {
  readonly raw?: Uint8Array;
}

/** The part of node:tls's `TLSSocket` that `fromTlsSocket` reads. */
export interface TlsSocketLike {
  getPeerCertificate(): CertificateView | object | null | undefined;
  getCertificate(): CertificateView | object | null | undefined;
  isSessionReused?(): boolean;
  /** A copy: it is overwritten. */
  getSession?(): Uint8Array<ArrayBuffer> | undefined;
}

export const channelBindings = {
  /**
   * `tls-server-end-point` of a server's certificate (RFC 5929 4), or `undefined` for a certificate that has none
   * (Ed25519, Ed448): leave the binding out then.
   * @param certificateDer X.509, DER; behind a TLS proxy that ends the connection, the proxy's own
   * @throws NtlmError `invalid-argument`, `malformed-token`
   */
  fromCertificate(certificateDer: Uint8Array): ChannelBindings | undefined {
    const applicationData = tlsServerEndPoint(certificateDer);
    return applicationData && channelBindings.fromApplicationData(applicationData);
  },

  /**
   * `tls-server-end-point` of a connection: at the client of the peer's certificate, at the server of its own. Of a
   * resumed connection it is that of the handshake that is resumed.
   * @param socket a node:tls socket whose handshake is done
   * @param side which end of the connection `socket` is
   * @throws NtlmError `invalid-argument` where it is no TLS socket or has no server certificate (yet)
   */
  fromTlsSocket(socket: TlsSocketLike, side: 'client' | 'server' = 'client'): ChannelBindings | undefined {
    const method = side === 'server' ? 'getCertificate' : 'getPeerCertificate';
    if (typeof socket?.[method] !== 'function') throw invalidArgument('socket', 'must be a TLS socket');
    const certificate: CertificateView | null | undefined = socket[method]();
    const shown = certificate?.raw instanceof Uint8Array ? certificate.raw : undefined;
    const der = shown ?? (side === 'client' ? resumedCertificate(socket) : undefined);
    if (der === undefined) throw invalidArgument('socket', 'has no server certificate: was its TLS handshake done?');
    return channelBindings.fromCertificate(der);
  },

  /**
   * Any other binding: `tls-unique:...`, `tls-exporter:...`.
   * @throws NtlmError `invalid-argument`
   */
  fromApplicationData(applicationData: Uint8Array): ChannelBindings {
    const hash = channelBindingsHash(applicationData);
    return { applicationData: Uint8Array.from(applicationData), hash };
  },
} as const;

function resumedCertificate(socket: TlsSocketLike): Uint8Array<ArrayBuffer> | undefined {
  if (socket.isSessionReused?.() !== true) return undefined;
  const session = socket.getSession?.();
  if (!(session instanceof Uint8Array)) return undefined;
  try {
    return certificateOfSession(session);
  } finally {
    session.fill(0);
  }
}
