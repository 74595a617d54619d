/** What ties a handshake to the TLS connection it goes over (RFC 5929 4): known, or there is no connection. */
import type { Socket } from 'node:net';
import { channelBindings, type ChannelBindings, type TlsSocketLike } from '../../crypto/channel-bindings-sources.ts';
import { NtlmError } from '../../errors.ts';

type AnySocket = Socket & Partial<TlsSocketLike> & { readonly encrypted?: boolean };

/**
 * The bindings of a connection to `url`, the one where its TLS ends. `undefined`: there is no TLS, or its certificate
 * has none (Ed25519).
 *
 * @throws NtlmError `bindings-unavailable` where TLS shows no certificate, or https has come without TLS;
 *   `malformed-token` where the certificate cannot be read
 */
export function bindingsOf(socket: AnySocket, url: URL): ChannelBindings | undefined {
  if (url.protocol === 'http:' && socket.encrypted !== true) return undefined;
  if (typeof socket.getPeerCertificate !== 'function') {
    throw unavailable(url, 'is no TLS socket, such as node:tls has them: there is nothing to bind the handshake to');
  }
  try {
    return channelBindings.fromTlsSocket(socket as TlsSocketLike);
  } catch (cause) {
    if (cause instanceof NtlmError && cause.code === 'invalid-argument') throw unavailable(url, whyNone(socket), cause);
    throw new NtlmError('the certificate cannot be read, and not be bound ("channelBindings")', {
      code: 'malformed-token',
      phase: 'transport',
      side: 'peer',
      cause,
    });
  }
}

/**
 * TLS 1.2 can be negotiated anew at any time, as servers do that ask for a client's certificate late. What the handshake
 * was bound to has to stay what is there: with another certificate the connection ends.
 */
export function holdTo(bindings: ChannelBindings | undefined, socket: AnySocket, url: URL): void {
  socket.on('secure', () => {
    try {
      if (Buffer.compare(bindingsOf(socket, url)?.hash ?? NONE, bindings?.hash ?? NONE) !== 0) {
        throw unavailable(url, 'has another certificate than the one that its handshake was bound to');
      }
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
}

const NONE = new Uint8Array();

function whyNone(socket: AnySocket): string {
  return socket.isSessionReused?.() === true
    ? 'resumes a TLS session that holds no certificate to bind: resume none ("maxCachedSessions: 0", no "session")'
    : 'shows no certificate to bind the handshake to';
}

function unavailable(url: URL, why: string, cause?: unknown): NtlmError {
  return new NtlmError(`the connection to ${url.origin} ${why}; "channelBindings: false" goes without`, {
    code: 'bindings-unavailable',
    phase: 'transport',
    side: 'local',
    cause,
  });
}
