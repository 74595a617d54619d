/** What makes and reads Kerberos's tokens: the package `kerberos`, or whatever stands in for it. */
import type { ChannelBindings } from '../crypto/channel-bindings-sources.ts';

/** For whom a context is wanted, and how. */
export interface ContextRequest {
  /** Service principal name, `HTTP/host`. */
  readonly spn: string;
  /** The client's own, `user@REALM`; left out: whose the cache is. */
  readonly principal: string | undefined;
  /** Whether the server has to prove itself. */
  readonly mutual: boolean;
  /** Whether the server may act as the user elsewhere. */
  readonly delegate: boolean;
  /** Of the TLS connection (RFC 4121 4.1.1.2); for a provider that binds. */
  readonly channelBindings: ChannelBindings | undefined;
}

/** What one step came to. */
export interface KerberosStep {
  /** To be sent; left out or empty: nothing is. */
  readonly token?: Uint8Array | undefined;
  /** Whether the context is established on this end. */
  readonly complete: boolean;
}

/** The context of one client with one server, used once. */
export interface KerberosContext {
  /**
   * The next token. `token`: what the server sent; `undefined` at first. The signal is aborted when nobody waits any more.
   *
   * Reject with an `NtlmError` to say why: `no-ticket`, `unknown-service`, `ticket-expired`, `clock-skew`,
   * `realm-unreachable`; anything else is `service-failed`.
   */
  step(token: Uint8Array | undefined, signal: AbortSignal): KerberosStep | Promise<KerberosStep>;
}

export interface KerberosProvider {
  /** Whether tokens are bound to the `channelBindings` of their request. */
  readonly binds: boolean;
  /** `krb5`: tokens of RFC 4121, which SPNEGO is put around here. `spnego`: it is around them already. */
  readonly tokens: 'krb5' | 'spnego';
  /** Rejects as `step` of the context does; `unsupported` where there is no Kerberos at all. */
  begin(request: ContextRequest, signal: AbortSignal): KerberosContext | Promise<KerberosContext>;
}
