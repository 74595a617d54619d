import { NtlmError } from '../errors.ts';
import type { KerberosContext, KerberosStep } from './provider.ts';

/** A provider's context as an opaque handle: it holds keys, and nothing that inspects a machine reaches them. */
export class HeldContext {
  #context: KerberosContext | undefined;

  /** @throws NtlmError `service-failed` for what is no context. */
  constructor(context: KerberosContext) {
    if (typeof (context as Partial<KerberosContext> | null | undefined)?.step !== 'function') throw failed('gave no context');
    this.#context = context;
  }

  /** @throws NtlmError `service-failed` for an answer that is no step, or once it was let go. */
  async step(token: Uint8Array | undefined, signal: AbortSignal): Promise<KerberosStep> {
    if (this.#context === undefined) throw failed('was asked after its end');
    const step: Partial<KerberosStep> | null | undefined = await this.#context.step(token, signal);
    const made: unknown = step?.token;
    if (typeof step?.complete !== 'boolean' || !(made === undefined || made instanceof Uint8Array)) throw failed('answered with no step');
    return { complete: step.complete, token: made === undefined || made.length === 0 ? undefined : Uint8Array.from(made) };
  }

  /** The provider's is left to the garbage collector, which is all that its kind knows. */
  letGo(): void {
    this.#context = undefined;
  }

  toJSON(): string {
    return '[context]';
  }
}

function failed(what: string): NtlmError {
  return new NtlmError(`the provider of Kerberos ${what}`, { code: 'service-failed', phase: 'kerberos', side: 'local' });
}
