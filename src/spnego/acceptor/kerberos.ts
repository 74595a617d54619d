/**
 * Kerberos at the server's end: what verifies its tickets, and what becomes of one. NTLM is ours; of Kerberos the envelope
 * alone is read here (RFC 4178, RFC 4121 4.1).
 */
import { invalidArgument, NtlmError } from '../../errors.ts';
import type { ClaimedIdentity } from '../../acceptor/verdict.ts';
import { decodeGssToken } from '../messages/gss-token.ts';
import { MechType } from '../messages/mech-types.ts';

/** Makes the server's end of Kerberos contexts: `kerberosServer()` of `ntlmachine/kerberos`, or whatever stands in for it. */
export interface KerberosAcceptor {
  /** Whether it refuses tickets that are bound to another channel than the `channelBindings` of its request. */
  readonly binds: boolean;
  /** Whether tickets are taken where bindings are asked for, though it does not look at them; default `false`. */
  readonly unbound?: boolean | undefined;
  /** Anything that it rejects with is this end's failure, not the client's. */
  begin(request: KerberosContextRequest, signal: AbortSignal): KerberosServerContext | Promise<KerberosServerContext>;
}

export interface KerberosContextRequest {
  /** Of the TLS connection, where they are asked for. */
  readonly channelBindings: { readonly hash: Uint8Array } | undefined;
}

/** One context, used once. */
export interface KerberosServerContext {
  /**
   * `token`: of the mechanism 1.2.840.113554.1.2.2, in its frame, and of no other. The signal is aborted when nobody waits
   * any more. Reject with an `NtlmError` `ticket-refused` of `side: 'peer'` where it is; anything else is this end's failure.
   */
  step(token: Uint8Array, signal: AbortSignal): KerberosAccepted | Promise<KerberosAccepted>;
}

/** What one step came to. */
export interface KerberosAccepted {
  /** To be sent; left out or empty: nothing is. */
  readonly token?: Uint8Array | undefined;
  /** Whether the context is established on this end. */
  readonly complete: boolean;
  /** Whose ticket it was, `alice@CASTLE.EXAMPLE`, once it is. */
  readonly principal?: string | undefined;
}

/** A client that Kerberos let in. */
export interface KerberosVerified {
  readonly ok: true;
  readonly mechanism: 'Kerberos';
  /** `domain`: the realm; `workstation`: empty. */
  readonly identity: ClaimedIdentity;
  /** As the ticket has it: `alice@CASTLE.EXAMPLE`. */
  readonly principal: string;
  /** Whether the ticket was held against this end's channel. */
  readonly channelBindings: boolean;
}

/** @throws NtlmError `invalid-argument` */
export function checkKerberos(kerberos: KerberosAcceptor | undefined, asksForBindings: boolean): void {
  if (kerberos === undefined) return;
  if (typeof kerberos?.begin !== 'function') throw invalidArgument('kerberos', 'must be kerberosServer() of ntlmachine/kerberos, or an object with "begin"');
  if (!asksForBindings || kerberos.binds || kerberos.unbound === true) return;
  throw invalidArgument('kerberos', 'looks at no channel bindings, which "channelBindings" asks for: kerberosServer({ unbound: true }) takes tickets without');
}

/** Kerberos by its own identifier, and by the one that Windows 2000 misspelt, under which its tokens have the right one. */
export function isKerberos(mechType: string | undefined): boolean {
  return mechType === MechType.KERBEROS || mechType === MechType.MS_KERBEROS;
}

/** Whether a first token is Kerberos's, without SPNEGO around it. @throws NtlmError `malformed-token` */
export function isRawKerberos(token: Uint8Array): boolean {
  return token[0] === 0x60 && decodeGssToken(token).mechanism === MechType.KERBEROS;
}

/** A provider's context as an opaque handle: it holds keys, and nothing that inspects a machine reaches them. */
export class HeldTicket {
  readonly #context: KerberosServerContext;

  /** @throws NtlmError `service-failed` for what is no context. */
  constructor(context: KerberosServerContext) {
    if (typeof (context as Partial<KerberosServerContext> | null | undefined)?.step !== 'function') throw failed('gave no context');
    this.#context = context;
  }

  /** @throws NtlmError `service-failed` for an answer that is no step. */
  async step(token: Uint8Array, signal: AbortSignal): Promise<KerberosAccepted> {
    const { token: made, complete, principal }: Partial<KerberosAccepted> = (await this.#context.step(token, signal)) ?? {};
    if (typeof complete !== 'boolean' || !(made === undefined || made instanceof Uint8Array)) throw failed('answered with no step');
    const isEmpty = made === undefined || made.length === 0;
    if (!complete && isEmpty) throw failed('wants more, and has nothing to send');
    if (complete && (typeof principal !== 'string' || principal === '')) throw failed('let somebody in without a name');
    return { complete, principal, token: isEmpty ? undefined : Uint8Array.from(made) };
  }

  toJSON(): string {
    return '[context]';
  }
}

function failed(what: string): NtlmError {
  return new NtlmError(`the acceptor of Kerberos ${what}`, { code: 'service-failed', phase: 'kerberos', side: 'local' });
}

/** A realm has no @, a name may. */
export function identityOfPrincipal(principal: string): ClaimedIdentity {
  const at = principal.lastIndexOf('@');
  return { username: at < 0 ? principal : principal.slice(0, at), domain: at < 0 ? '' : principal.slice(at + 1), workstation: '' };
}
