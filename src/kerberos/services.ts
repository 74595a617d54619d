/** The work that the machine invokes. Each may be replaced through `provide()`. */
import { fromPromise } from 'xstate';
import { fromSynchronous } from '../machine/synchronous.ts';
import { readReply, wrapToken, type Reply } from './envelope.ts';
import { HeldContext } from './held-context.ts';
import type { ContextRequest, KerberosProvider, KerberosStep } from './provider.ts';

/** Input of the service `begin`. */
export interface BeginInput {
  readonly provider: KerberosProvider;
  readonly request: ContextRequest;
}

/** The provider's context for the service that is named. */
export const beginService = fromPromise(async ({ input: { provider, request }, signal }: { input: BeginInput; signal: AbortSignal }) =>
  new HeldContext(await provider.begin(request, signal)),
);

/** Input of the service `step`. */
export interface StepInput {
  readonly held: HeldContext | undefined;
  /** What the server sent, without SPNEGO; `undefined` for the first step. */
  readonly token: Uint8Array | undefined;
  /** Whether SPNEGO is put around what comes out. */
  readonly wrap: boolean;
  /** Whether it is the first of the context. */
  readonly first: boolean;
}

/** The next token, as it is sent. */
export const stepService = fromPromise(async ({ input, signal }: { input: StepInput; signal: AbortSignal }): Promise<KerberosStep> => {
  const { held, token, wrap, first } = input;
  const step = await held!.step(token, signal);
  return { complete: step.complete, token: step.token && wrap ? wrapToken(step.token, { first }) : step.token };
});

/** Input of the service `read`. */
export interface ReadInput {
  readonly token: Uint8Array;
  /** Whether SPNEGO is around it. */
  readonly wrapped: boolean;
}

/** What the server sent. */
export const readService = fromSynchronous(({ token, wrapped }: ReadInput): Reply =>
  wrapped ? readReply(token) : { rejected: false, token },
);
