/** What `#spnego` is on Node: SPNEGO, at hand for `new NtlmClient({ spnego: true })`. */
import { createSpnegoActor } from './actor.ts';

export type Spnego = typeof createSpnegoActor;

export const included: Spnego | undefined = createSpnegoActor;
