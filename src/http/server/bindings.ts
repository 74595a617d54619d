/** Which channel a client has to name: that of the certificate that its TLS connection was opened with (RFC 5929 4). */
import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { AcceptorOptions } from '../../acceptor/context.ts';
import { channelBindings } from '../../crypto/channel-bindings-sources.ts';
import { NtlmError, invalidArgument } from '../../errors.ts';

/** PEM (of a chain the first) or DER. */
export type Certificate = string | Uint8Array;

/** `required` refuses a client that names no channel, `allowed` only one that names another. */
export type BindingsDemand = 'required' | 'allowed';

export interface ServerChannelBindings {
  readonly demand: BindingsDemand;
  /**
   * Default: what the socket itself was opened with. A function is asked once for each TLS connection that begins a
   * handshake: for certificates chosen by name (SNI) or renewed. A fixed one also stands for a TLS proxy in front.
   */
  readonly certificate?:
    Certificate | ((socket: TLSSocket) => Certificate | undefined | Promise<Certificate | undefined>) | undefined;
}

type Bindings = Pick<AcceptorOptions, 'channelBindings' | 'requireChannelBindings'>;
/** @throws NtlmError where a binding is required and there is none; what the app's function throws. */
export type BindingsOf = (socket: Duplex) => Promise<Bindings>;

export interface BindingsOptions {
  readonly channelBindings?: { readonly hash: Uint8Array } | ServerChannelBindings | BindingsDemand | undefined;
  readonly requireChannelBindings?: boolean | undefined;
}

/** @throws NtlmError `invalid-argument` */
export function resolveBindings({ channelBindings: given, requireChannelBindings }: BindingsOptions): BindingsOf {
  if (given === undefined || (typeof given === 'object' && given !== null && 'hash' in given)) {
    const fixed: Bindings = { channelBindings: given, requireChannelBindings };
    return () => Promise.resolve(fixed);
  }
  if (requireChannelBindings !== undefined) {
    throw invalidArgument('requireChannelBindings', 'goes with a hash: set "channelBindings.demand" to "required" or "allowed"');
  }
  const { demand, certificate = ownCertificate }: ServerChannelBindings =
    typeof given === 'object' && given !== null ? given : { demand: given };
  if (demand !== 'required' && demand !== 'allowed') throw invalidArgument('channelBindings.demand', 'must be "required" or "allowed"');
  const required = demand === 'required';
  if (typeof certificate !== 'function') {
    const binding = bindingOf(certificate);
    if (binding === undefined && required) throw invalidArgument('channelBindings.certificate', NO_BINDING);
    return () => Promise.resolve(binding === undefined ? {} : { channelBindings: binding, requireChannelBindings: required });
  }
  const known = new WeakMap<Duplex, Bindings>();
  return async (socket) => {
    const before = known.get(socket);
    if (before !== undefined) return before;
    const found = socket instanceof TLSSocket ? await certificate(socket) : undefined;
    const binding = found === undefined ? undefined : bindingOf(found);
    if (binding === undefined && required) throw unbindable(socket);
    const bindings = binding === undefined ? {} : { channelBindings: binding, requireChannelBindings: required };
    known.set(socket, bindings);
    return bindings;
  };
}

const NO_BINDING = 'has no tls-server-end-point binding: its signature has no hash of its own (RFC 5929 4.1)';

/** @throws NtlmError `invalid-argument` */
function bindingOf(certificate: Certificate): { readonly hash: Uint8Array } | undefined {
  const isCertificate = typeof certificate === 'string' || certificate instanceof Uint8Array;
  if (!isCertificate) throw invalidArgument('channelBindings.certificate', EXPECTED);
  let der: Uint8Array;
  try {
    der = new Uint8Array(new X509Certificate(certificate).raw);
  } catch {
    throw invalidArgument('channelBindings.certificate', EXPECTED);
  }
  return channelBindings.fromCertificate(der);
}

const EXPECTED = 'must be an X.509 certificate, PEM or DER, or a function of a TLS socket that gives one';

/** What this end sent in its TLS handshake. */
function ownCertificate(socket: TLSSocket): Uint8Array | undefined {
  const { raw } = (socket.getCertificate() ?? {}) as { readonly raw?: Uint8Array };
  return raw;
}

function unbindable(socket: Duplex): NtlmError {
  const why = socket instanceof TLSSocket ? `the certificate of this connection is missing or ${NO_BINDING}` : 'this connection has no TLS';
  return new NtlmError(`channel bindings are required, and ${why}`, { code: 'unsupported', phase: 'authenticate', side: 'local' });
}
